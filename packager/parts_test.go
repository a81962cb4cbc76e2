package packager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/live"

	"github.com/sluice-live/sluice/packager/timeline"
)

// A segment of audio has ten parts like one of video, of which each is about as long and none a leftover.
func TestPartsOfAudioKeepPace(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	enc.fragments("2", 1)
	b.take(e, "")
	require.Nil(t, tl.playlist("audio"), "half a part is none yet")
	b.run(e, enc, 3)
	segments := tl.playlist("audio").Segments
	require.Len(t, segments, 3)
	for _, s := range segments {
		require.Len(t, s.Parts, 10)
		for i, part := range s.Parts {
			length := timeline.FromTicks(part.Duration, s.Timescale)
			require.LessOrEqual(t, length, 214*time.Millisecond)
			require.GreaterOrEqual(t, length, 100*time.Millisecond, "part %d", i)
			require.True(t, part.Independent)
		}
		require.GreaterOrEqual(t, timeline.FromTicks(s.Parts[9].Duration, s.Timescale), 140*time.Millisecond, "the last one")
	}
}

// Each part that viewers can have is told of once, with when it was captured.
func TestListedPartsAreTold(t *testing.T) {
	var told []live.Listed
	b := newBench(t, func(o *Options) { o.OnListed = func(p live.Listed) { told = append(told, p) } })
	_, e, enc := b.epoch("cam")
	enc.fragments("0", 3)
	b.clock.Advance(time.Second)
	b.take(e, "0")
	enc.fragments("0", 5)
	b.take(e, "0")
	b.run(e, enc, 1)
	begin := b.clock.Now().Add(-3 * time.Second)
	parts := 0
	for _, p := range told {
		if p.Rendition != "180p" {
			continue
		}
		require.Equal(t, []any{"cam", int64(1), parts}, []any{p.Stream, p.MSN, p.Part})
		require.WithinDuration(t, begin.Add(time.Duration(parts+1)*200*time.Millisecond), p.Captured, time.Millisecond)
		require.Positive(t, p.Bytes)
		require.False(t, p.Listed.Before(p.Found))
		if parts < 5 {
			require.Equal(t, begin.Add(time.Second), p.Found)
		}
		parts++
	}
	require.Equal(t, 10, parts)
}
