package cluster

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// startWithin is how long after its begin a node may need to be among the others, for who asks to wait.
const startWithin = 3 * time.Second

// Await returns when it is known where a stream is: at once, but where its node has just left, as one does that is restarted, when there is another
// owner, or after a while.
func (n *Node) Await(ctx context.Context, stream string, during time.Duration) {
	n.awaitUnless(ctx, stream, during, func() bool { return false })
}

// awaitUnless is Await, for whom a stream may be known otherwise.
func (n *Node) awaitUnless(ctx context.Context, stream string, during time.Duration, known func() bool) {
	timer := time.NewTimer(during)
	defer timer.Stop()
	for {
		astray, changed := n.view.astray(stream)
		if !astray || known() || slices.Contains(n.options.Waiting(), stream) {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// AwaitDeath returns at once where the node that has a stream answers, and else when it has the stream no more, or after a while: who publishes finds out
// that a node has died before etcd does. It reports whether the stream is nobody's now, because its node has died.
func (n *Node) AwaitDeath(ctx context.Context, stream string, during time.Duration) (died bool) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	for {
		o, owned := n.view.owner(stream)
		m, there := n.view.node(o.node)
		if !owned || !there || o.node == n.options.ID || n.answers(ctx, m.URL) == nil {
			return died && !owned
		}
		select {
		case <-o.reign.Done():
			died = true
		case <-ctx.Done():
			return false
		}
	}
}

// openedEvery is how often it is looked whether a stream is open.
const openedEvery = 50 * time.Millisecond

// AwaitOpen returns when a stream that this node has just got is open, as far as there says, or after a while; at once for any other.
func (n *Node) AwaitOpen(ctx context.Context, stream string, there func() bool) {
	if there() || !n.used(stream) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, Awaited)
	defer cancel()
	look := time.NewTicker(openedEvery)
	defer look.Stop()
	for !there() && n.used(stream) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// used reports whether a stream is ours and somebody uses it, or is about to.
func (n *Node) used(stream string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.claims[stream]
	return c != nil && c.held && c.users > 0
}

// AwaitStart returns when the node is among the others, or after a while: a process that has just begun is not yet.
func (n *Node) AwaitStart(ctx context.Context) {
	select {
	case <-n.entered:
		return
	default:
	}
	timer := time.NewTimer(time.Until(n.began.Add(startWithin)))
	defer timer.Stop()
	select {
	case <-n.entered:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Place is the node to which whoever begins to publish a stream goes: who has it, or has room for it.
func (n *Node) Place(stream string) (id string, err error) {
	if o, ok := n.view.owner(stream); ok {
		return o.node, nil
	}
	if !n.Connected() {
		return "", ErrAway
	}
	if slices.Contains(n.options.Waiting(), stream) {
		return n.options.ID, nil
	}
	best, ok := choose(n.view.members(), rand.IntN)
	if !ok {
		return "", ErrFull
	}
	return best.ID, nil
}

// PlaceRoom is the node at which a room is entered: where somebody is in it already, or else where every node says that it begins.
func (n *Node) PlaceRoom(room string) (id string) {
	if o, ok := n.view.owner(Room(room)); ok {
		return o.node
	}
	if m, ok := seat(n.view.members(), room); ok {
		return m.ID
	}
	return n.options.ID
}
