package transcode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// LoadMeter makes samples for a Governor of what a job says of itself and the kernel of the machine. The zero value begins anew.
type LoadMeter struct {
	at        time.Time
	cpu, idle time.Duration
	overflows uint64
}

// Measure samples the time since it was last called. The first time there is nothing to compare with, and ok is false.
func (m *LoadMeter) Measure(now time.Time, s Stats, maxLag time.Duration) (sample Sample, ok bool, err error) {
	idle, err := idleTime("/proc/stat")
	if err != nil {
		return Sample{}, false, err
	}
	before := *m
	*m = LoadMeter{now, s.CPU, idle, s.Video.Overflows}
	passed := now.Sub(before.at).Seconds()
	if before.at.IsZero() || before.cpu == 0 || passed <= 0 {
		return Sample{}, false, nil
	}
	return Sample{
		CPU:  (m.cpu - before.cpu).Seconds() / passed,
		Idle: (m.idle - before.idle).Seconds() / passed,
		Late: s.Progress.Lag > maxLag || m.overflows != before.overflows,
	}, true, nil
}

// IdleCores measures for a while how many of the machine's cores nobody uses.
func IdleCores(ctx context.Context, during time.Duration) (cores float64, err error) {
	began := time.Now()
	before, err := idleTime("/proc/stat")
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(during):
	}
	after, err := idleTime("/proc/stat")
	return (after - before).Seconds() / time.Since(began).Seconds(), err
}

// idleTime reads for how long the machine's cores together have had nothing to do. The load average would tell that a minute late, and
// the pressure of the CPU (PSI) tells who waits, but not how much there is for who does not yet ask.
func idleTime(file string) (time.Duration, error) {
	stat, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("measure the machine's load: %w", err)
	}
	return parseIdle(string(stat))
}

// parseIdle adds up idle and iowait, the fields 4 and 5 of the line "cpu" of /proc/stat (proc(5)).
func parseIdle(stat string) (time.Duration, error) {
	const idle, iowait = 4, 5
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) <= iowait || fields[0] != "cpu" {
		return 0, errors.New("measure the machine's load: /proc/stat does not begin with it")
	}
	var ticks int64
	for _, field := range fields[idle : iowait+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("measure the machine's load: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
