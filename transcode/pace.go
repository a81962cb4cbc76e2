package transcode

import (
	"fmt"
	"time"
)

// slowAfter is how long ffmpeg must be late, and not be catching up, before it counts as too slow.
const slowAfter = 2500 * time.Millisecond

// SlowError reports whether ffmpeg fell behind real time by more than Options.MaxLag and was killed for it.
type SlowError struct {
	Speed float64       // seconds of media per second, in the last seconds
	Lag   time.Duration // behind what it was given
}

func (e *SlowError) Error() string {
	return fmt.Sprintf("it is too slow: %.2f of real time, %v behind", e.Speed, e.Lag.Round(10*time.Millisecond))
}

// pace finds in the reports of ffmpeg that it is slower than real time.
type pace struct {
	limit time.Duration // of the lag; 0 for none
	since time.Time     // of first; zero while in time
	first Progress      // from which on it has been late
}

// observe takes one report, and returns nil unless ffmpeg is too slow.
func (p *pace) observe(now time.Time, r Progress) *SlowError {
	if p.limit == 0 || r.Lag <= p.limit {
		p.since = time.Time{}
		return nil
	}
	if p.since.IsZero() {
		p.since, p.first = now, r
		return nil
	}
	took := now.Sub(p.since)
	if took < slowAfter {
		return nil
	}
	slow := &SlowError{Speed: (r.OutTime - p.first.OutTime).Seconds() / took.Seconds(), Lag: r.Lag}
	caughtUp := p.first.Lag - r.Lag
	p.since, p.first = now, r
	if caughtUp > took/10 {
		return nil // a hole or a moment's load, and soon over
	}
	return slow
}
