package panics

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A panic is logged with where it has happened, counted, and no longer one.
func TestContain(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	before := Count()
	require.NoError(t, Contain(log, "nothing", func() {}))
	require.Empty(t, logged.String())
	err := Contain(log, "a session", func() { panic("lost") })
	require.EqualError(t, err, "a session has failed because of a fault of this server, which its log describes")
	require.Equal(t, "lost", err.(*Error).Value)
	require.Equal(t, before+1, Count())
	require.Contains(t, logged.String(), "lost")
	require.Contains(t, logged.String(), "panics_test.go")
}

// What runs in a goroutine or after a while does not end the process.
func TestGo(t *testing.T) {
	before := Count()
	Go(discard, "a goroutine", func() { panic("lost") })
	AfterFunc(0, discard, "a timer", func() { panic("late") })
	require.Eventually(t, func() bool { return Count() == before+2 }, time.Minute, time.Millisecond)
}

// What has to run goes on after each panic, until it ends by itself or is told to; the pauses are bounded.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var calls []time.Duration
		began := time.Now()
		Keep(ctx, discard, "a loop", func() {
			if calls = append(calls, time.Since(began)); len(calls) < 4 {
				panic("lost")
			}
		})
		require.Equal(t, []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond}, calls)

		began, calls = time.Now(), nil
		Keep(ctx, discard, "a loop", func() {
			if calls = append(calls, time.Since(began)); len(calls) == 20 {
				cancel()
			}
			panic("lost")
		})
		require.Len(t, calls, 20)
		require.Equal(t, 5*time.Second, calls[19]-calls[18])
	})
}

var discard = slog.New(slog.DiscardHandler)
