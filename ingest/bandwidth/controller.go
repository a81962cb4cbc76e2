package bandwidth

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Controller follows one connection.
type Controller struct {
	began time.Time

	mu        sync.Mutex
	history   *history // nil: nothing numbered has been sent
	estimator estimator
	prober    prober
	pacer     pacer
	clock     clock
	out       rate
	sentBytes uint64
	told      int64 // the highest number that feedback was about
	rtt       time.Duration
	received  uint64
	missed    uint64
	wanted    float64
	layer     string
	switches  uint64
	notify    func()
	notified  time.Duration
}

// notifyEvery is how often followers are told of an estimate.
const notifyEvery = 100 * time.Millisecond

// NewController makes the controller of a connection that begins now.
func NewController(now time.Time) *Controller {
	return &Controller{began: now, estimator: estimator{trend: newTrend()}, prober: prober{random: rand.Float64}}
}

// OnEstimate has f called when there is an estimate, and while there is one, at most ten times a second. It must not wait.
func (c *Controller) OnEstimate(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notify = f
}

// Unbounded says that no padding can be sent, so that the estimate has to grow without probes.
func (c *Controller) Unbounded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.estimator.unbounded = true
}

// Sent counts a packet of that many bytes that is being sent, and returns its transport-wide sequence number.
func (c *Controller) Sent(bytes int, now time.Time) (sequence uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.Sub(c.began)
	if c.history == nil {
		c.history = &history{}
	}
	c.sentBytes += uint64(bytes)
	c.out.add(at, bytes)
	c.estimator.await(at)
	if c.prober.running {
		c.prober.bytes += bytes
	}
	if c.estimator.known {
		c.pacer.add(bytes, at)
	}
	return uint16(c.history.add(at, bytes))
}

// Feedback takes a packet for which IsFeedback holds. One that is malformed changes nothing.
func (c *Controller) Feedback(packet []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.history == nil {
		return
	}
	at, newest := now.Sub(c.began), time.Duration(-1)
	err := readFeedback(packet, func(sequence uint16, received bool, arrival time.Duration) {
		d, number := c.history.find(sequence)
		if d == nil || d.told {
			return
		}
		c.told = max(c.told, number)
		if !received {
			if !d.miss {
				d.miss = true
				c.missed++
				c.estimator.missed(d.at, int(d.size))
			}
			return
		}
		d.told = true
		arrived := c.clock.since(arrival)
		c.received++
		c.estimator.received(d.at, arrived, int(d.size))
		c.prober.received(number, arrived, int(d.size))
		newest = max(newest, d.at)
	})
	if err != nil {
		return
	}
	if newest >= 0 {
		c.rtt = at - newest
	}
	c.estimator.update(at, c.rtt)
	c.prober.conclude(&c.estimator, c.told, c.history.next, at)
	c.pacer.set(&c.estimator, at)
	c.tell(at)
}

// tell tells of the estimate. The caller holds mu.
func (c *Controller) tell(at time.Duration) {
	if c.estimator.known && c.notify != nil && at-c.notified >= notifyEvery {
		c.notified = at
		c.notify()
	}
}

// Look follows the time: what is sent without feedback is too much. It is called about once a second.
func (c *Controller) Look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.Sub(c.began)
	c.estimator.quiet(at)
	c.pacer.set(&c.estimator, at)
	if c.history != nil && c.prober.waiting {
		c.prober.conclude(&c.estimator, c.told, c.history.next, at)
	}
}

// Estimate is how much the connection carries, in bit/s, of all that is sent over it. It is not known before the connection has once been too
// slow.
func (c *Controller) Estimate() (bitrate float64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.estimator.bitrate, c.estimator.known
}

// Want says how much is sent of media now, in bit/s, how much would be if the connection carried it, and what has been chosen. What is more than it carries is sent
// no faster than that.
func (c *Controller) Want(present, wanted float64, layer string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.layer != layer && c.layer != "" {
		c.switches++
	}
	c.wanted, c.pacer.needed, c.layer = wanted, present, layer
	c.pacer.set(&c.estimator, now.Sub(c.began))
}

// Wait is how long the next packet that can wait has to; 0: it can be sent now.
func (c *Controller) Wait(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pacer.wait(now.Sub(c.began))
}

// repeatsAhead is how long what is sent once more may have packets wait that are sent for the first time.
const repeatsAhead = 100 * time.Millisecond

// RTT is how long feedback about the newest packets took, with the time that it waited for at the client; 0: unknown.
func (c *Controller) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rtt
}

// MayRepeat reports whether a packet may be sent once more. It goes before packets that Wait has wait, and those make up for it: what a slow
// network has lost is never sent so often that nothing else gets through. Who has not got it asks again.
func (c *Controller) MayRepeat(now time.Time) bool { return c.Wait(now) <= repeatsAhead }

// Probe begins a probe when it is time for one, and reports whether one runs: then Padding is to be called every ProbeEvery.
func (c *Controller) Probe(now time.Time) (running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.Sub(c.began)
	if c.history != nil && c.prober.due(&c.estimator, c.wanted, at) {
		c.prober.begin(&c.estimator, c.wanted, c.history.next, at)
	}
	return c.prober.running
}

// ProbeEvery is how often a probe sends padding.
const ProbeEvery = probeEvery

// Padding is how many bytes the probe wants sent now beside the media, in packets that Sent is told of, and whether it goes on.
func (c *Controller) Padding(now time.Time) (bytes int, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.history == nil {
		return 0, false
	}
	bytes = c.prober.padding(c.history.next, now.Sub(c.began))
	return bytes, c.prober.running
}

// Stats are what is known of a connection.
type Stats struct {
	Active    bool    // packets are numbered, and the client tells of them
	Estimate  float64 // bit/s; 0 while unknown
	Wanted    float64 // bit/s, of the best that there is
	Sent      float64 // bit/s, with retransmissions and padding
	Arrived   float64 // bit/s, as the client tells
	Bytes     uint64  // sent
	Packets   uint64  // that have come
	Lost      uint64
	Loss      float64       // share of the packets lost lately, 0 to 1
	RTT       time.Duration // with the time that feedback waits for
	Layer     string        // that has been chosen; "" while there is no estimate, or nothing to choose
	Switches  uint64        // from one to another
	Decreases uint64        // of the estimate
	Probes    uint64
}

// Stats returns the counters.
func (c *Controller) Stats(now time.Time) Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := Stats{
		Active: c.estimator.fed, Wanted: c.wanted, Layer: c.layer, Switches: c.switches, Bytes: c.sentBytes, Packets: c.received, Lost: c.missed, Loss: c.estimator.loss, RTT: c.rtt,
		Decreases: c.estimator.decreases, Probes: c.prober.count,
	}
	if c.estimator.known {
		st.Estimate = c.estimator.bitrate
	}
	if at := now.Sub(c.began); at-time.Duration(c.out.newest)*rateBucket < 2*time.Second {
		st.Sent, st.Arrived = c.out.bitrate(), c.estimator.acked.bitrate()
	}
	return st
}
