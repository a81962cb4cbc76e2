package broadcast

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// newTestBroadcast makes a broadcast of a stream "cam" that nobody runs.
func newTestBroadcast(t *testing.T) *Broadcast {
	t.Helper()
	p, err := packager.New(packager.Options{
		LiveDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	timeline, err := p.Open("cam")
	require.NoError(t, err)
	return New(Options{
		Stream: "cam", Timeline: timeline, Disk: p.Disk, Wall: func(t time.Time) time.Time { return t },
		FFmpeg: "ffmpeg", Ladder: transcode.DefaultLadder(), Segment: 2 * time.Second, Part: 200 * time.Millisecond,
		Passthrough: true, Logger: slog.New(slog.DiscardHandler),
	})
}
