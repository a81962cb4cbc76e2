package cluster

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Awaited is for how long a stream may be without the node that had it, and has left, for who asks to wait.
const Awaited = 9 * time.Second

// Member is a node as the others see it.
type Member struct {
	ID  string
	URL string
	Load
	Owned int // streams
}

// view is what has been seen of etcd last. It may be used by many goroutines.
type view struct {
	mu      sync.RWMutex
	nodes   map[string]member
	owners  map[string]owner
	lost    map[string]loss // streams whose owner is none any more, for a while
	left    map[string]time.Time
	former  *former
	changed chan struct{} // closed at the next change
	now     func() time.Time
}

// member is a node that there is.
type member struct {
	record
	stay context.Context // ends when it leaves
	end  context.CancelFunc
}

// loss is which node a stream had, and when it had it no more.
type loss struct {
	node string
	at   time.Time
}

// owner is who has a stream, since a revision of etcd: its term.
type owner struct {
	node  string
	term  int64
	reign context.Context // ends when that is so no more
	end   context.CancelFunc
}

func newView() *view {
	return &view{
		nodes: map[string]member{}, owners: map[string]owner{}, lost: map[string]loss{}, left: map[string]time.Time{}, former: newFormer(), changed: make(chan struct{}),
		now: time.Now,
	}
}

// change is one of a key of etcd.
type change struct {
	key, value []byte
	revision   int64
	gone       bool
}

// reset puts what there is in the place of all that was known. What is not there any more has left just now.
func (v *view) reset(all []change) {
	there := map[string]bool{}
	for _, c := range all {
		there[string(c.key)] = true
	}
	v.mu.Lock()
	for stream := range v.owners {
		if !there[ownerKeys+stream] {
			v.loses(stream)
		}
	}
	for id := range v.nodes {
		if !there[nodeKeys+id] {
			v.leaves(id)
		}
	}
	before, were := v.owners, v.nodes
	v.nodes, v.owners = map[string]member{}, map[string]owner{}
	v.mu.Unlock()
	for _, c := range all { // what is as it was goes on
		v.mu.Lock()
		if id, ok := nodeKey(c.key); ok && were[id].stay != nil {
			v.nodes[id] = were[id]
			delete(were, id)
		}
		if stream, ok := ownerKey(c.key); ok && before[stream].reign != nil && before[stream].node == string(c.value) {
			o := before[stream]
			o.term = 0 // etcd may have begun anew
			v.owners[stream] = o
			delete(before, stream)
		}
		v.mu.Unlock()
		v.apply(c)
	}
	for _, o := range before {
		o.end()
	}
	for _, m := range were {
		m.end()
	}
}

// apply notes a change. What cannot be read counts as gone, and what is older than what is known does not count.
func (v *view) apply(c change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wake()
	if id, ok := nodeKey(c.key); ok {
		r, err := parseRecord(c.value)
		switch {
		case c.gone || err != nil:
			v.leaves(id)
			v.forget()
		default:
			v.enter(id, r)
		}
		return
	}
	stream, ok := ownerKey(c.key)
	known, old := v.owners[stream]
	switch node := string(c.value); {
	case !ok || old && known.term > c.revision:
	case c.gone:
		v.loses(stream)
	case old && known.node == node:
		known.term = c.revision
		v.owners[stream] = known
	case old || len(v.owners) < maxOwners:
		if old {
			known.end()
		}
		next := owner{node: node, term: c.revision}
		next.reign, next.end = context.WithCancel(context.Background())
		v.owners[stream] = next
	}
}

// enter notes what a node says of itself. v.mu is held.
func (v *view) enter(id string, r record) {
	m, known := v.nodes[id]
	if known && m.Instance != r.Instance { // another process of the same name
		m.end()
		known = false
	} else if !known && len(v.nodes) >= maxNodes {
		return
	}
	if m.record = r; !known {
		m.stay, m.end = context.WithCancel(context.Background())
	}
	v.nodes[id] = m
}

// forget drops what was lost too long ago to be waited for.
func (v *view) forget() {
	before := v.now().Add(-Awaited)
	maps.DeleteFunc(v.lost, func(_ string, l loss) bool { return l.at.Before(before) })
	maps.DeleteFunc(v.left, func(_ string, at time.Time) bool { return at.Before(before) })
}

// astray reports whether a stream has no node because that which had it has just left; changed is closed when it may be otherwise.
func (v *view) astray(stream string) (is bool, changed <-chan struct{}) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if _, owned := v.owners[stream]; owned {
		return false, v.changed
	}
	lost, ok := v.lost[stream]
	since := v.now().Add(-Awaited)
	return ok && lost.at.After(since) && v.left[lost.node].After(since), v.changed
}

// own notes that a node has a stream; "" that none has.
func (v *view) own(stream, node string, term int64) {
	v.apply(change{[]byte(ownerKeys + stream), []byte(node), term, node == ""})
}

func (v *view) owner(stream string) (owner, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	o, ok := v.owners[stream]
	return o, ok
}

func (v *view) node(id string) (member, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	r, ok := v.nodes[id]
	return r, ok
}

// ownedBy lists the streams of a node, with their terms.
func (v *view) ownedBy(id string) map[string]int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	owned := map[string]int64{}
	for stream, o := range v.owners {
		if o.node == id {
			owned[stream] = o.term
		}
	}
	return owned
}

// members lists the nodes by their names.
func (v *view) members() []Member {
	v.mu.RLock()
	defer v.mu.RUnlock()
	owned := map[string]int{}
	for stream, o := range v.owners {
		if !strings.HasPrefix(stream, roomMark) {
			owned[o.node]++
		}
	}
	all := make([]Member, 0, len(v.nodes))
	for _, id := range slices.SortedFunc(maps.Keys(v.nodes), strings.Compare) {
		all = append(all, Member{id, v.nodes[id].URL, v.nodes[id].Load, owned[id]})
	}
	return all
}

// choose is where a new stream goes: to the better of two random nodes that have room. ok is false where none has. random(n) is one of 0 to n-1.
func choose(all []Member, random func(n int) int) (best Member, ok bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return m.Draining || m.Streams <= 0 })
	if len(all) == 0 {
		return Member{}, false
	}
	first := random(len(all))
	best = all[first]
	if len(all) > 1 {
		second := (first + 1 + random(len(all)-1)) % len(all)
		if other := all[second]; better(other, best) {
			best = other
		}
	}
	return best, true
}

// seat is where a room begins: every node that sees the same others says the same, and of the rooms only those move whose node has gone
// (rendezvous hashing). ok is false where there is no node.
func seat(all []Member, room string) (best Member, ok bool) {
	var most uint64
	for _, m := range all {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(room + "/" + m.ID))
		if score := mixed(hash.Sum64()); !m.Draining && (!ok || score > most) {
			best, most, ok = m, score, true
		}
	}
	return best, ok
}

// mixed has each bit depend on all (the last step of MurmurHash3): FNV leaves the last letters in the lowest ones.
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// better reports whether a node has more to spare: cores, or where both have as many, streams.
func better(a, b Member) bool {
	if a.Idle != b.Idle {
		return a.Idle > b.Idle
	}
	return a.Streams > b.Streams
}
