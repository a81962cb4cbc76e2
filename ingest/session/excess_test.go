package session

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJudge counts and logs the sessions that were ended because of what their clients did, and no others.
func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		ended              error
		excesses, overruns uint64
		told               int
	}{
		"sources":   {ErrTooManySources, 1, 0, 1},
		"addresses": {ErrTooManyAddresses, 1, 0, 1},
		"DTLS":      {ErrTooMuchDTLS, 1, 0, 1},
		"bitrate":   {ErrTooMuch, 0, 1, 1},
		"hung up":   {ErrHungUp, 0, 0, 0},
		"another":   {errors.New("the connection was lost"), 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var logged strings.Builder
			r := NewRegistry(Limits{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, nil)
			s := &Session{link: &Link{}, at: &Reservation{Kind: KindPublisher, name: "cam"}, closing: make(chan struct{})}
			s.Close(test.ended)
			r.judge(s)
			require.Equal(t, test.excesses, r.Excesses())
			require.Equal(t, test.overruns, r.Overruns())
			require.Equal(t, test.told, strings.Count(logged.String(), "session is ended"))
		})
	}
}
