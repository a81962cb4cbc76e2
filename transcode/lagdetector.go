package transcode

import (
	"fmt"
	"time"
)

// How long ffmpeg has to be late before it counts as too slow. A load of a few seconds passes by itself, and what a smaller ladder
// costs its viewers is more than that.
const (
	slowAfter   = 5 * time.Second  // while it falls further behind
	recentFor   = slowAfter / 2    // at the end of that, too, it must have fallen behind
	lateAfter   = 15 * time.Second // while it keeps its distance
	overflowFor = 20 * time.Second // after a queue overflowed, for which another overflow says that it was not a moment's load
	reportEvery = 300 * time.Millisecond
)

// fallsBehind is the part of real time that ffmpeg has to lose to count as falling behind, or to gain to count as catching up.
const fallsBehind = 0.05

// SlowError reports that ffmpeg fell behind real time by more than Options.MaxLag and was killed for it.
type SlowError struct {
	Speed float64       // seconds of media per second, without those of dropped frames, in the last seconds
	Lag   time.Duration // behind what it was given
}

// Error says how slow it is.
func (e *SlowError) Error() string {
	return fmt.Sprintf("it is too slow: %.2f of real time, %v behind", e.Speed, e.Lag.Round(10*time.Millisecond))
}

// lagReport is what is known when ffmpeg reports.
type lagReport struct {
	at    time.Time
	lag   time.Duration
	out   time.Duration // media time written
	queue QueueStats    // of the video
}

// waits reports whether something waits for ffmpeg. Where nothing does, it is late because it was given nothing: frames are
// dropped up to a keyframe that does not come.
func (r lagReport) waits() bool { return r.queue.Queued > 0 }

// lagDetector finds in the reports of ffmpeg that it is slower than real time.
type lagDetector struct {
	limit    time.Duration // of the lag; 0 for none
	late     []lagReport   // all since it has been late, of the last lateAfter
	newest   lagReport
	overflow lagReport // the first of those that say that the queue had overflowed, for overflowFor
}

// observe takes one report, and returns nil unless ffmpeg is too slow: it has fallen further behind for slowAfter, has been late for
// lateAfter without catching up, or its queue has overflowed again.
func (d *lagDetector) observe(r lagReport) *SlowError {
	if d.limit == 0 || !d.newest.at.IsZero() && r.at.Sub(d.newest.at) < reportEvery {
		return nil
	}
	overflowed := r.queue.Overflows > d.newest.queue.Overflows
	d.newest = r
	since := d.overflowsAgain(r, overflowed)
	slow := !since.at.IsZero()
	if r.lag <= d.limit || !r.waits() {
		d.late = d.late[:0]
	} else {
		d.keep(r)
		if !slow {
			since, slow = d.staysLate(r)
		}
	}
	if !slow {
		return nil
	}
	d.late, d.overflow = d.late[:0], lagReport{}
	return &SlowError{Speed: speedBetween(since, r), Lag: r.lag}
}

// keep adds a report to those since ffmpeg has been late, and forgets all but one of those that are too old.
func (d *lagDetector) keep(r lagReport) {
	old := 0
	for old+1 < len(d.late) && r.at.Sub(d.late[old+1].at) >= lateAfter {
		old++
	}
	d.late = append(d.late[:0], d.late[old:]...)
	d.late = append(d.late, r)
}

// staysLate returns since when ffmpeg has been too slow, if it has been: in the last seconds, too, because it may be catching up by then.
func (d *lagDetector) staysLate(r lagReport) (since lagReport, slow bool) {
	recent, _ := d.before(r, recentFor)
	if start, ok := d.before(r, slowAfter); ok && start.worse(r, fallsBehind) && recent.worse(r, fallsBehind) {
		return start, true
	}
	start, ok := d.before(r, lateAfter)
	return start, ok && start.worse(r, -fallsBehind) && recent.worse(r, -fallsBehind)
}

// before returns the newest report that is at least so much older than r, of those since ffmpeg has been late.
func (d *lagDetector) before(r lagReport, age time.Duration) (found lagReport, ok bool) {
	for _, old := range d.late {
		if r.at.Sub(old.at) < age {
			break
		}
		found, ok = old, true
	}
	return found, ok
}

// worse reports whether ffmpeg has lost more than a part of real time since r, until now.
func (r lagReport) worse(now lagReport, part float64) bool {
	return (now.lag - r.lag).Seconds() > part*now.at.Sub(r.at).Seconds()
}

// overflowsAgain returns the report of the overflow before, if that is neither too old nor so new that both are of one load; else
// one without a time.
func (d *lagDetector) overflowsAgain(r lagReport, overflowed bool) (before lagReport) {
	if r.at.Sub(d.overflow.at) > overflowFor {
		d.overflow = lagReport{}
	}
	switch {
	case !overflowed:
	case d.overflow.at.IsZero():
		d.overflow = r
	case r.at.Sub(d.overflow.at) >= slowAfter:
		return d.overflow
	}
	return lagReport{}
}

// speedBetween is how many seconds of media were made per second, without those of dropped frames.
func speedBetween(a, b lagReport) float64 {
	speed := (b.out - a.out).Seconds() / b.at.Sub(a.at).Seconds()
	if taken := b.queue.In - a.queue.In; taken > 0 {
		dropped := min(b.queue.Dropped-a.queue.Dropped, taken)
		speed *= 1 - float64(dropped)/float64(taken)
	}
	return max(speed, 0)
}
