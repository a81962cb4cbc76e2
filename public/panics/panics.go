// Package panics contains a panic to the session, stream or request in whose goroutine it has happened: it is logged with its stack and
// counted, and becomes the error that this one ends with. Everything else goes on.
//
// It starts no goroutine.
package panics

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
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
