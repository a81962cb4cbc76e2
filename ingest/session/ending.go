package session

import (
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// closeWithin is how long a connection may take to be closed; as a rule it takes milliseconds. Pion waits for ever when a connection is closed in
// the instant in which it has been secured: then the first packet waits for somebody who takes its source, closing waits for that packet with
// the lock of the transport, and whoever would take sources waits for the lock.
const closeWithin = 30 * time.Second

// closeConnection has a connection closed and waits for that. One that does not close in time is given up, so that its session ends and leaves its
// place all the same: what it holds is lost until the service ends, but for its sockets, which abandon closes.
func (s *Session) closeConnection(gracefully, abandon func() error, log *slog.Logger) {
	closed := make(chan struct{})
	panics.Go(log, "the session", func() {
		defer close(closed)
		_ = gracefully() // its errors say that parts were down already
	})
	late := time.NewTimer(closeWithin)
	defer late.Stop()
	select {
	case <-closed:
	case <-late.C:
		log.Error("a connection does not close and is given up, with some memory", "session", s.id, "after", closeWithin)
		panics.Go(log, "the session", func() { _ = abandon() })
	}
}
