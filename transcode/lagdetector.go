package transcode

import (
	"fmt"
	"time"
)

// slowAfter is how long ffmpeg must be late, and not be catching up, before it counts as too slow.
const slowAfter = 2500 * time.Millisecond

// SlowError reports that ffmpeg fell behind real time by more than Options.MaxLag and was killed for it.
type SlowError struct {
	Speed float64       // seconds of media per second, in the last seconds
	Lag   time.Duration // behind what it was given
}

// Error says how slow it is.
func (e *SlowError) Error() string {
	return fmt.Sprintf("it is too slow: %.2f of real time, %v behind", e.Speed, e.Lag.Round(10*time.Millisecond))
}

// lagDetector finds in the reports of ffmpeg that it is slower than real time.
type lagDetector struct {
	limit time.Duration // of the lag; 0 for none
	since time.Time     // of first; zero while in time
	first Progress      // from which on it has been late
}

// observe takes one report, and returns nil unless ffmpeg is too slow.
func (d *lagDetector) observe(now time.Time, r Progress) *SlowError {
	if d.limit == 0 || r.Lag <= d.limit {
		d.since = time.Time{}
		return nil
	}
	if d.since.IsZero() {
		d.since, d.first = now, r
		return nil
	}
	took := now.Sub(d.since)
	if took < slowAfter {
		return nil
	}
	slow := &SlowError{Speed: (r.OutTime - d.first.OutTime).Seconds() / took.Seconds(), Lag: r.Lag}
	caughtUp := d.first.Lag - r.Lag
	d.since, d.first = now, r
	if caughtUp > took/10 {
		return nil // a hole or a moment's load, and soon over
	}
	return slow
}
