package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// keptOf is what etcd has of a stream's numbers; nil where it has none.
func keptOf(t *testing.T, n *testNode, stream string) *Numbers {
	t.Helper()
	answer, err := n.client.Get(t.Context(), numberKeys+stream)
	require.NoError(t, err)
	if len(answer.Kvs) == 0 {
		return nil
	}
	kept, err := parseNumbers(answer.Kvs[0].Value)
	require.NoError(t, err)
	require.NotZero(t, answer.Kvs[0].Lease, "it goes in time")
	return &kept
}

// Numbers are reserved ahead, whoever gets the stream goes on behind them, and of a stream that has ended they go.
func TestNumbers(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := startNode(t, etcd, "a"), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")
	claim := func(n *testNode, used int64) *Numbers {
		t.Helper()
		from, err := n.Claim(t.Context(), "cam")
		require.NoError(t, err)
		require.EqualValues(t, 0, n.numbers.list("cam", used))
		require.NoError(t, n.Reserve(t.Context(), "cam"))
		require.EqualValues(t, used+reserved, n.numbers.list("cam", used))
		return from
	}
	require.Nil(t, claim(a, 1))
	require.EqualValues(t, 1+reserved, keptOf(t, a, "cam").Next)
	a.numbers.list("cam", 1+reserved-leastReserved)
	a.reserveAll(t.Context())
	require.EqualValues(t, 1+reserved, keptOf(t, a, "cam").Next, "there are enough")
	a.numbers.list("cam", 2+reserved-leastReserved)
	eventually(t, func() bool { return keptOf(t, a, "cam").Next == 2+2*reserved-leastReserved })

	// Who has lost the stream without having heard of it reserves no more, and hears of it.
	_, err := a.client.Put(t.Context(), ownerKeys+"cam", "b")
	require.NoError(t, err)
	a.numbers.list("cam", 40)
	a.reserveAll(t.Context())
	require.Equal(t, "cam", <-a.deposed)
	require.EqualValues(t, 2+2*reserved-leastReserved, keptOf(t, a, "cam").Next)
	require.Equal(t, "a", claim(b, 26).Node)
	require.Equal(t, "b", keptOf(t, a, "cam").Node)

	b.stop() // with a publisher: another node goes on
	a.hasOwner(t, "cam", "")
	a.numbers.mu.Lock()
	a.numbers.limit = map[string]int64{}
	a.numbers.mu.Unlock()
	from := claim(a, 50)
	require.EqualValues(t, 26+reserved, from.Next)
	a.Release("cam")
	a.later.Store(int64(2 * keepEnded))
	eventually(t, func() bool { return keptOf(t, a, "cam") == nil }, "it has ended")
}

// While etcd is away, only who has published ever since lets a stream go on beyond its numbers.
func TestStretch(t *testing.T) {
	r, now := reservation{}, timeline.Numbers{Used: 1, Next: 17}
	require.True(t, r.due(now, ""))
	require.False(t, r.stretch(now, "x"), "nothing is reserved yet")
	r.done(now, "")
	require.False(t, r.due(now, ""))
	require.True(t, r.due(now, "x"), "who has come is noted")
	r.done(now, "x")
	now.Used = 15
	require.False(t, r.stretch(now, "x"))
	now.Used = 16
	require.True(t, r.stretch(now, "x"))
	require.EqualValues(t, 18, r.limit)
	require.True(t, r.alone && r.due(now, "x"))
	now.Used = 18
	require.False(t, r.stretch(now, ""), "its publisher has gone")
	require.False(t, r.stretch(now, "y"), "or has been elsewhere")
	require.True(t, r.stretch(now, "x"))
	r.done(timeline.Numbers{Used: 18, Next: 34}, "x")
	require.False(t, r.alone)
	for _, change := range []timeline.Numbers{{Disc: 2}, {Ended: true}, {Closed: true}, {Start: time.Unix(1, 0)}, {PartTarget: 1}, {Room: 1}, {Broadcast: "x"}, {Renditions: []string{"x"}}} {
		change.Used = 18
		require.True(t, r.due(change, "x"), "%+v", change)
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte(Numbers{Node: "a", Numbers: timeline.Numbers{Broadcast: "x", Next: 17, Used: 1, Segment: time.Second, At: time.Unix(1e9, 0)}}.String()))
	f.Add([]byte(`{"next":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := parseNumbers(text)
		if err != nil {
			return
		}
		require.NoError(t, n.Validate())
		require.GreaterOrEqual(t, n.After(time.Now()).Next, n.Next)
	})
}
