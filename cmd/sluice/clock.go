package main

import (
	"io"
	"net/http"
	"time"
)

// wallClock is the one clock behind program dates, the DASH timeline and /time: the wall clock as it stood when the
// service started, carried on by the monotonic clock, so that a later step of the wall clock moves nothing.
type wallClock struct{ start time.Time }

func newWallClock() wallClock { return wallClock{start: time.Now()} }

// Now is the current instant on this clock.
func (c wallClock) Now() time.Time { return c.At(time.Now()) }

// At puts an instant with a monotonic reading on this clock.
func (c wallClock) At(instant time.Time) time.Time {
	return c.start.Round(0).Add(instant.Sub(c.start)).UTC()
}

// ServeHTTP answers with the time as urn:mpeg:dash:utc:http-iso:2014 wants it (ISO/IEC 23009-1 §5.8.4.11).
func (c wallClock) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, c.Now().Format("2006-01-02T15:04:05.000Z"))
}
