package bandwidth

import "time"

// A probe sends padding beside the media for a while, and measures what comes of all.
const (
	probeFor    = 250 * time.Millisecond
	probeStep   = 1.5 // times the estimate, and twice when the last one was successful
	probeRaise  = 2.0
	probePassed = 0.85                  // of what was sent has come: there may be still more
	probeMost   = 20_000_000.0          // bit/s
	probeFirst  = 2 * time.Second       // after the estimate was lowered
	probeLast   = 6 * time.Second       // between two that were of no use
	probeWait   = 2 * time.Second       // for feedback
	probeQueue  = 60 * time.Millisecond // that packets wait for in the network at most
	probeEvery  = 10 * time.Millisecond
	probeBurst  = 8 // packets at once
)

// prober sends more than the media needs, to find out whether the network carries it.
type prober struct {
	running     bool
	rate        float64 // bit/s, media included
	began, ends time.Duration
	bytes       int // sent since then
	from, to    int64
	next        time.Duration // when the next may begin
	backoff     time.Duration
	step        float64
	random      func() float64 // in [0, 1)

	waiting       bool // for feedback about the packets of one that is over
	come          int  // bytes, those of the first to come left out
	first, latest time.Duration
	begun         bool
	tooMuch       bool // it made a queue

	count, useful uint64
}

// due reports whether a probe is to begin, of an estimate when that much is wanted.
func (p *prober) due(e *estimator, wanted float64, now time.Duration) bool {
	return e.known && !p.running && !p.waiting && wanted > e.bitrate && e.bitrate < probeMost && now >= p.next &&
		now-e.decreased >= probeFirst && e.calm(now) && !e.unbounded
}

func (p *prober) begin(e *estimator, wanted float64, number int64, now time.Duration) {
	*p = prober{running: true, rate: min(wanted*1.1, max(p.step, probeStep)*e.bitrate, probeMost), began: now, ends: now + probeFor,
		from: number, backoff: p.backoff, step: p.step, random: p.random, count: p.count + 1, useful: p.useful}
}

// padding is how many bytes are to be sent now beside the media.
func (p *prober) padding(number int64, now time.Duration) int {
	switch {
	case !p.running:
		return 0
	case now >= p.ends:
		p.stop(number)
		return 0
	}
	return max(int(p.rate/8*(now-p.began+probeEvery).Seconds())-p.bytes, 0)
}

// stop ends the padding: what comes of it tells.
func (p *prober) stop(number int64) {
	p.running, p.waiting, p.to = false, true, number
}

// received takes a packet that has come.
func (p *prober) received(number int64, arrived time.Duration, size int) {
	switch {
	case !p.running && !p.waiting || number < p.from || p.waiting && number >= p.to:
		return
	case !p.begun:
		p.begun, p.first, p.latest = true, arrived, arrived
		return
	}
	p.come += size
	p.latest = max(p.latest, arrived)
}

// conclude raises the estimate by what a probe has shown, when all is told that will be. A probe that makes a queue is over at once.
func (p *prober) conclude(e *estimator, told, next int64, now time.Duration) {
	if p.running && (e.trend.usage == usageOver || e.queue.latest > probeQueue) {
		p.stop(next)
		p.tooMuch = true
	}
	if !p.waiting || told < p.to-1 && now < p.ends+probeWait {
		return
	}
	p.waiting = false
	carried := p.carried(e.inherent)
	sent := min(p.rate, float64(p.bytes*8)/max(min(now, p.ends)-p.began, 1).Seconds())
	if p.tooMuch || e.trend.usage == usageOver || carried < probePassed*sent {
		e.raise(easeTo * carried)
		p.backoff, p.step = min(max(2*p.backoff, probeFirst), probeLast), probeStep
		p.next = now + p.pause()
		return
	}
	e.raise(min(carried, p.rate))
	e.carried, e.carriedAt = carried, now
	p.useful++
	p.backoff, p.step, p.next = 0, probeRaise, now
}

// pause is how long the next probe waits: three to five fifths of the backoff, at random, because viewers who share a network and probe at the
// same time all find out nothing.
func (p *prober) pause() time.Duration {
	return time.Duration((0.6 + 0.4*p.random()) * float64(p.backoff))
}

// carried is the bit rate that has come of all, what the network loses anyway included; 0 when that was for too short a time.
func (p *prober) carried(inherent float64) float64 {
	span := p.latest - p.first
	if span < probeFor/4 {
		return 0
	}
	return float64(p.come*8) / span.Seconds() / (1 - inherent)
}
