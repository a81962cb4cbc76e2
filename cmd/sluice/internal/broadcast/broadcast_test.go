package broadcast

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAbandoned ends a broadcast to which nobody comes, or comes back.
func TestAbandoned(t *testing.T) {
	begun := time.Now()
	somebody := []*input{{}}
	for name, test := range map[string]struct {
		input    *input
		expected []*input
		offered  bool
		away     time.Duration // after begun; 0: nobody has come yet
		now      time.Duration
		want     bool
	}{
		"the first publisher is on its way":       {nil, nil, false, 0, firstWithin, false},
		"it does not come":                        {nil, nil, false, 0, firstWithin + 1, true},
		"its media is waited for":                 {nil, somebody, true, 0, time.Hour, false},
		"it has left before":                      {nil, nil, true, 0, time.Second, true},
		"somebody publishes":                      {&input{}, nil, true, 0, time.Hour, false},
		"somebody publishes again":                {&input{}, nil, true, time.Second, time.Hour, false},
		"away":                                    {nil, nil, true, time.Minute, time.Minute + 30*time.Second - 1, false},
		"away for too long":                       {nil, nil, true, time.Minute, time.Minute + 30*time.Second, true},
		"away, and somebody is about to publish":  {nil, somebody, true, time.Minute, time.Minute + 30*time.Second + returnWithin - 1, false},
		"somebody has been about to for too long": {nil, somebody, true, time.Minute, time.Minute + 30*time.Second + returnWithin, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &Broadcast{options: Options{Linger: 30 * time.Second}, begun: begun, input: test.input, expected: test.expected, offered: test.offered}
			if test.away > 0 {
				b.away = begun.Add(test.away)
			}
			require.Equal(t, test.want, b.abandoned(begun.Add(test.now)))
		})
	}
}

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
