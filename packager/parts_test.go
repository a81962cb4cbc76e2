package packager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
