package transcode

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	watchEvery = 250 * time.Millisecond
	// busyStalls is how many times Options.Stall a process may go on without a report while it starts or uses the CPU: ffmpeg
	// makes none while it fills a hole with repeated pictures.
	busyStalls = 5
)

// watchdog finds a process that is fed and does nothing: one that is stopped, or waits for something that does not come. It is
// looked at in steady intervals.
type watchdog struct {
	stall    time.Duration
	cpu      uint64 // clock ticks used
	reports  uint64
	fed      uint64    // frames handed over
	worked   time.Time // when it was last seen to have used the CPU, or reported, or had nothing to do
	reported time.Time // when it was last seen to have reported, or had nothing to do
}

// observe notes what has been counted up to now, and reports whether the process has stalled.
func (w *watchdog) observe(now time.Time, cpu, reports uint64, idle bool) bool {
	if w.reported.IsZero() || reports != w.reports || idle {
		w.worked, w.reported = now, now
	}
	if cpu != w.cpu {
		w.worked = now
	}
	w.cpu, w.reports = cpu, reports
	if reports > 0 && now.Sub(w.worked) >= w.stall {
		return true
	}
	return now.Sub(w.reported) >= busyStalls*w.stall
}

// checkProgress looks at the run's process.
func (r *run) checkProgress(w *watchdog) error {
	now, fed, stats := time.Now(), r.job.fed.Load(), r.job.Stats()
	idle := fed == w.fed && stats.Video.Queued+stats.Audio.Queued == 0
	w.fed = fed
	ticks := cpuTicks(r.cmd.Process.Pid)
	r.job.cpu.Store(int64(ticks) * int64(tick))
	if !w.observe(now, ticks, r.job.reports.Load(), idle) {
		return nil
	}
	return fmt.Errorf("%w: nothing came of it for %v", ErrStalled, now.Sub(w.reported).Round(100*time.Millisecond))
}

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture that Go knows (proc(5)).
const tick = time.Second / 100

// cpuTicks returns the CPU time that a process has used, 0 when that cannot be read.
func cpuTicks(pid int) uint64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	return parseTicks(string(stat))
}

// parseTicks adds up utime and stime, the fields 14 and 15 of /proc/PID/stat (proc(5)); field 2 is a name in brackets that may
// hold anything.
func parseTicks(stat string) uint64 {
	const afterName, utime, stime = 3, 14, 15
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= stime-afterName {
		return 0
	}
	var ticks uint64
	for _, field := range fields[utime-afterName : stime-afterName+1] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return ticks
}
