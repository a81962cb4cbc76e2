package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/client/v3"

	"github.com/sluice-live/sluice/packager/timeline"
)

const (
	// reserved is for how many segments ahead numbers are reserved, and leastReserved how few are left when that is done again: so much has time,
	// and nothing that viewers wait for waits for etcd.
	reserved, leastReserved = 16, 8
	// reserveEvery is how often it is looked whether there are enough.
	reserveEvery = 250 * time.Millisecond
	// beyond is how many numbers more than are reserved may be used at a time while etcd is away and the publisher's media comes, which then is
	// nowhere else.
	beyond = 2
	// maxNumbers bounds what is read from etcd of a stream, bytes.
	maxNumbers = 8 << 10
)

// Numbers are what etcd has of a stream: what another node goes on from.
type Numbers struct {
	Node string `json:"node"` // that has reserved them
	timeline.Numbers
}

func parseNumbers(text []byte) (n Numbers, err error) {
	if len(text) > maxNumbers || json.Unmarshal(text, &n) != nil {
		return Numbers{}, errRecord
	}
	return n, n.Validate()
}

// String is how etcd has them.
func (n Numbers) String() string {
	text, err := json.Marshal(n)
	if err != nil {
		panic(err) // it has no values that JSON has not
	}
	return string(text)
}

// reservation is which numbers of a stream of ours nobody else will use.
type reservation struct {
	limit     int64            // only lower ones are ours
	said      timeline.Numbers // what etcd has; zero before the first
	publisher string           // whose media came then, "" for nobody's
	alone     bool             // more are used than etcd knows of
	warned    bool             // that there are none left
}

// due reports whether etcd is to be told.
func (r *reservation) due(now timeline.Numbers, publisher string) bool {
	s := &r.said
	return s.Next == 0 || r.alone || publisher != "" && publisher != r.publisher || r.limit-now.Used < leastReserved ||
		s.Broadcast != now.Broadcast || s.Disc != now.Disc || !s.Start.Equal(now.Start) || s.PartTarget != now.PartTarget ||
		s.Room != now.Room || s.Closed != now.Closed || s.Epoch != now.Epoch || s.Ended != now.Ended || !slices.Equal(s.Renditions, now.Renditions)
}

// done notes what etcd has been told.
func (r *reservation) done(said timeline.Numbers, publisher string) {
	r.said, r.publisher, r.limit, r.alone, r.warned = said, publisher, said.Next, false, false
}

// stretch allows numbers that are not reserved, when those that are have come to an end, while media comes of who has published ever since etcd has
// answered: whoever has come later may have been elsewhere meanwhile. It reports whether the limit has changed.
func (r *reservation) stretch(now timeline.Numbers, publisher string) bool {
	if r.said.Next == 0 || r.limit-now.Used >= beyond || publisher == "" || publisher != r.publisher {
		return false
	}
	r.limit, r.alone = now.Used+beyond, true
	return true
}

// reserve has etcd keep the numbers of a stream, if the node is still its owner since that term.
func (d directory) reserve(ctx context.Context, stream string, term int64, n Numbers) (ok bool, err error) {
	owner := clientv3.Compare(clientv3.ModRevision(ownerKeys+stream), "=", term)
	answer, err := d.commit(ctx, []clientv3.Cmp{owner}, []clientv3.Op{clientv3.OpPut(numberKeys+stream, n.String(), clientv3.WithLease(d.kept))}, nil)
	return err == nil && answer.Succeeded, err
}

// owner is who has a stream, since when; "" where nobody has.
func (d directory) owner(ctx context.Context, stream string) (node string, term int64, err error) {
	answer, err := d.commit(ctx, nil, []clientv3.Op{clientv3.OpGet(ownerKeys + stream)}, nil)
	if err != nil {
		return "", 0, err
	}
	for _, kv := range answer.Responses[0].GetResponseRange().GetKvs() {
		node, term = string(kv.Value), kv.ModRevision
	}
	return node, term, nil
}

// Reserve reserves the first numbers of a stream that has just been claimed and opened: before that nothing of it may be listed. The error is ErrAway
// or an *OwnedError.
func (n *Node) Reserve(ctx context.Context, stream string) error {
	n.reserving.Lock()
	defer n.reserving.Unlock()
	d, ok := n.directory()
	if !ok {
		return ErrAway
	}
	err := n.reserve(ctx, d, stream, true)
	if owned := (*OwnedError)(nil); err == nil || errors.As(err, &owned) {
		return err
	}
	n.options.Logger.Warn("the numbers of a stream could not be reserved in etcd", "stream", stream, "error", err)
	return ErrAway
}

// directory is etcd, while the node is among the others.
func (n *Node) directory() (directory, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return directory{n.client, n.lease, n.kept}, n.lease != 0
}

// reserveAll has the numbers of all streams of this node reserved. While etcd is away it lets those go on whose publishers' media comes.
func (n *Node) reserveAll(ctx context.Context) {
	n.reserving.Lock()
	defer n.reserving.Unlock()
	streams := slices.DeleteFunc(n.claimed(), func(stream string) bool { return strings.HasPrefix(stream, roomMark) || !n.holds(stream) })
	for _, stream := range streams {
		n.stretch(stream)
	}
	d, ok := n.directory()
	for _, stream := range streams {
		if !ok {
			return
		}
		if err := n.reserve(ctx, d, stream, false); err != nil && ctx.Err() == nil {
			n.options.Logger.Debug("the numbers of a stream are not reserved", "stream", stream, "error", err)
			ok = errors.As(err, new(*OwnedError)) // else etcd does not answer: the next look is soon
		}
	}
}

// stretch lets a stream go on for which there are no numbers left, if it may.
func (n *Node) stretch(stream string) {
	now, publisher, ok := n.options.Numbers(stream, reserved)
	if !ok {
		return
	}
	n.mu.Lock()
	c := n.claims[stream]
	if c == nil || now.Closed {
		n.mu.Unlock()
		return
	}
	before := c.numbers.alone
	changed, limit := c.numbers.stretch(now, publisher), c.numbers.limit
	out := !changed && c.numbers.said.Next != 0 && now.Used >= limit && !c.numbers.warned
	c.numbers.warned = c.numbers.warned || out
	n.mu.Unlock()
	switch {
	case changed:
		if !before {
			n.options.Logger.Warn("a stream goes on beyond its numbers that etcd knows of, which does not answer, because its publisher's media comes", "stream", stream)
		}
		n.options.Allow(stream, limit)
	case out:
		n.options.Logger.Warn("a stream stands still: etcd does not answer, its numbers are used up, and no media of a publisher comes", "stream", stream)
	}
}

// reserve tells etcd of a stream, where that is due.
func (n *Node) reserve(ctx context.Context, d directory, stream string, first bool) error {
	now, publisher, ok := n.options.Numbers(stream, reserved)
	n.mu.Lock()
	c := n.claims[stream]
	if !ok || c == nil || !first && (!c.continues(n.options.ID, now) || c.lease == d.kept && !c.numbers.due(now, publisher)) {
		n.mu.Unlock()
		return nil
	}
	term := c.term
	n.mu.Unlock()
	ok, err := d.reserve(ctx, stream, term, Numbers{n.options.ID, now})
	if err != nil {
		return err
	}
	if !ok {
		return n.superseded(ctx, d, stream, term)
	}
	n.mu.Lock()
	if n.claims[stream] != c || c.term != term {
		n.mu.Unlock()
		return fmt.Errorf("the stream %s has been claimed anew meanwhile", stream)
	}
	c.numbers.done(now, publisher)
	c.from, c.lease = nil, d.kept
	n.mu.Unlock()
	n.options.Allow(stream, now.Next)
	return nil
}

// continues reports whether what is here goes on from what etcd has: who has opened it from what is newer there says so by Reserve.
func (c *claim) continues(id string, now timeline.Numbers) bool {
	return c.from == nil || c.from.Node == id && now.Used >= c.from.Used
}

// superseded finds out why numbers could not be reserved: another node has the stream, to which it is left, or our claim is another one by now.
func (n *Node) superseded(ctx context.Context, d directory, stream string, term int64) error {
	node, now, err := d.owner(ctx, stream)
	switch {
	case err != nil:
		return err
	case node != "" && node != n.options.ID:
		n.lose(stream, node)
		return &OwnedError{node}
	case node == n.options.ID:
		n.mu.Lock()
		if c := n.claims[stream]; c != nil && c.term == term {
			c.term = now
		}
		n.mu.Unlock()
	}
	return fmt.Errorf("the claim of %s is another one", stream)
}

// Unreserved is how many streams go on beyond the numbers that etcd knows of.
func (n *Node) Unreserved() (streams int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.claims {
		if c.numbers.alone {
			streams++
		}
	}
	return streams
}
