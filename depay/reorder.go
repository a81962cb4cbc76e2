package depay

import (
	"math"
	"time"
)

const (
	// maxHeld bounds the packets that wait for one before them: 100 ms of 50 Mbit/s. A power of two.
	maxHeld = 512

	// maxJump is the step of the sequence number, either way, from which on it is another sequence: about RFC 3550 §A.1's
	// MAX_DROPOUT, and far more than its MAX_MISORDER, so that a burst of late retransmissions is none.
	maxJump = 3000

	// maxPayload bounds the bytes of a packet: far above any path MTU, and maxHeld of them fit in 4 MiB.
	maxPayload = 8192
)

// packet is what the steps after the socket need of an RTP packet.
type packet struct {
	seq       uint16
	timestamp uint32
	marker    bool
	instant   time.Duration // of the media, on the server's clock
	arrival   time.Duration
	payload   []byte // valid until the next push into the reorder buffer
	lost      int    // packets given up directly before this one
	lossy     bool   // another sequence begins here: what lies before is not known
}

// verdict is what became of a pushed packet.
type verdict uint8

const (
	taken     verdict = iota
	confirmed         // taken, and with it the stray packet before it: the sequence number has jumped
	duplicate
	late  // its place was given up
	stray // absurd sequence number: kept aside until the next packet tells
	full  // nothing was done: pop everything, then push again
)

// reorder puts the packets of one source in order. A packet in order is passed through without a copy.
type reorder struct {
	started bool
	next    int64 // extended sequence number of the packet to be popped next
	lost    int   // packets given up directly before next
	lossy   bool

	direct    packet // in order, not popped yet
	hasDirect bool

	slots [maxHeld]slot // by extended sequence number modulo maxHeld: those after next
	held  int
	since time.Duration // when the oldest hole was noticed
	hole  bool          // since is set

	came  [maxHeld / 64]uint64 // bit set: that one of the last maxHeld sequence numbers was popped, not given up
	aside slot                 // the stray packet
}

type slot struct {
	packet
	used    bool
	arrival time.Duration
	buf     []byte // reused; behind packet.payload
}

func (s *slot) put(p packet, arrival time.Duration) {
	s.buf = append(s.buf[:0], p.payload...)
	p.payload = s.buf
	s.packet, s.arrival, s.used = p, arrival, true
}

// push takes p, which arrived at that time. Unless the verdict is full, pop is to be called until it has nothing.
func (r *reorder) push(p packet, arrival time.Duration) verdict {
	if !r.started {
		r.started, r.next = true, int64(p.seq)
	}
	ahead := int64(int16(p.seq - uint16(r.next)))
	switch {
	case ahead >= maxJump || ahead <= -maxJump:
		return r.pushStray(p, arrival)
	case ahead < 0:
		if -ahead <= maxHeld && r.hasCome(r.next+ahead) {
			return duplicate
		}
		return late
	case ahead >= maxHeld && r.held > 0:
		return full
	case ahead == 0 || ahead >= maxHeld:
		r.giveUp(ahead)
		r.direct, r.hasDirect = p, true
		return taken
	}
	return r.hold(p, r.next+ahead, arrival)
}

func (r *reorder) hold(p packet, at int64, arrival time.Duration) verdict {
	s := &r.slots[at&(maxHeld-1)]
	if s.used {
		return duplicate
	}
	s.put(p, arrival)
	r.held++
	return taken
}

// pushStray begins a new sequence once two packets in a row agree on it (RFC 3550 §A.1).
func (r *reorder) pushStray(p packet, arrival time.Duration) verdict {
	if !r.aside.used || p.seq != r.aside.seq+1 {
		r.aside.put(p, arrival)
		return stray
	}
	if r.held > 0 {
		return full
	}
	r.next, r.lost, r.lossy = int64(r.aside.seq), 0, true
	r.came = [maxHeld / 64]uint64{}
	r.aside.used = false
	r.hold(r.aside.packet, r.next, r.aside.arrival)
	r.hold(p, r.next+1, arrival)
	return confirmed
}

// everything, as a deadline, gives up every hole.
const everything = time.Duration(math.MaxInt64)

// pop returns the next packet in order. A hole that was noticed at the deadline or before is given up.
func (r *reorder) pop(deadline time.Duration) (packet, bool) {
	if r.hasDirect {
		r.hasDirect = false
		return r.release(r.direct), true
	}
	if r.held == 0 {
		return packet{}, false
	}
	if !r.slots[r.next&(maxHeld-1)].used && !r.skipHole(deadline) {
		return packet{}, false
	}
	s := &r.slots[r.next&(maxHeld-1)]
	s.used = false
	r.held--
	return r.release(s.packet), true
}

// skipHole gives up the packets before the first that is held, if they were waited for long enough.
func (r *reorder) skipHole(deadline time.Duration) bool {
	var missing int64
	for !r.slots[(r.next+missing)&(maxHeld-1)].used {
		missing++
	}
	if !r.hole {
		r.hole, r.since = true, r.slots[(r.next+missing)&(maxHeld-1)].arrival
	}
	if r.since > deadline {
		return false
	}
	r.giveUp(missing)
	return true
}

func (r *reorder) giveUp(n int64) {
	for range min(n, maxHeld) {
		r.mark(r.next, false)
		r.next++
	}
	r.next += max(n-maxHeld, 0)
	r.lost += int(n)
}

func (r *reorder) release(p packet) packet {
	p.lost, p.lossy = r.lost, r.lossy
	r.lost, r.lossy, r.hole = 0, false, false
	r.mark(r.next, true)
	r.next++
	return p
}

// restart forgets the source; the buffers are kept. Everything was popped before.
func (r *reorder) restart() {
	r.started, r.lost, r.lossy, r.hole, r.aside.used = false, 0, false, false, false
	r.came = [maxHeld / 64]uint64{}
}

func (r *reorder) mark(seq int64, came bool) {
	word, bit := &r.came[seq&(maxHeld-1)/64], uint64(1)<<(seq&63)
	*word &^= bit
	if came {
		*word |= bit
	}
}

func (r *reorder) hasCome(seq int64) bool {
	return r.came[seq&(maxHeld-1)/64]&(1<<(seq&63)) != 0
}
