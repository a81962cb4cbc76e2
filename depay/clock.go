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
	// for at FillAfter everything would come after the filler that took its place. It is also by how much even the slowest
	// packets must come too early for the map to step back: latency is not to stay grown.
	lateStep = 50 * time.Millisecond

	// maxAhead is how far after its arrival media may be dated, which only a path that has just become shorter does. A part
	// of it is room for media that comes in bursts; for more the map steps back with the first packet, so that the output
	// never has to stand still for longer until its time has come.
	maxAhead = 500 * time.Millisecond

	// maxApart is how much later one track may become, the other not, before it is its sender that has stopped counting, and
	// not the path: then it goes its own way until reports relate it again.
	maxApart = 500 * time.Millisecond

	// skewLimit bounds how fast video is moved back against audio: 10 ms in a second, which nobody sees.
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
	maps      [kinds]clockMap
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
	instant := c.maps[k].observe(timestamp, at)
	if by := c.present(k, at); by < -maxAhead {
		c.step(k, by)
		instant += by
	}
	// The other track may still have to tell that the path has become shorter.
	return min(instant, at+c.maps[k].lead()+maxAhead)
}

// present returns how late the newest packet came, of the track that takes longer where reports relate them: not less than
// 0 while that one is silent.
func (c *clock) present(k Kind, at time.Duration) time.Duration {
	late := c.maps[k].newestLate()
	if other := &c.maps[1-k]; c.synchronized() {
		if !other.heardSince(at - correctEvery) {
			return max(late, 0)
		}
		late = max(late, other.newestLate())
	}
	return late
}

// step moves the map of a track, and of the other if reports relate them.
func (c *clock) step(k Kind, by time.Duration) {
	c.maps[k].offset.step(by)
	if c.synchronized() {
		c.maps[1-k].offset.step(by)
	}
}

// detach forgets the source of a track.
func (c *clock) detach(k Kind) { c.maps[k] = clockMap{rate: c.maps[k].rate} }

// synchronized reports whether reports relate the tracks.
func (c *clock) synchronized() bool { return c.maps[Video].related && c.maps[Audio].related }

// advance slews the map up to now.
func (c *clock) advance(at time.Duration) {
	elapsed := min(at-c.advanced, time.Second)
	if elapsed < time.Millisecond {
		return
	}
	c.advanced = at
	for k := range c.maps {
		c.maps[k].advance(elapsed)
	}
	if at-c.corrected >= correctEvery {
		c.corrected = at
		c.correct()
	}
}

// correct moves the map towards the fastest packets of the last two windows. Tracks that reports relate move together, by
// the later of the two: the map has to suit the track that takes longest.
func (c *clock) correct() {
	var late [kinds]span
	for k := range c.maps {
		late[k] = c.maps[k].lateness()
		c.maps[k].transit.roll()
	}
	if c.synchronized() {
		c.partFrom(Video, late[Video], late[Audio])
		c.partFrom(Audio, late[Audio], late[Video])
	}
	if c.synchronized() {
		both := together(late[Video], late[Audio])
		late = [kinds]span{both, both}
	}
	for k := range c.maps {
		if late[k].known {
			c.track(&c.maps[k], late[k])
		}
	}
}

// partFrom lets a track go its own way that has become late alone.
func (c *clock) partFrom(k Kind, late, other span) {
	if late.known && other.known && late.fastest > maxApart && late.fastest-other.fastest > maxApart {
		c.maps[k].unrelate()
	}
}

// together returns the lateness of both tracks. While one of them is silent, its path is not taken for shorter.
func together(a, b span) span {
	if !a.known {
		a, b = b, a
	}
	if !b.known {
		return span{max(a.fastest, -lateStep), max(a.slowest, 0), a.known}
	}
	return span{max(a.fastest, b.fastest), max(a.slowest, b.slowest), true}
}

// tooLate takes the instant of media that came after it had been filled. When that goes on, the path has become longer or
// has stalls that the map does not allow for: it steps at once, before the filter has seen enough of it.
func (c *clock) tooLate(k Kind, instant time.Duration) {
	l, other := &c.maps[k], &c.maps[1-k]
	by := l.spell.add(c.advanced-instant, c.advanced)
	if by == 0 {
		return
	}
	if c.synchronized() && other.heardSince(c.advanced-spellQuiet) {
		c.partFrom(k, span{fastest: by, known: true}, span{fastest: other.newestLate(), known: true})
	}
	c.step(k, by)
	l.transit, other.transit = newEnvelope(), newEnvelope()
}

// track moves a clock map towards the lateness that was measured.
func (c *clock) track(l *clockMap, late span) {
	if step := late.step(); step != 0 {
		l.offset.step(step)
		l.transit = newEnvelope()
		return
	}
	const limit = correctEvery / driftLimit
	move := min(max(late.fastest/driftGain, -limit), limit)
	l.offset.target += move
	c.drift += (float64(move)/float64(correctEvery)*1e6 - c.drift) / 32
}

// report takes a sender report. It returns false when the report is absurd, or in doubt.
func (c *clock) report(k Kind, ntp uint64, rtpTime uint32, at time.Duration) bool {
	l := &c.maps[k]
	if !l.anchored || ntp == 0 {
		return false
	}
	media := l.media(l.unwrap(rtpTime))
	if late := at - media - l.final(); late > maxLate || late < -maxEarly {
		return false
	}
	c.ntpBase = cmp.Or(c.ntpBase, ntp)
	l.senderZero, l.reported = ntpDuration(ntp-c.ntpBase)-media, true
	video, audio := &c.maps[Video], &c.maps[Audio]
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

// relate moves video against audio: forward by a step, back by a step as far as it is dated after its arrival, and by
// slewing from there.
func (c *clock) relate(move time.Duration) {
	video, audio := &c.maps[Video], &c.maps[Audio]
	// From here on the offsets go together; what else video had to go becomes skew.
	video.skew.value += video.offset.rest() - audio.offset.rest()
	video.offset.value = video.offset.target + audio.offset.rest()
	ahead := max(video.offset.value+video.skew.value-video.newestTransit, 0)
	video.skew.raise(move)
	c.moved += move
	video.skew.value -= min(ahead, video.skew.rest())
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
