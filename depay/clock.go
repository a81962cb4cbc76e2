package depay

import (
	"cmp"
	"time"
)

const (
	correctEvery = 500 * time.Millisecond // the window of the minimum-delay filter

	// driftLimit bounds how fast the map follows the sender's clock: 500 in a million. Crystals are off by 100 at most.
	driftLimit = 2000 // 1/driftLimit

	// driftGain is the part of an error that one correction takes, 1/driftGain: jitter is averaged, and 200 in a million
	// lag behind by less than a millisecond.
	driftGain = 4

	// lateStep is the lateness of even the fastest packets from which on the path itself has become longer: the map steps,
	// for at FillAfter everything would come after the filler that took its place. It is also how much shorter than that the
	// path must become for the map to go back at skewLimit instead of driftLimit: latency is not to stay grown for an hour.
	lateStep = 50 * time.Millisecond

	// skewLimit bounds how fast video is moved back against audio, and both of them back to a path that has become shorter:
	// 10 ms in a second, which nobody sees.
	skewLimit = 100 // 1/skewLimit

	// maxSkewBack is how much of such a move is left to slewing, so that it is over within 4 s. For the rest both tracks
	// move forward instead: a track that really is that late could never keep ahead of its fillers.
	maxSkewBack = 40 * time.Millisecond

	// maxSkew is the most by which reports can contradict arrival: two tracks of one publisher share their path.
	maxSkew = 2 * time.Second

	// doubtful is a change between reports that drift does not explain. It must be confirmed by two reports of each track:
	// the sender's wall clock steps for both of them, one after the other.
	doubtful = 50 * time.Millisecond
)

// clock maps the time stamps of both tracks to the server's monotonic clock. Each goes by its own arrivals until both have
// a sender report; from then on they move together.
type clock struct {
	lanes     [kinds]lane
	advanced  time.Duration // slewed up to here
	corrected time.Duration // when the window began
	drift     float64       // smoothed rate of corrections, in millionths
	moved     time.Duration // video against audio, by reports
	ntpBase   uint64        // the first report's time stamp: what differences are taken from
	doubt     time.Duration // the relation that is in doubt
	doubts    [kinds]int    // reports in a row that say so
}

// observe takes the arrival of a packet and returns the instant of its media.
func (c *clock) observe(k Kind, timestamp uint32, at time.Duration) time.Duration {
	return c.lanes[k].observe(timestamp, at)
}

// detach forgets the source of a track.
func (c *clock) detach(k Kind) { c.lanes[k] = lane{rate: c.lanes[k].rate} }

// synchronized tells whether reports relate the tracks.
func (c *clock) synchronized() bool { return c.lanes[Video].related && c.lanes[Audio].related }

// advance slews the map up to now.
func (c *clock) advance(at time.Duration) {
	elapsed := min(at-c.advanced, time.Second)
	if elapsed < time.Millisecond {
		return
	}
	c.advanced = at
	for k := range c.lanes {
		c.lanes[k].advance(elapsed)
	}
	if at-c.corrected >= correctEvery {
		c.corrected = at
		c.correct()
	}
}

// correct moves the map towards the fastest packets of the last two windows. Tracks that reports relate move together, by
// the later of the two: the map has to suit the track that takes longest.
func (c *clock) correct() {
	var late [kinds]time.Duration
	for k := range c.lanes {
		late[k] = c.lanes[k].lateness()
		if late[k] > maxSkew {
			c.lanes[k].rewind(late[k])
			late[k] = 0
		}
		c.lanes[k].transit.roll()
	}
	if c.synchronized() {
		both := together(late[Video], late[Audio])
		late = [kinds]time.Duration{both, both}
	}
	for k := range c.lanes {
		if late[k] != unknown {
			c.track(&c.lanes[k], late[k])
		}
	}
}

// together returns the lateness of both tracks. While one of them is silent, its path is not taken for shorter.
func together(a, b time.Duration) time.Duration {
	both := max(a, b)
	if both != unknown && min(a, b) == unknown {
		return max(both, -lateStep)
	}
	return both
}

// tooLate takes the instant of media that came after it had been filled. When that goes on, the path has become longer or
// has stalls that the map does not allow for: it steps at once, before the filter has seen enough of it.
func (c *clock) tooLate(k Kind, instant time.Duration) {
	by := c.lanes[k].spell.add(c.advanced-instant, c.advanced)
	switch {
	case by > maxSkew:
		c.lanes[k].rewind(by)
	case by > 0 && c.synchronized():
		c.lanes[Video].postpone(by)
		c.lanes[Audio].postpone(by)
	case by > 0:
		c.lanes[k].postpone(by)
	}
}

// track moves a lane towards the lateness that was measured.
func (c *clock) track(l *lane, late time.Duration) {
	if late.Abs() > lateStep {
		l.offset.raise(late)
		return
	}
	const limit = correctEvery / driftLimit
	move := min(max(late/driftGain, -limit), limit)
	l.offset.target += move
	c.drift += (float64(move)/float64(correctEvery)*1e6 - c.drift) / 32
}

// report takes a sender report. It returns false when the report is absurd, or in doubt.
func (c *clock) report(k Kind, ntp uint64, rtpTime uint32, at time.Duration) bool {
	l := &c.lanes[k]
	if !l.anchored || ntp == 0 {
		return false
	}
	media := l.media(l.unwrap(rtpTime))
	if late := at - media - l.final(); late > maxLate || late < -maxEarly {
		return false
	}
	c.ntpBase = cmp.Or(c.ntpBase, ntp)
	l.senderZero, l.reported = ntpDuration(ntp-c.ntpBase)-media, true
	video, audio := &c.lanes[Video], &c.lanes[Audio]
	if !video.reported || !audio.reported {
		return true
	}
	// Media is together when it was together at the sender, so the offsets differ as the sender's zeros do.
	move := video.senderZero - audio.senderZero - (video.final() - audio.final())
	if !c.believe(k, move) {
		return false
	}
	c.relate(move)
	return true
}

// believe judges what reports demand: that video moves by so much against audio.
func (c *clock) believe(k Kind, move time.Duration) bool {
	if move.Abs() > maxSkew {
		return false
	}
	if c.synchronized() && move.Abs() > doubtful {
		if (move - c.doubt).Abs() > doubtful {
			c.doubt, c.doubts = move, [kinds]int{}
		}
		c.doubts[k]++
		if min(c.doubts[Video], c.doubts[Audio]) < 2 {
			return false
		}
	}
	c.doubts = [kinds]int{}
	return true
}

// relate moves video against audio: forward by a step, back by slewing.
func (c *clock) relate(move time.Duration) {
	video, audio := &c.lanes[Video], &c.lanes[Audio]
	// From here on the offsets go together; what else video had to go becomes skew.
	video.skew.value += video.offset.rest() - audio.offset.rest()
	video.offset.value = video.offset.target + audio.offset.rest()
	video.skew.raise(move)
	c.moved += move
	both := max(video.skew.rest()-maxSkewBack, 0)
	video.skew.value -= both
	video.offset.step(both)
	audio.offset.step(both)
	video.related, audio.related = true, true
}

// ntpDuration converts a difference of NTP time stamps, 32.32 fixed point seconds (RFC 3550 §4).
func ntpDuration(d uint64) time.Duration {
	seconds, fraction := int64(d)>>32, int64(d&0xffffffff)
	return time.Duration(seconds)*time.Second + time.Duration(fraction*int64(time.Second)>>32)
}
