package transcode

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPulse(t *testing.T) {
	always := func(tick uint64) uint64 { return tick }
	until := func(last uint64) func(uint64) uint64 { return func(tick uint64) uint64 { return min(tick, last) } }
	for _, c := range []struct {
		name         string
		cpu, reports func(tick uint64) uint64
		idle         bool
		want         time.Duration // when the stall is found, 0 for never
	}{
		{"works", always, always, false, 0},
		{"stopped after 4 s", until(16), until(16), false, 6 * time.Second},
		{"never starts", until(0), until(0), false, 10 * time.Second},
		{"has nothing to do", until(0), until(0), true, 0},
		{"reports, too little CPU to see", until(0), always, false, 0},
		{"busy without a report", always, until(0), false, 10 * time.Second},
		{"busy for 8 s without a report", always, func(tick uint64) uint64 { return max(tick, 32) }, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := watchdog{stall: 2 * time.Second}
			began, found := time.Now(), time.Duration(0)
			for tick := uint64(0); tick < 120 && found == 0; tick++ {
				at := time.Duration(tick) * watchEvery
				if p.observe(began.Add(at), c.cpu(tick), c.reports(tick), c.idle) {
					found = at
				}
			}
			require.Equal(t, c.want, found)
		})
	}
}

func TestParseTicks(t *testing.T) {
	for _, c := range []struct {
		name, stat string
		want       uint64
	}{
		{"as it is", "42 (ffmpeg) S 1 42 42 0 -1 4194304 100 0 0 0 17 5 0 0 20 0 1 0 100 1 1", 22},
		{"a name like fields", "42 (a) S 1 (b) R 1 42 42 0 -1 4194304 100 0 0 0 17 5 0 0 20", 22},
		{"cut", "42 (ffmpeg) S 1 42", 0},
		{"empty", "", 0},
		{"no numbers", "42 (ffmpeg) S 1 42 42 0 -1 4194304 100 0 0 0 x 5 0", 0},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, parseTicks(c.stat)) })
	}
}

func TestCPUTicks(t *testing.T) {
	before := cpuTicks(os.Getpid())
	require.Eventually(t, func() bool { return cpuTicks(os.Getpid()) > before }, patience, time.Microsecond)
	require.Zero(t, cpuTicks(-1))
}
