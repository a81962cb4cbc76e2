package bandwidth

import "time"

// historyPackets is of how many packets it is known when they were sent: four seconds at 5 Mbit/s.
const historyPackets = 2048

// history holds when packets were sent, by their transport-wide numbers.
type history struct {
	packets [historyPackets]departure
	next    int64 // number, without wrapping
}

type departure struct {
	at   time.Duration
	size int32
	told bool // by the client, that it has come
	miss bool // that it has not
}

func (h *history) add(at time.Duration, size int) (number int64) {
	number = h.next
	h.packets[number%historyPackets] = departure{at: at, size: int32(size)}
	h.next++
	return number
}

// find returns the packet that a sequence number is of; nil if it is none that is known.
func (h *history) find(sequence uint16) (*departure, int64) {
	number := h.next - int64(uint16(h.next)-sequence)
	if number >= h.next || number < 0 || h.next-number > historyPackets {
		return nil, 0
	}
	return &h.packets[number%historyPackets], number
}

// clock makes one of the client's, which begins anew every 2^24 × 64 ms.
type clock struct {
	begun      bool
	last, base time.Duration
}

const clockRound = referenceUnit << 24

func (c *clock) since(arrival time.Duration) time.Duration {
	if !c.begun {
		c.begun, c.base = true, time.Hour-arrival // so that nothing is before 0
	} else if step := arrival - c.last; step < -clockRound/2 {
		c.base += clockRound
	} else if step > clockRound/2 {
		c.base -= clockRound
	}
	c.last = arrival
	return c.base + arrival
}
