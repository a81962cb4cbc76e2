package upload

import "time"

const (
	// uploadLate is how far behind the best of what is received the worst may be, in time of the recording. What is later is dropped:
	// a viewer would rather see what is now.
	uploadLate = 5 * time.Second
	// paceMemory is how long the best and the worst are remembered, at least: the clock of who records is not ours.
	paceMemory = 15 * time.Second
	// backwards is by how much time stamps of a track may go back: pictures come in the order of decoding.
	backwards = time.Second / 2
	// liveWithin is how lately the reader of a recording that is made now had to wait for bytes.
	liveWithin = 2 * time.Second
	// longestWait is how long a frame waits at most for its time, also in a recording that lies here already.
	longestWait = time.Minute
	// doubtful is how long it may turn out that the network, and not the recorder, had stood still.
	doubtful = time.Minute
	// atOnce is how long a frame waits at most that has only just come.
	atOnce = 100 * time.Millisecond

	maxStamp = 1 << 60 // ns; sums of several do not overflow
)

// pacer tells when the frames of a recording are to be passed on. They come in pieces, of a second each perhaps, and leave
// evenly: as late as the latest of them has come lately.
//
// It also maps the time of the recording to ours, which agree but for a shift. Recorders do not count pauses, and their time stamps may jump:
// then the shift changes, and all goes on at once. A network that stood still looks alike at first; but what comes then comes faster than
// it was recorded, so the shift is taken back and what is too old is dropped.
type pacer struct {
	begun         time.Time     // the recording's first frame would be here, had nothing taken any time
	first         time.Duration // its time stamp
	shift         time.Duration // what is added to time stamps
	best, worst   [2]time.Duration
	since         time.Time // when the newer of both was begun
	known, before bool      // the newer, the older is in use

	shiftedAt time.Time     // when the shift was last changed for a frame that was late; zero when that is certain to be right
	shiftedBy time.Duration // by how much
	lateness  time.Duration // how late that frame had come by its own time stamp
	dropping  bool          // what is older than uploadLate
}

// sighting is a frame that has been read.
type sighting struct {
	now, came time.Time
	live      bool           // the recording does not lie here already
	stamp     time.Duration  // of the recording
	newest    *time.Duration // of its track, on our clock; nil before the first frame
}

// place returns the time of a frame on our clock, from the first frame on, and when it is to be passed on; it is late when that is not worth while
// any more.
func (p *pacer) place(s sighting) (at time.Duration, due time.Time, late bool) {
	if p.begun.IsZero() {
		p.begun, p.first = s.now, s.stamp
	}
	own := bounded(bounded(s.stamp) - bounded(p.first))
	lateness := s.came.Sub(p.begun) - own
	p.judge(s.now, lateness)
	delay := s.now.Sub(p.begun) - own - p.shift
	if p.dropping {
		if tooLate := p.known && delay > p.lowest()+uploadLate; tooLate && s.now.Sub(s.came) >= atOnce {
			return own + p.shift, s.now, true
		}
		p.dropping = false
	}
	switch offset := p.offset(); {
	case !p.known:
	case delay > p.lowest()+uploadLate:
		p.shiftedAt, p.shiftedBy, p.lateness = s.now, delay-offset, lateness
		p.move(&delay, delay-offset)
	case delay < offset-longestWait, s.live && delay < offset-uploadLate: // a jump forwards: the wait would be as long
		p.move(&delay, delay-offset)
	}
	if at = own + p.shift; s.newest != nil && at < *s.newest-backwards {
		p.move(&delay, *s.newest-at)
		at = own + p.shift
	}
	if p.known { // one that lies here already has not come sooner than others
		delay = max(delay, p.offset()-uploadLate)
	}
	p.add(s.now, delay)
	return at, p.begun.Add(at + p.offset()), false
}

// judge takes back the last change of the shift when what comes by now is so much newer that the network had stood still.
func (p *pacer) judge(now time.Time, lateness time.Duration) {
	switch {
	case p.shiftedAt.IsZero():
	case now.Sub(p.shiftedAt) > doubtful:
		p.shiftedAt = time.Time{}
	case lateness < p.lateness-uploadLate:
		p.shift -= p.shiftedBy
		p.shiftedAt, p.dropping = time.Time{}, true
	}
}

// move changes the shift, and so the delay of a frame.
func (p *pacer) move(delay *time.Duration, by time.Duration) {
	p.shift += by
	*delay -= by
}

// offset is how much later than at best frames are passed on.
func (p *pacer) offset() time.Duration {
	worst := p.worst[0]
	if p.before {
		worst = max(worst, p.worst[1])
	}
	return min(worst, p.lowest()+uploadLate)
}

// lowest is the delay of the frame that came soonest.
func (p *pacer) lowest() time.Duration {
	if p.before {
		return min(p.best[0], p.best[1])
	}
	return p.best[0]
}

// add notes how much later than at best a frame has come.
func (p *pacer) add(now time.Time, delay time.Duration) {
	if !p.known {
		p.best[0], p.worst[0], p.since, p.known = delay, delay, now, true
		return
	}
	if now.Sub(p.since) >= paceMemory {
		p.best[1], p.worst[1], p.before = p.best[0], p.worst[0], true
		p.best[0], p.worst[0], p.since = delay, delay, now
		return
	}
	p.best[0], p.worst[0] = min(p.best[0], delay), max(p.worst[0], delay)
}

// bounded keeps time stamps, which may be anything, so small that they can be added.
func bounded(d time.Duration) time.Duration { return max(-maxStamp, min(maxStamp, d)) }
