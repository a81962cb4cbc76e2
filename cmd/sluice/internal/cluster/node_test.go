package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/packager/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of nodes that is long enough"

// testNode is a Node with what the test sees of it.
type testNode struct {
	*Node
	log     *logged
	later   atomic.Int64 // that its clock is ahead
	deposed chan string
	waiting atomic.Pointer[[]string]
	numbers listed
	stop    func()
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startNode has a node run until the end of the test, at an address where nobody serves.
func startNode(t *testing.T, etcd *etcdtest.Etcd, id string) *testNode {
	t.Helper()
	return startNodeAt(t, etcd, id, "http://127.0.0.1:1")
}

func startNodeAt(t *testing.T, etcd *etcdtest.Etcd, id, at string, changes ...func(*Options)) *testNode {
	t.Helper()
	n := &testNode{log: &logged{}, deposed: make(chan string, 1), numbers: listed{used: map[string]int64{}, limit: map[string]int64{}}}
	n.waiting.Store(&[]string{})
	o := Options{
		ID: id, URL: at, Etcd: []string{etcd.URL}, Secret: secret, CacheBytes: 1 << 20, Logger: slog.New(slog.NewTextHandler(n.log, nil)),
		Load: func(ctx context.Context, _ time.Duration) (Load, error) {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			return Load{Streams: 4, Idle: 1}, nil
		},
		Waiting: func() []string { return *n.waiting.Load() },
		Deposed: func(stream string) {
			select {
			case n.deposed <- stream:
			default:
			}
		},
		Numbers: n.numbers.of, Allow: n.numbers.allow,
	}
	for _, change := range changes {
		change(&o)
	}
	n.Node = New(o)
	n.now = func() time.Time { return time.Now().Add(time.Duration(n.later.Load())) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(n.stop)
	return n
}

// failed is why a stream could not be claimed.
func failed(_ *Numbers, err error) error { return err }

// listed are streams that a node lists something of.
type listed struct {
	mu      sync.Mutex
	used    map[string]int64 // the next number
	limit   map[string]int64
	flowing string
}

func (l *listed) of(stream string, ahead int64) (now timeline.Numbers, publisher string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used, ok := l.used[stream]
	return timeline.Numbers{Broadcast: stream, Used: used, Next: used + ahead, Segment: 2 * time.Second, At: time.Now()}, l.flowing, ok
}

func (l *listed) allow(stream string, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit[stream] = limit
}

// list has so many numbers of a stream be used, and returns its limit.
func (l *listed) list(stream string, used int64) (limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[stream] = used
	return l.limit[stream]
}

func eventually(t *testing.T, met func() bool, why ...any) {
	t.Helper()
	require.Eventually(t, met, time.Minute, 10*time.Millisecond, why...)
}

// sees waits until a node sees others.
func (n *testNode) sees(t *testing.T, ids ...string) {
	t.Helper()
	eventually(t, func() bool {
		var seen []string
		for _, m := range n.Members() {
			seen = append(seen, m.ID)
		}
		return strings.Join(seen, " ") == strings.Join(ids, " ")
	}, "%s does not see %v", n.ID(), ids)
}

// hasOwner waits until a node sees that another one has a stream; "" that none has.
func (n *testNode) hasOwner(t *testing.T, stream, id string) {
	t.Helper()
	eventually(t, func() bool { o, _ := n.view.owner(stream); return o.node == id }, "%s does not see that %q has %s", n.ID(), id, stream)
}

// One stream has one node, whoever claims it at the same time, for as long as that is there.
func TestOwners(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := startNode(t, etcd, "a"), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")

	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
	require.NoError(t, failed(a.Claim(t.Context(), "cam")), "it is ours")
	require.Equal(t, &OwnedError{"a"}, failed(b.Claim(t.Context(), "cam")))
	b.hasOwner(t, "cam", "a")
	for _, n := range []*testNode{a, b} {
		place, err := n.Place("cam")
		require.NoError(t, err)
		require.Equal(t, "a", place)
	}
	_, elsewhere := a.Elsewhere("cam")
	require.False(t, elsewhere)
	place, err := b.Place("another")
	require.NoError(t, err)
	require.Contains(t, []string{"a", "b"}, place)

	before, _ := b.view.owner("cam")
	_, err = a.client.Delete(t.Context(), ownerKeys+"cam") // as when the lease ends under which it was claimed
	require.NoError(t, err)
	eventually(t, func() bool { o, _ := b.view.owner("cam"); return o.node == "a" && o.term > before.term }, "it is not claimed again")

	var claims sync.WaitGroup
	var won, lost atomic.Int32
	for i := range 50 {
		for _, n := range []*testNode{a, b} {
			claims.Go(func() {
				stream, err := fmt.Sprint("raced-", i), ErrAway
				for errors.Is(err, ErrAway) { // where etcd takes longer than a claim waits
					_, err = n.Claim(context.Background(), stream)
				}
				if err == nil {
					won.Add(1)
				} else {
					lost.Add(1)
				}
			})
		}
	}
	claims.Wait()
	if !strings.Contains(a.log.String()+b.log.String(), "out of the cluster") { // which would lose what it has won, to the other one
		require.EqualValues(t, []int32{50, 50}, []int32{won.Load(), lost.Load()})
	}

	a.Release("cam")
	a.later.Store(int64(2 * keepEnded))
	b.hasOwner(t, "cam", "a") // somebody uses it still
	a.Release("cam")
	a.later.Store(int64(4 * keepEnded))
	b.hasOwner(t, "cam", "")
	require.NoError(t, failed(b.Claim(t.Context(), "cam")))
	a.hasOwner(t, "cam", "b")

	b.stop()
	a.sees(t, "a")
	a.hasOwner(t, "cam", "")
	require.NoError(t, failed(a.Claim(t.Context(), "cam")), "its node has gone")
}

// Without etcd what runs is known as it was, and nothing begins; afterwards all is as before.
func TestWithoutEtcd(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := startNode(t, etcd, "a"), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
	b.hasOwner(t, "cam", "a")

	etcd.Stop()
	require.ErrorIs(t, failed(b.Claim(t.Context(), "other")), ErrAway)
	eventually(t, func() bool { return !a.Connected() && !b.Connected() })
	for _, n := range []*testNode{a, b} {
		n.sees(t, "a", "b")
		place, err := n.Place("cam")
		require.NoError(t, err)
		require.Equal(t, "a", place)
		_, err = n.Place("other")
		require.ErrorIs(t, err, ErrAway)
		require.ErrorIs(t, failed(n.Claim(t.Context(), "other")), ErrAway)
	}
	require.NoError(t, failed(a.Claim(t.Context(), "cam")), "it runs")
	require.Contains(t, a.log.String(), "this node is out of the cluster")

	etcd.Start()
	eventually(t, func() bool { return a.Connected() && b.Connected() })
	b.sees(t, "a", "b")
	b.hasOwner(t, "cam", "a")
	require.NoError(t, failed(b.Claim(t.Context(), "other")))
	require.Equal(t, &OwnedError{"b"}, failed(a.Claim(t.Context(), "other")))

	// A node that was away for longer than its lease has lost what another one has claimed meanwhile.
	a.notice(change{[]byte(ownerKeys + "cam"), []byte("b"), 1 << 40, false})
	require.Equal(t, "cam", <-a.deposed)
}

// What a restart has left behind is its node's again, for as long as it waits for its publisher, unless another node has it.
func TestStreamsThatWait(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := startNode(t, etcd, "a"), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")
	require.NoError(t, failed(b.Claim(t.Context(), "theirs")))
	a.hasOwner(t, "theirs", "b")
	a.waiting.Store(&[]string{"left", "theirs"})
	b.hasOwner(t, "left", "a")
	a.later.Store(int64(2 * keepEnded))
	require.NoError(t, failed(a.Claim(t.Context(), "another")))
	b.hasOwner(t, "another", "a")
	b.hasOwner(t, "left", "a")
	b.hasOwner(t, "theirs", "b")
	a.waiting.Store(&[]string{})
	a.later.Store(int64(4 * keepEnded))
	b.hasOwner(t, "left", "")
}

// Who asks for a stream of a node that is restarted waits until it is back, and who publishes it goes there; one that ends is waited for by nobody.
func TestNodeIsRestarted(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := startNode(t, etcd, "a"), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")
	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
	require.NoError(t, failed(a.Claim(t.Context(), "other")))
	b.hasOwner(t, "cam", "a")
	b.hasOwner(t, "other", "a")
	b.Await(t.Context(), "cam", time.Hour)
	a.Release("other")
	a.later.Store(int64(2 * keepEnded))
	b.hasOwner(t, "other", "")
	b.Await(t.Context(), "other", time.Hour)

	a.stop()
	b.hasOwner(t, "cam", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Await(ctx, "cam", time.Hour)
	b.Await(t.Context(), "cam", time.Millisecond)
	found := make(chan string)
	go func() {
		b.Await(context.Background(), "cam", time.Hour)
		o, _ := b.view.owner("cam")
		found <- o.node
	}()
	again := startNode(t, etcd, "a")
	again.waiting.Store(&[]string{"cam"})
	again.AwaitStart(t.Context())
	place, err := again.Place("cam")
	require.NoError(t, err)
	require.Equal(t, "a", place)
	require.Equal(t, "a", <-found)
}

// Two processes of one name are one node too many.
func TestNamesAreTaken(t *testing.T) {
	etcd := etcdtest.Start(t)
	a := startNode(t, etcd, "a")
	a.sees(t, "a")
	other := startNode(t, etcd, "a")
	eventually(t, func() bool { return strings.Contains(other.log.String(), "another process is the node of this name") })
	require.ErrorIs(t, failed(other.Claim(t.Context(), "cam")), ErrAway)
	a.stop()
	eventually(t, other.Connected)
}
