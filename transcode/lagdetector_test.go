package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLagDetector says how soon ffmpeg counts as too slow.
func TestLagDetector(t *testing.T) {
	busy := func(from, to, at, lag float64) float64 { // behind while something else has the CPU, catching up at 1.5 of real time
		if at < from {
			return 0.3
		}
		if at < to {
			return 0.3 + (at-from)*lag
		}
		return max(0.3+(to-from)*lag-(at-to)/2, 0.3)
	}
	for _, c := range []struct {
		name      string
		limit     time.Duration
		lag       func(at float64) float64 // seconds behind, at a time in seconds
		overflows func(at float64) uint64
		want      float64 // when it is found to be too slow, 0 for never
	}{
		{"in time", time.Second, func(at float64) float64 { return 0.3 }, nil, 0},
		{"half as fast", time.Second, func(at float64) float64 { return at / 2 }, nil, 7.5},
		{"a tenth as fast", time.Second, func(at float64) float64 { return at * 0.9 }, nil, 6.5},
		{"a little slower than real time", time.Second, func(at float64) float64 { return 1.1 + at/10 }, nil, 5},
		{"late and keeps its distance", time.Second, func(at float64) float64 { return min(at/2, 1.5) }, nil, 17.5},
		{"at 1.07 of real time", time.Second, func(at float64) float64 { return max(1.6-at*0.07, 0.3) }, nil, 0},
		{"catches up a hole", time.Second, func(at float64) float64 { return max(20-2*at, 0.3) }, nil, 0},
		{"hardly catches up", time.Second, func(at float64) float64 { return 5 - at/25 }, nil, 15},
		{"a load of 4 s", time.Second, func(at float64) float64 { return busy(3, 7, at, 1) }, nil, 0},
		{"a load of 30 s", time.Second, func(at float64) float64 { return busy(3, 33, at, 0.5) }, nil, 9.5},
		{"falls behind, and catches up at the end", time.Second, func(at float64) float64 { return busy(1, 4.5, at, 2) }, nil, 0},
		{"no limit", 0, func(at float64) float64 { return at }, nil, 0},
		{"the queue overflows once", time.Second, func(at float64) float64 { return 0.5 }, func(at float64) uint64 { return uint64(min(at/6, 1)) }, 0},
		{"it overflows twice in one load", time.Second, func(at float64) float64 { return 0.5 }, func(at float64) uint64 { return uint64(min(at/4, 2)) }, 0},
		{"it overflows again and again", time.Second, func(at float64) float64 { return 0.5 }, func(at float64) uint64 { return uint64(at / 6) }, 12},
		{"it overflows seldom", time.Second, func(at float64) float64 { return 0.5 }, func(at float64) uint64 { return uint64(at / 21) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := lagDetector{limit: c.limit}
			began, found := time.Now(), 0.0
			for at := 0.0; at < 60 && found == 0; at += 0.5 {
				lag := time.Duration(c.lag(at) * float64(time.Second))
				now := time.Duration(at * float64(time.Second))
				r := lagReport{at: began.Add(now), lag: lag, out: now - lag, queue: QueueStats{Queued: 3}}
				if c.overflows != nil {
					r.queue.Overflows = c.overflows(at)
				}
				if slow := d.observe(r); slow != nil {
					found = at
					require.Equal(t, lag, slow.Lag)
					require.Less(t, slow.Speed, 1.05)
				}
				require.LessOrEqual(t, len(d.late), int(lateAfter/(500*time.Millisecond))+2)
			}
			require.Equal(t, c.want, found)
		})
	}
}

// TestLagWithoutInput does not take ffmpeg for too slow that is given nothing, because frames are dropped up to a keyframe.
func TestLagWithoutInput(t *testing.T) {
	d := lagDetector{limit: time.Second}
	for at := range 60 * time.Second / time.Second {
		require.Nil(t, d.observe(lagReport{at: time.Now().Add(at * time.Second), lag: at * time.Second}))
	}
}

func TestLagDetectorTellsSpeed(t *testing.T) {
	d := lagDetector{limit: time.Second}
	began := time.Now()
	for at := range 6 {
		now := time.Duration(at) * time.Second
		slow := d.observe(lagReport{
			at: began.Add(now), lag: 2*time.Second + now*3/4, out: now / 4,
			queue: QueueStats{Queued: 1, In: uint64(30 * at), Dropped: uint64(6 * at)},
		})
		if at < 5 {
			require.Nil(t, slow)
			continue
		}
		require.InDelta(t, 0.25*0.8, slow.Speed, 1e-9, "without what was dropped")
		require.EqualError(t, slow, "it is too slow: 0.20 of real time, 5.75s behind")
	}
}
