package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/v3"

	"github.com/sluice-live/sluice/packager/timeline"
)

// store is an etcd in memory, as far as claims and reservations need one. It is used by one goroutine.
type store struct {
	revision int64
	keys     map[string]*mvccpb.KeyValue
	leases   map[clientv3.LeaseID]bool
}

func (s *store) grant() clientv3.LeaseID {
	id := clientv3.LeaseID(len(s.leases) + 1)
	s.leases[id] = true
	return id
}

// expire ends a lease, and all that is under it.
func (s *store) expire(id clientv3.LeaseID) {
	s.leases[id] = false
	for key, kv := range s.keys {
		if kv.Lease == int64(id) {
			s.revision++
			delete(s.keys, key)
		}
	}
}

func (s *store) holds(c clientv3.Cmp) bool {
	of := c.GetCompare()
	kv := s.keys[string(of.Key)]
	switch want := of.TargetUnion.(type) {
	case *pb.Compare_CreateRevision:
		return kv == nil && want.CreateRevision == 0
	case *pb.Compare_ModRevision:
		return kv != nil && kv.ModRevision == want.ModRevision
	case *pb.Compare_Value:
		return kv != nil && string(kv.Value) == string(want.Value)
	}
	panic("a comparison that is not known")
}

func (s *store) do(ops []clientv3.Op) (answers []*pb.ResponseOp) {
	for _, op := range ops {
		key := string(op.KeyBytes())
		found := &pb.RangeResponse{}
		switch {
		case op.IsPut():
			s.keys[key] = &mvccpb.KeyValue{Key: op.KeyBytes(), Value: op.ValueBytes(), ModRevision: s.revision, Lease: leaseOf(op)}
		case op.IsDelete():
			delete(s.keys, key)
		case s.keys[key] != nil:
			found.Kvs = []*mvccpb.KeyValue{s.keys[key]} // which is replaced, never changed
		}
		answers = append(answers, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: found}})
	}
	return answers
}

// leaseOf is under which lease an operation puts something.
func leaseOf(op clientv3.Op) int64 { return reflect.ValueOf(op).FieldByName("leaseID").Int() }

var errCut = errors.New("etcd does not answer")

// line is a node's way to the store, which may be cut, before or behind what it asks for.
type line struct {
	clientv3.KV
	*store
	cut    bool
	random *rand.Rand
}

type transaction struct {
	clientv3.Txn
	line            *line
	conditions      []clientv3.Cmp
	then, otherwise []clientv3.Op
}

func (l *line) Txn(context.Context) clientv3.Txn { return &transaction{line: l} }

func (t *transaction) If(c ...clientv3.Cmp) clientv3.Txn    { t.conditions = c; return t }
func (t *transaction) Then(ops ...clientv3.Op) clientv3.Txn { t.then = ops; return t }
func (t *transaction) Else(ops ...clientv3.Op) clientv3.Txn { t.otherwise = ops; return t }

func (t *transaction) Commit() (*clientv3.TxnResponse, error) {
	s := t.line.store
	if t.line.cut {
		return nil, errCut
	}
	met, ops := true, t.then
	for _, c := range t.conditions {
		met = met && s.holds(c)
	}
	if !met {
		ops = t.otherwise
	}
	for _, op := range ops {
		if lease := clientv3.LeaseID(leaseOf(op)); op.IsPut() && !s.leases[lease] {
			return nil, errors.New("the lease has ended")
		}
	}
	s.revision++
	answer := &clientv3.TxnResponse{Header: &pb.ResponseHeader{Revision: s.revision}, Succeeded: met, Responses: s.do(ops)}
	if t.line.random.IntN(20) == 0 {
		return nil, errCut // done, which nobody hears of
	}
	return answer, nil
}

// racing is a node of a race, with what it lists of the one stream.
type racing struct {
	*Node
	line    *line
	stopped bool

	open      bool
	used      int64
	limit     int64
	broadcast string
	holder    string    // this stream at this node, unlike any other
	listed    time.Time // when the newest was
}

// race is nodes that claim, reserve and list, in an order that chance has made.
type race struct {
	t      *testing.T
	random *rand.Rand
	store  *store
	now    time.Time
	nodes  []*racing
	media  *racing           // where the publisher is; nil: nowhere
	used   map[string]string // who has listed a number of a broadcast
	made   int
	came   int // publishers
}

const raced = "cam"

func newRace(t *testing.T, seed uint64) *race {
	r := &race{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1e9, 0), used: map[string]string{},
		store: &store{keys: map[string]*mvccpb.KeyValue{}, leases: map[clientv3.LeaseID]bool{}},
	}
	for _, id := range []string{"a", "b", "c"} {
		n := &racing{line: &line{store: r.store, random: r.random}}
		r.nodes = append(r.nodes, n)
		r.boot(n, id)
	}
	return r
}

// boot makes a process of a node.
func (r *race) boot(n *racing, id string) {
	n.open, n.stopped = false, false
	n.Node = &Node{
		options: Options{ID: id, Logger: slog.New(slog.DiscardHandler), Waiting: func() []string { return nil }},
		view:    newView(), skew: newSkew(), claims: map[string]*claim{}, over: map[string]bool{}, now: func() time.Time { return r.now }, entered: make(chan struct{}),
	}
	n.options.Numbers = func(_ string, ahead int64) (timeline.Numbers, string, bool) {
		publisher := ""
		if r.media == n {
			publisher = fmt.Sprint("publisher", r.came)
		}
		return timeline.Numbers{Broadcast: n.broadcast, Used: n.used, Next: n.used + ahead, Segment: 2 * time.Second, At: r.now}, publisher, n.open
	}
	n.options.Allow = func(_ string, limit int64) { n.limit = limit }
	n.options.Deposed = func(string) { n.open = false }
	n.client = n.line
	r.enter(n)
}

// enter has a node be among the others, with leases of its own.
func (r *race) enter(n *racing) {
	d := directory{n.line, r.store.grant(), r.store.grant()}
	if n.reclaim(context.Background(), d) == nil {
		n.Node.enter(d)
	}
}

// publish has the publisher come to a node, as a service would open the stream for it.
func (r *race) publish(n *racing) {
	if n.stopped {
		return
	}
	r.media = nil
	r.came++
	if n.open {
		r.media = n
		return
	}
	from, err := n.Claim(context.Background(), raced)
	if err != nil {
		return
	}
	r.made++
	n.holder, n.used, n.limit, n.broadcast = fmt.Sprint(n.ID(), r.made), 1, 0, fmt.Sprint("broadcast", r.made)
	if from != nil {
		next := from.After(r.now)
		n.used, n.broadcast = next.Next, next.Broadcast
	}
	n.open = true
	if n.Reserve(context.Background(), raced) != nil {
		n.open = false
		n.Release(raced)
		return
	}
	r.media = n
}

// list has a node list its next segment, if it may.
func (r *race) list(n *racing) {
	if n.stopped || !n.open || n.used >= n.limit || r.now.Sub(n.listed) < 1400*time.Millisecond {
		return
	}
	key := fmt.Sprint(n.broadcast, "/", n.used)
	if other := r.used[key]; other != "" && other != n.holder {
		require.Fail(r.t, "a number is used twice", "%s by %s and %s", key, other, n.holder)
	}
	r.used[key] = n.holder
	n.used, n.listed = n.used+1, r.now
}

// step is one of the things that may come next.
func (r *race) step() {
	n := r.nodes[r.random.IntN(len(r.nodes))]
	switch r.random.IntN(24) {
	case 0:
		n.line.cut = !n.line.cut
	case 1:
		n.stopped = !n.stopped
		if r.media == n {
			r.media = nil
		}
	case 2: // a lease ends of whoever does not keep it
		if (n.line.cut || n.stopped) && n.lease != 0 {
			r.store.expire(n.lease)
		}
	case 3:
		if n.stopped || n.line.cut {
			return
		}
		if !r.store.leases[n.lease] {
			n.Node.enter(directory{})
			r.enter(n)
		}
	case 4: // kill -9
		if r.media == n {
			r.media = nil
		}
		r.store.expire(n.lease)
		r.boot(n, n.ID())
	case 5, 6:
		r.publish(n)
	case 7:
		r.media = nil
	case 8:
		if n.open && !n.stopped && r.media != n && r.random.IntN(4) == 0 { // the broadcast ends; a minute later it is forgotten
			n.open = false
			n.Release(raced)
			if kept := n.unused(); kept[raced] != 0 && (directory{n.line, n.lease, n.kept}).release(context.Background(), raced, kept[raced], true) == nil {
				delete(n.claims, raced)
			}
		}
	case 9, 10, 11:
		if !n.stopped {
			n.reserveAll(context.Background())
		}
	default:
		r.now = r.now.Add(time.Duration(r.random.IntN(1500)) * time.Millisecond)
		for _, n := range r.nodes {
			r.list(n)
		}
	}
}

// However claims, reservations and faults follow each other, no number of a broadcast is listed by two, and what a stopped node lists when it goes on
// is listed by nobody else.
func TestNoNumberHasTwoOwners(t *testing.T) {
	listed, owners := 0, 0
	for seed := range uint64(10_000) {
		r := newRace(t, seed)
		for range 300 {
			r.step()
		}
		listed += len(r.used)
		holders := map[string]bool{}
		for key, holder := range r.used {
			holders[strings.Split(key, "/")[0]+" "+holder] = true
		}
		owners += len(holders)
	}
	t.Logf("%d numbers were listed, by %d owners", listed, owners)
}
