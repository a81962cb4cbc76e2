package cluster

import (
	"context"
	"errors"
)

// reclaim brings the streams that are ours under a new lease, and gives up those that another node has, or has had meanwhile.
func (n *Node) reclaim(ctx context.Context, d directory) error {
	for _, stream := range n.claimed() {
		if !n.holds(stream) {
			continue
		}
		if err := n.claimAgain(ctx, d, stream); err != nil {
			return err
		}
	}
	return nil
}

// claimAgain claims a stream of ours whose claim has ended with a lease.
func (n *Node) claimAgain(ctx context.Context, d directory, stream string) error {
	now, err := d.claim(ctx, stream, n.options.ID)
	switch {
	case err != nil:
		return err
	case now.node != n.options.ID:
		n.lose(stream, now.node)
	case n.outlived(stream, now.from):
		n.lose(stream, "another one")
		return d.release(ctx, stream, now.term, false)
	default:
		n.mu.Lock()
		if c := n.claims[stream]; c != nil {
			if c.term = now.term; c.numbers.said.Next == 0 {
				c.from = now.from
			}
		}
		n.mu.Unlock()
		n.view.own(stream, now.node, now.term)
	}
	return nil
}

// outlived reports whether another node has had a stream of ours while our claim was none: its numbers are those of that node, or they have gone, of a
// stream whose publisher may be anywhere.
func (n *Node) outlived(stream string, kept *Numbers) bool {
	n.mu.Lock()
	c := n.claims[stream]
	counts := c != nil && c.held && c.numbers.said.Next != 0
	n.mu.Unlock()
	if !counts {
		return false
	}
	if kept != nil {
		return kept.Node != n.options.ID
	}
	_, publisher, ok := n.options.Numbers(stream, reserved)
	n.mu.Lock()
	defer n.mu.Unlock()
	return !ok || publisher == "" || publisher != c.numbers.publisher
}

// await has streams that wait here for their publishers be ours as long as they do, but those with which another node has gone on.
func (n *Node) await(ctx context.Context) {
	for _, stream := range n.options.Waiting() {
		if o, owned := n.view.owner(stream); owned && o.node != n.options.ID {
			if n.drop(stream) {
				n.options.Deposed(stream)
			}
			continue
		}
		from, err := n.Claim(ctx, stream)
		switch {
		case errors.Is(err, ErrAway):
			return
		case err != nil:
			continue
		}
		n.Release(stream)
		if from != nil && from.Node != n.options.ID && n.drop(stream) {
			n.options.Deposed(stream) // what is here is older
		}
	}
}

// settle gives up streams that have ended a while ago, and what is left in etcd of claims whose answers have not come. What was claimed under a lease
// that has ended meanwhile is claimed again.
func (n *Node) settle(ctx context.Context, d directory) error {
	n.await(ctx)
	n.idle()
	ours := map[string]bool{}
	for _, stream := range n.claimed() {
		ours[stream] = true
		if _, ok := n.view.owner(stream); !ok && n.holds(stream) {
			if err := n.claimAgain(ctx, d, stream); err != nil {
				return err
			}
		}
	}
	for stream, term := range n.view.ownedBy(n.options.ID) {
		if ours[stream] {
			continue
		}
		if err := d.release(ctx, stream, term, n.over[stream]); err != nil {
			return err
		}
		n.view.own(stream, "", term)
	}
	clear(n.over) // of what is nobody's the numbers go in time
	return nil
}
