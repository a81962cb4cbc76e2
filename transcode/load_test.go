package transcode

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseIdle(t *testing.T) {
	idle, err := parseIdle("cpu  100 2 30 4000 500 6 7 8 9 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n")
	require.NoError(t, err)
	require.Equal(t, 45*time.Second, idle)
	for _, wrong := range []string{"", "cpu", "cpu 1 2 3 4", "intr 1 2 3 4 5", "cpu 1 2 3 x 5"} {
		_, err := parseIdle(wrong)
		require.Error(t, err, "%q", wrong)
	}
	_, err = idleTime(t.TempDir() + "/stat")
	require.ErrorContains(t, err, "measure the machine's load")
}

func TestIdleCores(t *testing.T) {
	cores, err := IdleCores(t.Context(), 20*time.Millisecond)
	require.NoError(t, err)
	require.GreaterOrEqual(t, cores, 0.0)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = IdleCores(over, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
}

func TestLoadMeter(t *testing.T) {
	var m LoadMeter
	now := time.Now()
	measure := func(s Stats) (Sample, bool) {
		now = now.Add(2 * time.Second)
		sample, ok, err := m.Measure(now, s, time.Second)
		require.NoError(t, err)
		return sample, ok
	}
	_, ok := measure(Stats{CPU: 10 * time.Second})
	require.False(t, ok, "nothing to compare with")
	sample, ok := measure(Stats{CPU: 11 * time.Second})
	require.True(t, ok)
	require.Equal(t, 0.5, sample.CPU)
	require.GreaterOrEqual(t, sample.Idle, 0.0)
	require.False(t, sample.Late)
	sample, _ = measure(Stats{CPU: 11 * time.Second, Video: QueueStats{Overflows: 1}})
	require.True(t, sample.Late)
	sample, _ = measure(Stats{CPU: 11 * time.Second, Video: QueueStats{Overflows: 1}, Progress: Progress{Lag: 2 * time.Second}})
	require.True(t, sample.Late)
	m = LoadMeter{}
	_, ok = measure(Stats{})
	require.False(t, ok)
	_, ok = measure(Stats{CPU: time.Second})
	require.False(t, ok, "ffmpeg has just begun")
}
