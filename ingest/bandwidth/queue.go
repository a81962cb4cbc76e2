package bandwidth

import "time"

// A queue that stands is one that packets have waited in for a while, all of them. Its delay does not grow, so the trend does not tell of it.
const (
	queueWindow   = 500 * time.Millisecond
	queueStands   = 100 * time.Millisecond // that the packet with the least delay has waited for
	queueIdle     = 50 * time.Millisecond
	queueBaseline = 10 * time.Second // half of the time that the least delay is remembered for
)

// queue measures how long packets wait in the network: their delay beyond the least that there has been lately.
type queue struct {
	begun      bool
	baseline   [2]time.Duration // least delay, of the present and of the past
	baselineAt time.Duration
	least      time.Duration // of the present window
	windowAt   time.Duration
	waited     time.Duration // of the last window
	latest     time.Duration // of the newest packet
}

func (q *queue) add(sent, arrived time.Duration) {
	delay := arrived - sent
	switch {
	case !q.begun || sent-q.baselineAt > 4*queueBaseline:
		*q = queue{begun: true, baseline: [2]time.Duration{delay, delay}, baselineAt: sent, least: delay, windowAt: sent}
	case sent-q.baselineAt > queueBaseline:
		q.baseline, q.baselineAt = [2]time.Duration{delay, q.baseline[0]}, sent
	}
	q.baseline[0] = min(q.baseline[0], delay)
	q.least = min(q.least, delay)
	q.latest = delay - min(q.baseline[0], q.baseline[1])
	if sent-q.windowAt >= queueWindow {
		q.waited = q.least - min(q.baseline[0], q.baseline[1])
		q.windowAt, q.least = sent, delay
	}
}

// stands reports whether all packets wait.
func (q *queue) stands() bool { return q.waited > queueStands }
