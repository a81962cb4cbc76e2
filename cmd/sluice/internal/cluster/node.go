package cluster

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.etcd.io/etcd/client/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/ingest/pull"
	cache "github.com/sluice-live/sluice/packager/relay"
	"github.com/sluice-live/sluice/packager/timeline"
)

// keepEnded is how long a stream that has ended stays with its node, so that viewers at others see the end, and who comes back goes on there.
const keepEnded = time.Minute

// Options are those of a Node.
type Options struct {
	ID, URL    string
	Etcd       []string // URLs
	Secret     string
	CacheBytes int64 // of others' live media
	// TLSOfEtcd and TLSOfNodes are how both are spoken to where their URLs are https; nil: as the system does.
	TLSOfEtcd, TLSOfNodes *tls.Config
	// Load measures for a while how much room there is.
	Load func(ctx context.Context, during time.Duration) (Load, error)
	// Waiting lists streams that are here and wait for their publishers, as after a restart, and rooms that somebody is in (Room): they are claimed, if
	// nobody else has them.
	Waiting func() []string
	// Deposed hears of a stream of ours that another node has now, or has had. It must not block.
	Deposed func(stream string)
	// Numbers are what another node may go on from if so many more segments of a stream are listed here at most, and whose media comes, "" for
	// nobody's. ok is false where there is no such stream.
	Numbers func(stream string, ahead int64) (now timeline.Numbers, publisher string, ok bool)
	// Allow lets lower numbers than the limit be listed of a stream.
	Allow func(stream string, limit int64)
	// Linger is how long streams wait for their publishers.
	Linger time.Duration
	Clock  func() time.Time // by which streams are dated; nil: the wall's
	Logger *slog.Logger
}

// Errors of Claim and Place.
var (
	ErrAway = errors.New("the directory of the cluster (etcd) does not answer, without which no stream can begin: those that run go on")
	ErrFull = errors.New("no node of the cluster has room for another stream")
)

// OwnedError says that another node has a stream.
type OwnedError struct{ Node string }

// Error implements error.
func (e *OwnedError) Error() string {
	return fmt.Sprintf("the node %s of the cluster has this stream: publish it there, or try again when it has ended", e.Node)
}

// Node is this service among the others.
type Node struct {
	options   Options
	instance  string
	view      *view
	key       *hop.Key
	way       *relay.Way
	connected *http.Transport
	skew      *skew
	began     time.Time
	entered   chan struct{} // closed once it has been among the others

	reserving sync.Mutex // held while numbers are reserved; taken before mu

	mu     sync.Mutex
	client clientv3.KV       // nil before Run
	lease  clientv3.LeaseID  // 0 while there is none
	kept   clientv3.LeaseID  // of numbers
	load   Load              // as it was said last
	claims map[string]*claim // of streams that are ours
	over   map[string]bool   // streams that have ended, and whose numbers may go; used by the goroutine of Run alone
	now    func() time.Time
}

// claim is a stream that is ours.
type claim struct {
	held  bool      // etcd has it
	users int       // of it
	ended time.Time // when the last of them has gone

	term    int64            // revision of etcd since when it is ours
	from    *Numbers         // what it goes on from; nil once there are numbers of ours
	numbers reservation      // of those
	lease   clientv3.LeaseID // under which they are
}

// New makes a Node, which asks for nothing yet.
func New(o Options) *Node {
	n := &Node{options: o, instance: cryptorand.Text(), view: newView(), skew: newSkew(), key: hop.New(o.Secret), connected: relay.NewTransport(),
		claims: map[string]*claim{}, over: map[string]bool{}, now: time.Now,
	}
	n.connected.TLSClientConfig = o.TLSOfNodes
	n.began, n.entered = time.Now(), make(chan struct{})
	n.way = relay.NewWay(relay.WayOptions{
		Origin: &url.URL{Scheme: "http", Host: "owner.invalid"}, Called: "The node that has this stream", Key: n.key, Transport: n, CacheBytes: o.CacheBytes, Logger: o.Logger,
	})
	return n
}

// ID is what the node is called.
func (n *Node) ID() string { return n.options.ID }

// Key is what nodes sign with.
func (n *Node) Key() *hop.Key { return n.key }

// Members are the nodes that there are, as far as is known.
func (n *Node) Members() []Member { return n.view.members() }

// Connected reports whether etcd answers.
func (n *Node) Connected() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lease != 0
}

// Elsewhere is the node that has a stream, where that is another one.
func (n *Node) Elsewhere(stream string) (id string, ok bool) {
	o, ok := n.view.owner(stream)
	return o.node, ok && o.node != n.options.ID
}

// Claim makes a stream ours until Release has been called as often. from is what it goes on from, by another node or a process before this one; nil for
// nothing. The error is ErrAway, ErrSkewed or an *OwnedError.
func (n *Node) Claim(ctx context.Context, stream string) (from *Numbers, err error) {
	d, held, from, err := n.begin(stream)
	if held || err != nil {
		return from, err
	}
	now, err := d.claim(ctx, stream, n.options.ID)
	n.mu.Lock()
	c := n.claims[stream]
	if c == nil { // it was lost meanwhile
		c = &claim{}
		n.claims[stream] = c
	}
	if !c.held && err == nil && now.node == n.options.ID {
		c.held, c.term, c.from = true, now.term, now.from
	}
	if c.held {
		c.users++
	} else {
		delete(n.claims, stream)
	}
	held, from = c.held, c.from
	n.mu.Unlock()
	switch {
	case held && err == nil:
		n.view.own(stream, n.options.ID, now.term)
		return from, nil
	case held:
		return from, nil
	case err != nil:
		n.options.Logger.Warn("a stream could not be claimed in etcd", "stream", stream, "error", err)
		return nil, ErrAway
	}
	return nil, &OwnedError{now.node}
}

// begin notes that a stream is about to be claimed, so that what comes of it is not taken for a relic. held reports that it is ours already.
func (n *Node) begin(stream string) (d directory, held bool, from *Numbers, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.claims[stream]
	switch {
	case c != nil && c.held:
		c.users++
		return d, true, c.from, nil
	case n.lease == 0:
		return d, false, nil, ErrAway
	case n.skew.wrong():
		return d, false, nil, ErrSkewed
	case c == nil:
		n.claims[stream] = &claim{ended: n.now()}
	}
	return directory{n.client, n.lease, n.kept}, false, nil, nil
}

// Release says that a stream has ended.
func (n *Node) Release(stream string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.claims[stream]; c != nil {
		c.users--
		c.ended = n.now()
	}
}

// idle gives up the claims of streams that have ended a while ago, which are ours no more.
func (n *Node) idle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for stream, c := range n.claims {
		if c.users <= 0 && n.now().Sub(c.ended) >= keepEnded {
			delete(n.claims, stream)
			if c.from == nil {
				n.over[stream] = true
			}
		}
	}
}

// drop gives up the claim of a stream that nobody uses here, if there is one. It reports whether nobody does.
func (n *Node) drop(stream string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.claims[stream]
	if c != nil && (!c.held || c.users > 0) {
		return false
	}
	delete(n.claims, stream)
	return true
}

// unused are the streams that are ours and have ended, with their terms.
func (n *Node) unused() map[string]int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	streams := map[string]int64{}
	for stream, c := range n.claims {
		if c.held && c.users <= 0 && c.from == nil {
			streams[stream] = c.term
		}
	}
	return streams
}

// claimed lists the streams that are ours.
func (n *Node) claimed() (streams []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for stream := range n.claims {
		streams = append(streams, stream)
	}
	return streams
}

// holds reports whether a stream has been claimed, and not only is about to be.
func (n *Node) holds(stream string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.claims[stream]
	return c != nil && c.held
}

// lose drops the claim of a stream that another node has.
func (n *Node) lose(stream, to string) {
	n.mu.Lock()
	c := n.claims[stream]
	delete(n.claims, stream)
	n.mu.Unlock()
	if c == nil || !c.held && c.users == 0 {
		return
	}
	if c.users > 0 {
		n.options.Logger.Warn("a stream of this node goes on at another one, which has claimed it while etcd was away", "stream", stream, "node", to)
	}
	n.options.Deposed(stream)
}

type targetKey struct{}

// To has a request that is passed on go to a node.
func To(r *http.Request, id string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), targetKey{}, id))
}

// Pass passes requests on: to the node that To has named.
func (n *Node) Pass() http.Handler { return n.way.Pass() }

// Stats counts what has been asked of others' live media, and answered.
func (n *Node) Stats() cache.Stats { return n.way.Stats() }

// Live serves others' live media.
func (n *Node) Live() http.Handler { return n.way.Live() }

// Ask asks a node for a document, for nobody in particular.
func (n *Node) Ask(ctx context.Context, id, path string) (status int, body []byte, err error) {
	return n.way.Ask(context.WithValue(ctx, targetKey{}, id), path)
}

// Get asks a node for a document of the path of a request, in the name of its client.
func (n *Node) Get(ctx context.Context, id string, r *http.Request) (status int, body []byte, err error) {
	return n.way.Get(context.WithValue(ctx, targetKey{}, id), r)
}

// Origin is where a stream of another node comes from for viewers over WHEP, each of whom gate is asked about; nil where it is ours, or nobody's.
func (n *Node) Origin(gate *access.Gate, r *http.Request, stream string) pull.Origin {
	if _, elsewhere := n.Holder(stream); !elsewhere {
		return nil
	}
	return n.way.Source(gate, r, stream)
}
