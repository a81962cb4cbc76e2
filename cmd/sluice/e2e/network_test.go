package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a bad network does is over within seconds of its getting better: the picture is clean, sound and picture are together,
// and the latency is what it was. No viewer has to begin anew.
func TestBadNetwork(t *testing.T) {
	t.Parallel() // and its parts in turn
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	for _, c := range []struct {
		name   string
		fate   func() fate // nil: the network is cut
		length time.Duration
	}{
		{"1 % lost", func() fate { return losing(0.01) }, 6 * time.Second},
		{"20 % lost", func() fate { return losing(0.2) }, 6 * time.Second},
		{"all doubled and a tenth reordered", func() fate { return doublingAndReordering }, 6 * time.Second},
		{"jitter of 100 ms", func() fate { return jittering }, 6 * time.Second},
		{"held back for 2 s", func() fate { return queueing(time.Now().Add(2 * time.Second)) }, 2 * time.Second},
		{"nothing for 20 s", nil, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			alongside(t, light)
			clip, err := makeClip(vp8)
			require.NoError(t, err)
			name := sanitize(filepath.Base(t.Name()))
			network := newRelay(t)
			p := publishThrough(t, s, name, clip, network)
			p.rounds = 1 + int(c.length/(12*time.Second))
			time.AfterFunc(6*time.Second, func() {
				if c.fate == nil {
					network.suffer(nil, true)
				} else {
					network.suffer(c.fate(), false)
				}
			})
			time.AfterFunc(6*time.Second+c.length, func() { network.suffer(nil, false) })
			p.sendAll()
			requireAccounted(t, s, name)
			_, _, playlist := s.get("/live/" + name + "/240p.m3u8")
			require.NotContains(t, string(playlist), "#EXT-X-DISCONTINUITY\n")
			p.stop()
			requireRecovered(t, filepath.Join(s.recording(name), "video.mp4"), 6*time.Second+c.length+3*time.Second)
		})
	}
}

// requireRecovered asserts that from an instant on flashes and beeps are together, and come as far apart from those before as
// they were sent.
func requireRecovered(t *testing.T, recorded string, from time.Duration) {
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
	late := offsets(after, beeps)
	require.GreaterOrEqual(t, len(late), 2, "flashes %v, beeps %v", flashes, beeps)
	t.Logf("after it: sound late by %v … %v, latency grown by %v … %v", slices.Min(late), slices.Max(late), slices.Min(later), slices.Max(later))
	for i := range late {
		require.LessOrEqual(t, late[i].Abs(), 45*time.Millisecond, "flashes %v, beeps %v", flashes, beeps)
	}
	for i := range later {
		require.LessOrEqual(t, later[i].Abs(), 100*time.Millisecond, "flashes %v", flashes)
	}
}
