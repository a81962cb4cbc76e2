package packager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A segment of sound has ten parts like one of pictures, of which each is about as long and none a leftover.
func TestPartsOfSoundKeepPace(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	enc.fragments("2", 1)
	e.take("")
	require.Empty(t, e.tracks[2].parts, "half a part is none yet")
	b.run(e, enc, 3)
	segments := tl.snap.Load().views["audio"].segments
	require.Len(t, segments, 1+3)
	for _, s := range segments[1:] {
		require.Len(t, s.Parts, 10)
		for i, part := range s.Parts {
			length := ticks(part.Duration, s.Timescale)
			require.LessOrEqual(t, length, 214*time.Millisecond)
			require.GreaterOrEqual(t, length, 100*time.Millisecond, "part %d", i)
			require.True(t, part.Independent)
		}
		require.GreaterOrEqual(t, ticks(s.Parts[9].Duration, s.Timescale), 140*time.Millisecond, "the last one")
	}
}

func TestPartTarget(t *testing.T) {
	for _, test := range []struct {
		part time.Duration
		fps  float64
		want time.Duration
	}{
		{200 * time.Millisecond, 30, 214 * time.Millisecond},
		{200 * time.Millisecond, 24, 214 * time.Millisecond},
		{200 * time.Millisecond, 8, 250 * time.Millisecond},
		{100 * time.Millisecond, 30, 128 * time.Millisecond},
		{time.Second, 30, 1024 * time.Millisecond},
	} {
		got := Options{Part: test.part}.partTarget([]Rendition{{Video: true, FPS: test.fps}, {}})
		require.Equal(t, test.want, got, "%v at %g", test.part, test.fps)
		require.LessOrEqual(t, Options{Part: test.part}.longestPart(Rendition{}), test.part+2*1024*time.Second/48000+time.Millisecond)
	}
}
