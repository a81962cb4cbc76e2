package depay

import (
	"math"
	"time"
)

const (
	// learning is how long after its first packet a clock map follows every packet that is faster than all before.
	learning = time.Second

	// caughtUp is in how many windows a stall is caught up at the present pace, at most, for the map to wait for it.
	caughtUp = 6

	// maxLate and maxEarly bound how far from its arrival a packet may claim to be: beyond, its sender counts from
	// somewhere else. Nothing can arrive before it was sent, so early is a wrong map; late may be a long stall.
	maxLate  = 30 * time.Second
	maxEarly = 5 * time.Second
)

// clockMap maps the RTP time stamps of one source to the server's clock: the instant of a time stamp is its media time plus
// offset plus skew. The offset follows the transit delay, the skew is what sender reports say beyond that.
type clockMap struct {
	rate      int64 // Hz
	anchored  bool
	anchorage time.Duration // when the first packet arrived
	newest    int64         // unwrapped time stamp
	offset    slew
	skew      slew
	transit   envelope
	spell     spell

	newestTransit time.Duration // of the packet that came last: its arrival less its media time
	heard         time.Duration // when that was

	reported   bool
	senderZero time.Duration // the sender's instant of time stamp zero, on the clock of its sender reports
	related    bool          // skew comes from reports
}

// observe takes a packet's time stamp and arrival, and returns the media's instant.
func (m *clockMap) observe(timestamp uint32, at time.Duration) time.Duration {
	if m.anchored {
		media := m.media(m.unwrap(timestamp))
		late := at - media - m.final()
		if late < maxLate && late > -maxEarly {
			return m.update(timestamp, media, at)
		}
	}
	m.anchor(timestamp, at)
	return at
}

// instant returns that of a time stamp that says nothing about the map, and arrived at that time.
func (m *clockMap) instant(timestamp uint32, at time.Duration) time.Duration {
	return min(max(m.media(m.unwrap(timestamp))+m.offset.value+m.skew.value, at-maxLate), at+maxEarly)
}

// anchor begins a map: the media's instant is its arrival.
func (m *clockMap) anchor(timestamp uint32, at time.Duration) {
	*m = clockMap{rate: m.rate, anchored: true, anchorage: at, newest: int64(timestamp), transit: newEnvelope()}
	m.offset.step(at - m.media(m.newest))
	m.addTransit(m.offset.target, at)
}

func (m *clockMap) update(timestamp uint32, media, at time.Duration) time.Duration {
	m.newest = max(m.newest, m.unwrap(timestamp))
	m.addTransit(at-media, at)
	if gain := at - media - m.final(); gain < 0 && !m.related && at-m.anchorage < learning {
		m.offset.step(gain)
	}
	return media + m.offset.value + m.skew.value
}

// addTransit notes how long a packet took.
func (m *clockMap) addTransit(transit, at time.Duration) {
	m.newestTransit, m.heard = transit, at
	m.transit.observe(transit)
}

// newestLate returns how much later than the map expects the newest packet came.
func (m *clockMap) newestLate() time.Duration { return m.newestTransit - m.final() }

// lead returns by how much media of this track is dated after its arrival as a rule: it waits for the other track, then.
func (m *clockMap) lead() time.Duration {
	if !m.transit.before.known {
		return 0
	}
	return max(m.final()-m.transit.before.slowest, 0)
}

func (m *clockMap) heardSince(t time.Duration) bool { return m.anchored && m.heard >= t }

// unwrap puts a time stamp within 2^31 ticks of the newest.
func (m *clockMap) unwrap(timestamp uint32) int64 {
	return m.newest + int64(int32(timestamp-uint32(m.newest)))
}

// media converts unwrapped ticks. It is exact to a nanosecond for both clock rates, over centuries.
func (m *clockMap) media(ticks int64) time.Duration {
	return time.Duration(ticks/m.rate)*time.Second + time.Duration(ticks%m.rate)*time.Second/time.Duration(m.rate)
}

// final is what is added to media time once all slewing is done.
func (m *clockMap) final() time.Duration { return m.offset.target + m.skew.target }

// lateness returns how much later than the map expects the recent packets came.
func (m *clockMap) lateness() span {
	s, falls := m.transit.recent()
	s.known = s.known && m.anchored
	s.fastest, s.slowest = s.fastest-m.final(), s.slowest-m.final()
	if falls > lateStep && s.fastest < caughtUp*falls {
		s.fastest = min(s.fastest, 0) // a stall that is being caught up, not a longer path
	}
	return s
}

// advance slews for the time that has passed.
func (m *clockMap) advance(elapsed time.Duration) {
	m.offset.advance(elapsed / driftLimit)
	m.skew.advance(elapsed / skewLimit)
}

// unrelate lets the clock map go its own way until its next report.
func (m *clockMap) unrelate() { m.related, m.reported = false, false }

// slew is a duration that moves to its target at a bounded rate.
type slew struct{ value, target time.Duration }

// step moves value and target at once.
func (s *slew) step(by time.Duration) { s.value, s.target = s.value+by, s.target+by }

// raise moves the target forward; the value does not stay behind.
func (s *slew) raise(by time.Duration) {
	s.target += by
	s.value = max(s.value, s.target)
}

// rest is how far the value has yet to go back.
func (s *slew) rest() time.Duration { return s.value - s.target }

// advance moves the value by at most limit.
func (s *slew) advance(limit time.Duration) {
	s.value += min(max(s.target-s.value, -limit), limit)
}

// span is how late the fastest and the slowest packet of a while came; unknown while there are too few.
type span struct {
	fastest, slowest time.Duration
	known            bool
}

func newSpan() span { return span{fastest: math.MaxInt64, slowest: math.MinInt64} }

func (s *span) observe(d time.Duration) {
	s.fastest, s.slowest, s.known = min(s.fastest, d), max(s.slowest, d), true
}

// step returns what the map has to move by at once: forward when even the fastest packet came late, back when even the
// slowest came early, which leaves room for it to be late.
func (s span) step() time.Duration {
	if s.fastest > lateStep {
		return s.fastest
	}
	if back := max(s.fastest, s.slowest-lateStep); back < -lateStep {
		return back
	}
	return 0
}

// envelope filters the transit of the present window and the last one before it in which anything came.
type envelope struct{ present, before span }

func newEnvelope() envelope { return envelope{newSpan(), newSpan()} }

func (e *envelope) observe(d time.Duration) { e.present.observe(d) }

// recent returns the span of both windows, and by how much the fastest packet has become faster.
func (e *envelope) recent() (both span, falls time.Duration) {
	if !e.present.known || !e.before.known {
		return span{}, 0
	}
	both.fastest = min(e.present.fastest, e.before.fastest)
	both.slowest, both.known = max(e.present.slowest, e.before.slowest), true
	return both, e.before.fastest - e.present.fastest
}

func (e *envelope) roll() {
	if e.present.known {
		e.before, e.present = e.present, newSpan()
	}
}

const (
	spellLength = 200 * time.Millisecond // how long media comes too late until the map moves: a stall ends in a shorter burst
	spellQuiet  = 500 * time.Millisecond // without too late media, which ends a spell
)

// spell is a time in which media comes too late again and again.
type spell struct {
	began, newest time.Duration
	first, least  time.Duration // how late it was
}

// add takes media that is so late at that time. Once the spell has lasted it returns how late all of it was, and ends; else 0.
// Lateness that falls begins another spell: that is a stall being caught up.
func (s *spell) add(late, at time.Duration) time.Duration {
	if late < lateStep {
		return 0 // it came in time: others had taken its place
	}
	if s.first == 0 || at-s.newest > spellQuiet || s.first-late > lateStep {
		*s = spell{began: at, first: late, least: late}
	}
	s.newest, s.least = at, min(s.least, late)
	if at-s.began < spellLength {
		return 0
	}
	least := s.least
	*s = spell{}
	return least
}
