package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	node := func(id string, streams int, idle float64) Member {
		return Member{ID: id, Load: Load{Streams: streams, Idle: idle}}
	}
	draining := node("draining", 9, 9)
	draining.Draining = true
	for name, tc := range map[string]struct {
		all    []Member
		random []int
		want   string
	}{
		"nobody":                   {nil, nil, ""},
		"none with room":           {[]Member{node("full", 0, 4), draining}, nil, ""},
		"one with room":            {[]Member{node("full", 0, 4), node("a", 1, 0), draining}, []int{0}, "a"},
		"the first is better":      {[]Member{node("a", 1, 2), node("b", 9, 1), node("c", 9, 9)}, []int{0, 0}, "a"},
		"the second is better":     {[]Member{node("a", 1, 2), node("b", 9, 1), node("c", 9, 9)}, []int{1, 0}, "c"},
		"it goes round":            {[]Member{node("a", 1, 2), node("b", 9, 1), node("c", 9, 1)}, []int{2, 0}, "a"},
		"as idle, with more room":  {[]Member{node("a", 1, 2), node("b", 9, 2)}, []int{0, 0}, "b"},
		"two are looked at, never": {[]Member{node("a", 1, 1), node("b", 1, 2), node("best", 9, 9)}, []int{0, 0}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			best, ok := choose(tc.all, func(n int) int {
				next := tc.random[0]
				require.Less(t, next, n)
				tc.random = tc.random[1:]
				return next
			})
			require.Equal(t, tc.want, best.ID)
			require.Equal(t, tc.want != "", ok)
		})
	}
}

func TestSeat(t *testing.T) {
	all := []Member{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	rooms := map[string]int{}
	for i := range 300 {
		room := fmt.Sprint("room-", i)
		at, ok := seat(all, room)
		require.True(t, ok)
		rooms[at.ID]++
		again, _ := seat([]Member{all[2], all[0], all[1]}, room)
		require.Equal(t, at, again, "in whatever order")
		without, _ := seat(slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return m.ID == "b" }), room)
		require.True(t, without == at || at.ID == "b", "it moves only if its node has gone")
	}
	for _, m := range all {
		require.InDelta(t, 100, rooms[m.ID], 40, m.ID)
	}
	at, ok := seat([]Member{{ID: "a", Load: Load{Draining: true}}, {ID: "b"}}, "den")
	require.True(t, ok)
	require.Equal(t, "b", at.ID)
	_, ok = seat(nil, "den")
	require.False(t, ok)
}

func TestView(t *testing.T) {
	v := newView()
	at := func(key, value string, revision int64, gone bool) change {
		return change{[]byte(key), []byte(value), revision, gone}
	}
	n1, n2 := record{"http://n1", "A", Load{Streams: 2, Idle: 1}}, record{"http://n2", "B", Load{}}
	v.reset([]change{at(nodeKeys+"n2", n2.String(), 1, false), at(nodeKeys+"n1", n1.String(), 2, false), at(ownerKeys+"cam", "n1", 3, false), at("sluice/else", "x", 4, false)})
	require.Equal(t, []Member{{"n1", "http://n1", n1.Load, 1}, {"n2", "http://n2", Load{}, 0}}, v.members())
	require.Equal(t, map[string]int64{"cam": 3}, v.ownedBy("n1"))

	v.apply(at(ownerKeys+"cam", "n2", 2, false))
	require.Equal(t, map[string]int64{"cam": 3}, v.ownedBy("n1"), "what is older does not count")
	v.apply(at(ownerKeys+"cam", "n2", 5, false))
	o, ok := v.owner("cam")
	require.True(t, ok)
	require.Equal(t, []any{"n2", int64(5)}, []any{o.node, o.term})
	require.NoError(t, o.reign.Err())
	v.apply(at(ownerKeys+"cam", "", 4, true))
	_, ok = v.owner("cam")
	require.True(t, ok, "nor does the end of an older term")
	v.apply(at(ownerKeys+"cam", "", 6, true))
	_, ok = v.owner("cam")
	require.False(t, ok)
	require.Error(t, o.reign.Err(), "what waits for that owner ends")

	v.apply(at(nodeKeys+"n1", "nonsense", 7, false))
	_, ok = v.node("n1")
	require.False(t, ok, "what cannot be read is nobody")
	v.apply(at(nodeKeys+"n2", "", 8, true))
	require.Empty(t, v.members())
}
