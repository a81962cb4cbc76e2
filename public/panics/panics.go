// Package panics contains a panic to the session, stream or request in whose goroutine it has happened: it is logged with its stack and
// counted, and becomes the error that this one ends with. Everything else goes on.
//
// It starts goroutines for its callers, who see to their end.
package panics

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var count atomic.Uint64

// Count is how many panics have been contained.
func Count() uint64 { return count.Load() }

// Error is a panic as an error.
type Error struct {
	Where string // what has failed
	Value any    // what panic was called with
}

// Error implements error. It is told to clients, and says nothing of the program's inside.
func (e *Error) Error() string {
	return fmt.Sprintf("%s has failed because of a fault of this server, which its log describes", e.Where)
}

// Caught logs and counts what recover has returned, and returns it as an error. A nil log is slog's default.
func Caught(log *slog.Logger, where string, value any) error {
	count.Add(1)
	if log == nil {
		log = slog.Default()
	}
	log.Error("panic: please report this", "where", where, "value", fmt.Sprint(value), "stack", string(debug.Stack()))
	return &Error{where, value}
}

// Contain calls f, and returns its panic as an error.
func Contain(log *slog.Logger, where string, f func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = Caught(log, where, value)
		}
	}()
	f()
	return nil
}

// Go calls f in a goroutine, and contains its panic.
func Go(log *slog.Logger, where string, f func()) {
	go func() { _ = Contain(log, where, f) }()
}

// AfterFunc is [time.AfterFunc], and contains the panic of f.
func AfterFunc(d time.Duration, log *slog.Logger, where string, f func()) *time.Timer {
	return time.AfterFunc(d, func() { _ = Contain(log, where, f) })
}

const (
	firstPause = 50 * time.Millisecond
	longPause  = 5 * time.Second
	// forgivenAfter is how long f has to run until its panics before that no longer count.
	forgivenAfter = time.Minute
)

// Keep calls f, and again after each panic, until f returns or ctx ends: for what others rely on as long as the service runs. The
// pause before the next call is short, and doubles up to 5 s while f does not last for a minute.
func Keep(ctx context.Context, log *slog.Logger, where string, f func()) {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		began := time.Now()
		if Contain(log, where, f) == nil {
			return
		}
		if time.Since(began) >= forgivenAfter {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
