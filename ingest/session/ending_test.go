package session

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Pion does not always close a connection: that must not keep a session, nor its place.
func TestConnectionThatDoesNotClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewDetached(&Reservation{}, 0)
		began, unlock, abandoned := time.Now(), make(chan struct{}), make(chan struct{})
		s.closeConnection(func() error { <-unlock; return nil }, func() error { close(abandoned); return errors.New("down") }, slog.New(slog.DiscardHandler))
		require.Equal(t, closeWithin, time.Since(began))
		<-abandoned
		close(unlock)

		began = time.Now()
		never := func() error { t.Error("it has closed"); return nil }
		s.closeConnection(func() error { return errors.New("parts were down") }, never, slog.New(slog.DiscardHandler))
		require.Zero(t, time.Since(began))
	})
}
