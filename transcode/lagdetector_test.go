package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit time.Duration
		lag   func(at float64) float64 // seconds behind, at a time in seconds
		want  float64                  // when it is found to be too slow, 0 for never
	}{
		{"in time", time.Second, func(at float64) float64 { return 0.3 }, 0},
		{"half as fast", time.Second, func(at float64) float64 { return at / 2 }, 5},
		{"a tenth as fast", time.Second, func(at float64) float64 { return at * 0.9 }, 4},
		{"late and pictures dropped", time.Second, func(at float64) float64 { return min(at/2, 4) }, 5},
		{"catches up a hole", time.Second, func(at float64) float64 { return max(20-2*at, 0.3) }, 0},
		{"hardly catches up", time.Second, func(at float64) float64 { return 5 - at/20 }, 2.5},
		{"a moment's load", time.Second, func(at float64) float64 {
			if at > 3 && at < 5 {
				return 1.5
			}
			return 0.3
		}, 0},
		{"no limit", 0, func(at float64) float64 { return at }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := lagDetector{limit: c.limit}
			began, found := time.Now(), 0.0
			for at := 0.0; at < 30 && found == 0; at += 0.5 {
				lag := time.Duration(c.lag(at) * float64(time.Second))
				r := Progress{Lag: lag, OutTime: time.Duration(at*float64(time.Second)) - lag}
				if slow := p.observe(began.Add(time.Duration(at*float64(time.Second))), r); slow != nil {
					found = at
					require.Equal(t, lag, slow.Lag)
					require.Less(t, slow.Speed, 1.1)
				}
			}
			require.Equal(t, c.want, found)
		})
	}
}

func TestPaceTellsSpeed(t *testing.T) {
	p := lagDetector{limit: time.Second}
	began := time.Now()
	require.Nil(t, p.observe(began, Progress{Lag: 2 * time.Second, OutTime: 10 * time.Second}))
	slow := p.observe(began.Add(4*time.Second), Progress{Lag: 5 * time.Second, OutTime: 11 * time.Second})
	require.Equal(t, &SlowError{Speed: 0.25, Lag: 5 * time.Second}, slow)
	require.EqualError(t, slow, "it is too slow: 0.25 of real time, 5s behind")
}
