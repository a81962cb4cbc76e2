package bandwidth

import "time"

// How the estimate goes (draft-ietf-rmcat-gcc-02 §5.5, §6).
const (
	leastBitrate  = 60_000.0
	mostBitrate   = 100_000_000.0
	decreaseTo    = 0.85            // of what has come
	easeTo        = 0.9             // of the estimate, when all that was sent has come; of what is sent, when that is little
	little        = 0.6             // of the estimate
	lately        = 2 * time.Second // the estimate was lowered before
	growth        = 1.08            // in a second
	headroom      = 1.5             // times what has come is as far as it grows without a probe
	decreaseAgain = 200 * time.Millisecond

	lossPackets  = 50 // of which loss is a share
	lossTooMuch  = 0.10
	lossNoGrowth = 0.02
	lossMemory   = 3 * time.Second // over which the network's own loss is averaged, whatever is sent
	lossInherent = 0.15            // at most

	capacityNear = 30 * time.Second        // a capacity that was measured is believed for so long
	quietFor     = time.Second             // without feedback
	staleAfter   = 2 * time.Second         // what is known of a queue says nothing of the present
	carriedFor   = 1500 * time.Millisecond // what a probe has shown holds
)

// estimator makes an estimate of feedback. Times are since the beginning, arrivals on the client's clock.
type estimator struct {
	trend               trend
	queue               queue
	acked               rate // arrivals
	sent                rate // departures of what has been told of
	known               bool // the connection has been too slow once
	bitrate             float64
	peak                float64 // of acked
	updated             time.Duration
	decreased           time.Duration
	capacity            float64 // what came when it was too much; 0: unknown
	capacityAt          time.Duration
	packets, lost       int // since loss was last looked at
	lossAt              time.Duration
	loss                float64
	inherent            float64 // loss of the network's own
	fed                 bool
	heard               time.Duration // feedback
	awaited             time.Duration // feedback about what was sent then; 0: it has come
	stoodAt             time.Duration // packets have waited in a queue
	carried             float64       // by a probe
	carriedAt           time.Duration
	unbounded           bool // it cannot be probed, so it grows by itself
	overuses, decreases uint64
}

// received takes a packet that has come.
func (e *estimator) received(sent, arrived time.Duration, size int) {
	e.packets++
	e.trend.add(sent, arrived)
	e.queue.add(sent, arrived)
	e.acked.add(arrived, size)
	e.sent.add(sent, size)
}

// missed takes a packet that has not come.
func (e *estimator) missed(sent time.Duration, size int) {
	e.packets++
	e.lost++
	e.sent.add(sent, size)
}

// update follows what has been taken of one feedback packet.
func (e *estimator) update(now, rtt time.Duration) {
	acked := e.acked.bitrate()
	passed := min(now-e.updated, time.Second)
	e.fed, e.heard, e.updated, e.awaited = true, now, now, 0
	if e.queue.stands() {
		e.stoodAt = now
	}
	e.peak = max(acked, e.peak*(1-0.05*passed.Seconds()))
	e.measureLoss(now)
	excess := e.loss - e.inherent
	again := now-e.decreased > decreaseAgain+rtt
	switch {
	case acked == 0:
	case e.trend.usage == usageOver || e.queue.stands():
		if again {
			e.overused(acked, now)
		}
	case excess > lossTooMuch:
		if again {
			e.tooLossy(acked, excess, now)
		}
	case e.trend.usage == usageNormal && excess <= lossNoGrowth && e.known:
		e.grow(acked, passed, rtt, now)
	}
}

// overused lowers the estimate because a queue grows: below what comes out of it. When all that was sent has come, that is not known, and a
// pause of the sender or of this machine may have been the cause.
func (e *estimator) overused(acked float64, now time.Duration) {
	e.overuses++
	to, sent := decreaseTo*acked, e.sent.bitrate()
	switch {
	case acked >= easeTo*sent && !e.queue.stands():
		reference := e.peak
		if e.known {
			reference = e.bitrate
		}
		to = max(to, easeTo*reference)
	case e.known && sent < little*e.bitrate && now-e.decreased > lately:
		to = max(to, easeTo*sent) // somebody else makes the queue, for a moment maybe
	default:
		e.capacity, e.capacityAt = acked, now
	}
	if e.carriedAt > 0 && now-e.carriedAt < carriedFor {
		to = max(to, decreaseTo*e.carried) // what is sent has just begun to follow
	}
	e.lower(to, now)
}

// tooLossy lowers the estimate because of losses, but not below what comes.
func (e *estimator) tooLossy(acked, loss float64, now time.Duration) {
	to := 0.95 * acked
	if e.known {
		to = max(to, e.bitrate*(1-loss/2))
	}
	e.lower(to, now)
}

func (e *estimator) lower(to float64, now time.Duration) {
	e.decreased = now
	e.decreases++
	if !e.known || to < e.bitrate {
		e.known, e.bitrate = true, max(to, leastBitrate)
	}
}

// grow raises the estimate: slowly near what was too much before.
func (e *estimator) grow(acked float64, passed, rtt, now time.Duration) {
	next := e.bitrate * (1 + (growth-1)*passed.Seconds())
	if near := e.bitrate > 0.8*e.capacity && e.bitrate < 1.15*e.capacity; near && now-e.capacityAt < capacityNear {
		next = e.bitrate + 8*1200*passed.Seconds()/(rtt+100*time.Millisecond).Seconds()
	}
	if !e.unbounded {
		next = min(next, headroom*acked+10_000)
	}
	e.raise(max(next, acked))
}

// raise sets the estimate to what has been seen to pass.
func (e *estimator) raise(to float64) { e.bitrate = min(max(e.bitrate, to), mostBitrate) }

// measureLoss looks at the loss when there have been enough packets. What does not go away is the network's own, unless packets wait: then it
// is of too much.
func (e *estimator) measureLoss(now time.Duration) {
	passed := now - e.lossAt
	if e.packets < lossPackets || passed < decreaseAgain {
		return
	}
	e.loss = float64(e.lost) / float64(e.packets)
	e.packets, e.lost, e.lossAt = 0, 0, now
	if e.queue.waited > queueIdle {
		return
	}
	share := min(passed.Seconds()/lossMemory.Seconds(), 1)
	e.inherent = min(e.inherent+share*(e.loss-e.inherent), lossInherent)
}

// quiet halves the estimate while feedback about what is sent does not come.
func (e *estimator) quiet(now time.Duration) {
	if !e.fed || e.awaited == 0 || now-e.awaited < quietFor || now-e.decreased < quietFor/2 {
		return
	}
	if !e.known {
		e.bitrate = e.peak
	}
	e.known, e.bitrate, e.decreased = true, max(e.bitrate/2, leastBitrate), now
	e.decreases++
}

// await notes that a packet is sent about which feedback is to come.
func (e *estimator) await(now time.Duration) {
	if e.awaited == 0 {
		e.awaited = now
	}
}

// calm reports whether nothing speaks against sending more: no queue, or none that has been heard of lately.
func (e *estimator) calm(now time.Duration) bool {
	return e.trend.usage == usageNormal || now-e.heard > staleAfter
}
