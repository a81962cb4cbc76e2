package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	measured   = time.Second // how much room there is, each time
	firstPause = 100 * time.Millisecond
	longPause  = time.Second

	// A connection that is dead without having said so.
	dialAlive = 10 * time.Second
	dialDead  = 3 * time.Second
)

var errExpired = errors.New("the lease has ended: etcd has not answered for too long")

// Run is among the nodes until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	defer n.connected.CloseIdleConnections()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: n.options.Etcd, TLS: n.options.TLSOfEtcd, DialTimeout: askWithin, DialKeepAliveTime: dialAlive, DialKeepAliveTimeout: dialDead, Logger: zap.NewNop(),
		Context: context.WithoutCancel(ctx), // so that the lease can be given back
	})
	if err != nil {
		return fmt.Errorf("cluster.etcd: %w", err)
	}
	defer client.Close()
	n.mu.Lock()
	n.client = client
	n.mu.Unlock()
	defer n.repeat(ctx, "the reservation of numbers", reserveEvery, n.reserveAll)()
	n.load, err = n.options.Load(ctx, firstPause)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("measure the machine: %w", err)
	}
	said := ""
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longPause) {
		entered, err := n.stay(ctx, client)
		if entered {
			pause, said = firstPause, ""
		}
		if err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			n.options.Logger.Warn("this node is out of the cluster: streams that run go on, none begins", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// stay is one of the nodes until ctx ends, when it is none any more at once, or etcd does not answer. entered reports whether it has been.
func (n *Node) stay(ctx context.Context, client *clientv3.Client) (entered bool, err error) {
	inside, leave := context.WithCancel(ctx)
	defer leave()
	d, alive, err := n.leases(inside, client)
	if err != nil {
		return false, err
	}
	defer func() {
		n.enter(directory{})
		if ctx.Err() != nil {
			n.forgetEnded(ctx, d)
			revoke(ctx, client, d.lease)
		}
	}()
	if err := d.register(inside, n.options.ID, n.record()); err != nil {
		return false, fmt.Errorf("register the node: %w", err)
	}
	if err := n.reclaim(inside, d); err != nil {
		return false, fmt.Errorf("claim the streams that run: %w", err)
	}
	all, revision, err := d.all(inside)
	if err != nil {
		return false, fmt.Errorf("read who there is: %w", err)
	}
	changes := watch(inside, client, revision)
	n.view.reset(all)
	n.enter(d)
	n.await(inside)
	n.options.Logger.Info("this node is in the cluster", "node", n.options.ID, "nodes", len(n.view.members()))
	return true, n.follow(inside, d, alive, changes)
}

// leases has etcd keep what there is of this node for as long as it lasts, and the numbers of its streams for longer. alive tells of both that they are
// kept; it is closed when one is not.
func (n *Node) leases(ctx context.Context, client *clientv3.Client) (d directory, alive <-chan struct{}, err error) {
	d.client = client
	if d.lease, err = grant(ctx, client, leaseLasts); err != nil {
		return d, nil, err
	}
	if d.kept, err = grant(ctx, client, n.options.Linger+keptLasts); err != nil {
		return d, nil, err
	}
	own, err := client.KeepAlive(ctx, d.lease)
	if err != nil {
		return d, nil, fmt.Errorf("keep the lease: %w", err)
	}
	kept, err := client.KeepAlive(ctx, d.kept)
	if err != nil {
		return d, nil, fmt.Errorf("keep the lease of numbers: %w", err)
	}
	ended := make(chan struct{})
	panics.Go(n.options.Logger, "the leases of this node", func() {
		defer close(ended)
		for ok := true; ok; {
			select {
			case _, ok = <-own:
			case _, ok = <-kept:
			}
		}
	})
	return d, ended, nil
}

// forgetEnded has nobody go on from the numbers of streams that have ended.
func (n *Node) forgetEnded(ctx context.Context, d directory) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	waiting := n.options.Waiting()
	for stream, term := range n.unused() {
		if !slices.Contains(waiting, stream) && d.release(ctx, stream, term, true) != nil {
			return // they go in time
		}
	}
}

// follow keeps what is known, and what is said of this node, at its newest.
func (n *Node) follow(ctx context.Context, d directory, alive <-chan struct{}, changes clientv3.WatchChan) error {
	loads, stop := n.measure(ctx)
	defer stop()
	defer n.repeat(ctx, "the search for nodes that have left", probeEvery, n.probe)()
	defer n.repeat(ctx, "the comparison of clocks", skewEvery, n.askClocks)()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-alive:
			return errExpired
		case seen, ok := <-changes:
			if err := seen.Err(); err != nil || !ok {
				return fmt.Errorf("watch the directory: %w", errors.Join(err, ctx.Err()))
			}
			for _, e := range seen.Events {
				n.notice(change{e.Kv.Key, e.Kv.Value, e.Kv.ModRevision, e.Type == clientv3.EventTypeDelete})
			}
		case load := <-loads:
			if err := n.tell(ctx, d, load); err != nil {
				return fmt.Errorf("tell of this node: %w", err)
			}
			if err := n.settle(ctx, d); err != nil {
				return fmt.Errorf("settle who has which stream: %w", err)
			}
		}
	}
}

// notice applies a change, and gives up a stream that another node has now.
func (n *Node) notice(c change) {
	n.view.apply(c)
	if stream, ok := ownerKey(c.key); ok {
		if node, elsewhere := n.Elsewhere(stream); elsewhere {
			n.lose(stream, node)
		}
	}
}

// enter notes under which leases streams are claimed; none: none are.
func (n *Node) enter(d directory) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lease, n.kept = d.lease, d.kept
	select {
	case <-n.entered:
	default:
		if d.lease != 0 {
			close(n.entered)
		}
	}
}

func (n *Node) record() record {
	n.mu.Lock()
	defer n.mu.Unlock()
	return record{n.options.URL, n.instance, n.load}
}

// measure measures the machine again and again. stop ends that and waits for its end.
func (n *Node) measure(ctx context.Context) (loads <-chan Load, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	found, ended := make(chan Load), make(chan struct{})
	go func() {
		defer close(ended)
		panics.Keep(ctx, n.options.Logger, "the load of this node", func() {
			for ctx.Err() == nil {
				load, err := n.options.Load(ctx, measured)
				if err != nil && ctx.Err() == nil {
					n.options.Logger.Warn("it cannot be measured how much room there is on this machine", "error", err)
				}
				select {
				case found <- load:
				case <-ctx.Done():
				}
			}
		})
	}()
	return found, func() {
		cancel()
		<-ended
	}
}

// tell says how much room there is, where that is not what was said last.
func (n *Node) tell(ctx context.Context, d directory, load Load) error {
	n.mu.Lock()
	matters := n.load.differs(load)
	if matters {
		n.load = load
	}
	n.mu.Unlock()
	if !matters {
		return nil
	}
	return d.register(ctx, n.options.ID, n.record())
}
