package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The clock follows the monotonic one: an instant's distance from the start, not what the wall showed then.
func TestWallClock(t *testing.T) {
	start := time.Now()
	c := wallClock{start: start}
	for _, passed := range []time.Duration{0, time.Nanosecond, time.Second, 49 * 24 * time.Hour, -time.Minute} {
		require.Equal(t, start.Round(0).Add(passed).UTC(), c.At(start.Add(passed)))
	}
	require.Equal(t, time.UTC, c.Now().Location())
}

func TestTime(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	answer := httptest.NewRecorder()
	newWallClock().ServeHTTP(answer, httptest.NewRequest("GET", "/time", nil))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, answer.Body.String())
	told, err := time.Parse(time.RFC3339, answer.Body.String())
	require.NoError(t, err)
	require.WithinRange(t, told, before, time.Now())
}
