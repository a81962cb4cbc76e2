package clock

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The clock follows the monotonic one: an instant's distance from the start, not what the wall showed then.
func TestWallClock(t *testing.T) {
	start := time.Now()
	c := Clock{start: start}
	for _, passed := range []time.Duration{0, time.Nanosecond, time.Second, 49 * 24 * time.Hour, -time.Minute} {
		require.Equal(t, start.Round(0).Add(passed).UTC(), c.At(start.Add(passed)))
	}
	require.Equal(t, time.UTC, c.Now().Location())
}

// A step of the wall clock moves nothing: an instant that was read after it counts from the start all the same.
func TestWallClockStepped(t *testing.T) {
	start := time.Now()
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		later := stepped(start.Add(time.Minute), step)
		require.Equal(t, time.Minute+step, later.Round(0).Sub(start.Round(0)), "the wall shows the step")
		require.Equal(t, start.Round(0).Add(time.Minute).UTC(), Clock{start}.At(later))
	}
}

// stepped is what time.Now gives once somebody has stepped the wall clock by whole seconds: the monotonic reading is as without. The
// seconds of the wall are in the 33 bits above the nanoseconds' 30 (package time, type Time).
func stepped(instant time.Time, step time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&instant))
	*wall += uint64(int64(step/time.Second) << 30)
	return instant
}
