package bandwidth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	options := []Option{{"l", 0, 100}, {"m", 0, 300}, {"h", 0, 1000}}
	for _, tt := range []struct {
		name    string
		options []Option
		current int
		target  float64
		known   bool
		want    int
	}{
		{"nothing to choose", nil, -1, 500, true, -1},
		{"unknown", options, 0, 0, false, 2},
		{"the first choice fits", options, -1, 500, true, 1},
		{"or is the least", options, -1, 10, true, 0},
		{"it goes on", options, 1, 310, true, 1},
		{"a little too much", options, 2, 900, true, 2},
		{"far too much", options, 2, 790, true, 1},
		{"down over several", options, 2, 150, true, 0},
		{"there is nothing below", options, 0, 10, true, 0},
		{"up over several", options, 0, 1000, true, 2},
		{"not quite", options, 1, 990, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Chooser
			_ = c.Choose(tt.options, tt.current, tt.target, tt.known, time.Minute)
			require.Equal(t, tt.want, c.Choose(tt.options, tt.current, tt.target, tt.known, time.Minute+farAfter))
		})
	}
}

// What is a little too much for long is left, or far too much for a moment, and what was of no use is tried less and less often.
func TestChooserHesitates(t *testing.T) {
	options := []Option{{"l", 0, 100}, {"h", 0, 1000}}
	var c Chooser
	now := time.Minute
	require.Equal(t, 1, c.Choose(options, 1, 950, true, now))
	require.Equal(t, 1, c.Choose(options, 1, 980, true, now+overAfter), "it was short for a moment")
	require.Equal(t, 1, c.Choose(options, 1, 950, true, now+overAfter))
	now += 2 * overAfter
	require.Equal(t, 0, c.Choose(options, 1, 950, true, now))
	for _, hold := range []time.Duration{upAfter, 2 * upAfter, 4 * upAfter, 8 * upAfter, upLast, upLast} {
		require.Equal(t, 0, c.Choose(options, 0, 2000, true, now+hold-1))
		now += hold
		require.Equal(t, 1, c.Choose(options, 0, 2000, true, now))
		now += time.Second
		require.Equal(t, 1, c.Choose(options, 1, 500, true, now))
		now += farAfter
		require.Equal(t, 0, c.Choose(options, 1, 500, true, now))
	}
	now += upLast
	require.Equal(t, 1, c.Choose(options, 0, 2000, true, now))
	now += upHasHeld
	require.Equal(t, 1, c.Choose(options, 1, 500, true, now))
	require.Equal(t, 1, c.Choose(options, 1, 1500, true, now+farAfter), "that was somebody else's key frame")
	require.Equal(t, 1, c.Choose(options, 1, 500, true, now+2*farAfter))
	now += 3 * farAfter
	require.Equal(t, 0, c.Choose(options, 1, 500, true, now))
	require.Equal(t, 0, new(Chooser).Choose(options, 1, 490, true, now), "so little is nobody else's fault")
	require.Equal(t, 1, c.Choose(options, 0, 2000, true, now+upAfter), "it has held for long")
}

func TestNext(t *testing.T) {
	options := []Option{{"l", 0, 100}, {"h", 0, 1000}}
	require.Zero(t, Next(nil, -1))
	require.InDelta(t, 110, Next(options, -1), 1)
	require.InDelta(t, 1100, Next(options, 0), 1)
	require.InDelta(t, 1100, Next(options, 1), 1)
}
