package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTargetDuration(t *testing.T) {
	for _, test := range []struct {
		segment, late time.Duration
		want          int
	}{
		{2 * time.Second, 0, 2}, {500 * time.Millisecond, 0, 1}, {2500 * time.Millisecond, 0, 3},
		{2 * time.Second, time.Second, 3}, {2 * time.Second, 390 * time.Millisecond, 2}, {2 * time.Second, 450 * time.Millisecond, 3},
		{time.Second, 500 * time.Millisecond, 2},
	} {
		got := Timing{Segment: test.segment}.TargetDuration(test.late)
		require.Equal(t, test.want, got, "%v + %v", test.segment, test.late)
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
		{100 * time.Millisecond, 30, 107 * time.Millisecond},
		{400 * time.Millisecond, 30, 427 * time.Millisecond},
		{time.Second, 30, 1024 * time.Millisecond},
	} {
		got := Timing{Part: test.part}.PartTarget([]Rendition{{Video: true, FPS: test.fps}, {}})
		require.Equal(t, test.want, got, "%v at %g", test.part, test.fps)
		require.GreaterOrEqual(t, test.part*100, got*80, "%v at %g", test.part, test.fps)
		require.LessOrEqual(t, Timing{Part: test.part}.LongestPart(Rendition{}), test.part+2*1024*time.Second/48000+time.Millisecond)
	}
}
