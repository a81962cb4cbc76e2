// Package clock is the one clock behind program dates, the DASH timeline and /time. It measures nothing of what senders' clocks do:
// that is depay's.
//
// It starts no goroutine.
package clock

import "time"

// Clock is the wall clock as it stood when the service started, carried on by the monotonic clock, so that a later step of
// the wall clock moves nothing. It may be copied, and used by many goroutines.
type Clock struct{ start time.Time }

// New starts a clock at what the wall clock shows.
func New() Clock { return Clock{start: time.Now()} }

// Now is the current instant on this clock, in UTC.
func (c Clock) Now() time.Time { return c.At(time.Now()) }

// At puts an instant with a monotonic reading on this clock, in UTC.
func (c Clock) At(instant time.Time) time.Time {
	return c.start.Round(0).Add(instant.Sub(c.start)).UTC()
}
