package upload

import "time"

const (
	// uploadLate is how far behind the best of what is received the worst may be, in time of the recording. What is later is dropped:
	// a viewer would rather see what is now.
	uploadLate = 5 * time.Second
	// paceMemory is how long the best and the worst are remembered, at least: the clock of who records is not ours.
	paceMemory = 15 * time.Second
)

// pacer tells when the frames of a recording are to be passed on. They come in pieces, of a second each perhaps, and leave
// evenly: as late as the latest of them has come lately.
type pacer struct {
	begun         time.Time // the recording's time 0 would be here, had nothing taken any time
	best, worst   [2]time.Duration
	since         time.Time // when the newer of both was begun
	known, before bool      // the newer, the older is in use
}

// due returns when the frame of an instant of the recording is to be passed on; it is late when that is not worth while any more.
func (p *pacer) due(now time.Time, at time.Duration) (due time.Time, late bool) {
	if p.begun.IsZero() {
		p.begun = now.Add(-at)
	}
	p.add(now, now.Sub(p.begun)-at)
	best, worst := p.best[0], p.worst[0]
	if p.before {
		best, worst = min(best, p.best[1]), max(worst, p.worst[1])
	}
	due = p.begun.Add(at + min(worst, best+uploadLate))
	return due, due.Before(now)
}

// add notes how much later than at best a frame has come.
func (p *pacer) add(now time.Time, delay time.Duration) {
	if p.known && now.Sub(p.since) >= paceMemory {
		p.best[1], p.worst[1], p.before, p.known = p.best[0], p.worst[0], true, false
	}
	if !p.known {
		p.best[0], p.worst[0], p.since, p.known = delay, delay, now, true
		return
	}
	p.best[0], p.worst[0] = min(p.best[0], delay), max(p.worst[0], delay)
}
