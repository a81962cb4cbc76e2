package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// badNetwork is one between a publisher and the service, for a while.
type badNetwork struct {
	name   string
	fate   func() fate // nil: the network is cut
	length time.Duration
	long   bool // only the benchmark has it
}

func badNetworks() []badNetwork {
	return []badNetwork{
		{"1 % lost", func() fate { return losing(0.01) }, 6 * time.Second, true},
		{"20 % lost", func() fate { return losing(0.2) }, 6 * time.Second, false},
		{"all doubled and a tenth reordered", func() fate { return doublingAndReordering }, 6 * time.Second, false},
		{"jitter of 100 ms", func() fate { return jittering }, 6 * time.Second, true},
		{"held back for 2 s", func() fate { return queueing(time.Now().Add(2 * time.Second)) }, 2 * time.Second, false},
		{"nothing for 20 s", nil, 20 * time.Second, false},
	}
}

// What a bad network does is over within seconds of its getting better: the picture is clean, sound and picture are together,
// and the latency is what it was. No viewer has to begin anew.
func TestBadNetwork(t *testing.T) {
	t.Parallel() // and its parts in turn
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	for _, n := range badNetworks() {
		if n.long {
			continue
		}
		t.Run(n.name, func(t *testing.T) {
			alongside(t, light)
			n.check(t, s)
		})
	}
}

// BenchmarkBadNetwork is TestBadNetwork with every network.
func BenchmarkBadNetwork(b *testing.B) {
	s := startService(b, "--ladder", smallRung, "--linger", "1s")
	for _, n := range badNetworks() {
		b.Run(n.name, func(b *testing.B) {
			for b.Loop() {
				late, grown := n.check(b, s)
				b.ReportMetric(float64(late.Milliseconds()), "ms-apart")
				b.ReportMetric(float64(grown.Milliseconds()), "ms-later")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// check returns how far sound and picture are apart afterwards, and how much the latency has changed, at most.
func (n badNetwork) check(t testing.TB, s *service) (apart, later time.Duration) {
	t.Helper()
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	name := sanitize(filepath.Base(t.Name()))
	network := newRelay(t)
	p := publishThrough(t, s, name, clip, network)
	p.rounds = 1 + int(n.length/(12*time.Second))
	p.send()
	time.AfterFunc(6*time.Second, func() {
		if n.fate == nil {
			network.suffer(nil, true)
		} else {
			network.suffer(n.fate(), false)
		}
	})
	time.AfterFunc(6*time.Second+n.length, func() { network.suffer(nil, false) })
	p.sending.Wait()
	requireAccounted(t, s, name)
	_, _, playlist := s.get("/live/" + name + "/240p.m3u8")
	require.NotContains(t, string(playlist), "#EXT-X-DISCONTINUITY\n")
	p.stop()
	return requireRecovered(t, filepath.Join(s.recording(name), "video.mp4"), 6*time.Second+n.length+3*time.Second)
}

// requireRecovered asserts that from an instant on flashes and beeps are together, and come as far apart from those before as
// they were sent. It returns by how much they are not: at most, and in the middle.
func requireRecovered(t testing.TB, recorded string, from time.Duration) (apart, moved time.Duration) {
	t.Helper()
	flashes, beeps := flashesAndBeeps(t, recorded)
	before := slices.DeleteFunc(slices.Clone(flashes), func(at time.Duration) bool { return at < 2*time.Second })
	require.NotEmpty(t, before)
	after := slices.DeleteFunc(slices.Clone(flashes), func(at time.Duration) bool { return at < from })
	require.GreaterOrEqual(t, len(after), 2, "flashes %v", flashes)
	var later []time.Duration
	for _, at := range after {
		later = append(later, (at-before[0]+flashEvery/2)%flashEvery-flashEvery/2)
	}
	slices.Sort(later)
	moved = later[len(later)/2].Abs() // one that comes late began with pictures that a busy machine lost
	late := offsets(after, beeps)
	require.GreaterOrEqual(t, len(late), 2, "flashes %v, beeps %v", flashes, beeps)
	t.Logf("after it: sound late by %v … %v, latency grown by %v … %v", slices.Min(late), slices.Max(late), later[0], later[len(later)-1])
	for i := range late {
		require.LessOrEqual(t, late[i].Abs(), 45*time.Millisecond, "flashes %v, beeps %v", flashes, beeps)
		apart = max(apart, late[i].Abs())
	}
	require.LessOrEqual(t, moved, 100*time.Millisecond, "flashes %v", flashes)
	return apart, moved
}
