package service

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/clock"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/packager/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// While somebody watches, the endings of the playlists stay to be had for a while; never past the time for a stop.
func TestLetViewersSee(t *testing.T) {
	for name, tc := range map[string]struct {
		viewed, drained time.Duration // before and after the service was told to stop
		want            time.Duration
	}{
		"watched":                 {time.Second, time.Second, 3 * time.Second},
		"watched, quick":          {0, 0, 3 * time.Second},
		"watched while it drains": {-time.Second, 2 * time.Second, 3 * time.Second},
		"not any more":            {time.Minute, time.Second, 0},
		"late already":            {time.Second, 8 * time.Second, time.Second},
		"too late":                {time.Second, 10 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Service{cfg: config.Config{Segment: 2 * time.Second}, clock: clock.New()}
				told := time.Now()
				s.viewedAt.Store(s.clock.At(told.Add(-tc.viewed)).UnixNano())
				<-time.After(tc.drained)
				from := time.Now()
				s.letViewersSee(told)
				require.Equal(t, tc.want, time.Since(from))
			})
		})
	}
}

// A second service on the same data directory does not start, and says why.
func TestOneServicePerDataDirectory(t *testing.T) {
	dir := t.TempDir()
	first, _, err := disk.Lock(dir, nil)
	require.NoError(t, err)
	defer first.Close()
	_, err = New(t.Context(), config.Config{Data: dir}, Encoding{}, nil, Own{}, slog.New(slog.DiscardHandler))
	require.Equal(t, exit.WrongUsage, exit.Status(err))
	require.ErrorContains(t, err, "open the data directory: "+dir+" is in use by another sluice")
	require.ErrorContains(t, err, "stop that one, or choose another directory with data")
}
