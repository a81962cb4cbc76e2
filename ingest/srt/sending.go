package srt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/datarhei/gosrt/packet"
)

const (
	takesWithin = 10 * time.Second       // for a place for a packet
	silent      = 5 * time.Second        // after which a server is gone, which says something every second
	alive       = 500 * time.Millisecond // between packets, at most
	tick        = 20 * time.Millisecond
	leastRate   = 1 << 20 // bytes a second: media comes a part at a time, and networks do not take that at once
	measured    = time.Second
	mostAhead   = 5 * time.Millisecond // of the pace
	leastKept   = time.Second          // how long packets are kept for the case that they are lost (§4.6)
	mostPackets = 1 << 30              // that one key is for: sequence numbers, of which the cipher counts, begin again at 2^31
	spare       = 256                  // buffers that are kept
	control     = 0x80                 // first bit of a control packet
	single      = 0xc0                 // a packet is a message
	even        = 0x08                 // is encrypted with the even key
	again       = 0x04                 // is sent again
	mostMessage = 1<<26 - 1
)

var errKeyUsed = errors.New("the key has been used for long enough: another connection has another one")

// sending is what has been sent and what is known of its coming.
type sending struct {
	kept    []*kept // until the server has them, or nobody waits for them any more; of numbers that follow on each other
	begin   uint32  // sequence number of the first of them
	total   uint64  // packets
	late    uint64  // of them, that were not known to have come in time
	free    [][]byte
	trip    time.Duration // to the server and back
	last    time.Time     // something was sent
	next    time.Time     // when the pace allows a packet
	rate    float64       // bytes a second
	since   time.Time     // that it is measured
	written int           // bytes, since then
}

type kept struct {
	data []byte
	made time.Time
	sent time.Time // last
}

// Write sends up to [MaxPayload] bytes. It waits for the pace, and for 10 s at most for a place among packets that are on their way.
func (c *Client) Write(b []byte) (int, error) {
	if len(b) > MaxPayload {
		return 0, fmt.Errorf("a packet of %d bytes", len(b))
	}
	late := time.Now().Add(takesWithin)
	for {
		wait, err := c.offer(b)
		if wait == 0 || err != nil {
			return len(b), err
		}
		if time.Now().After(late) {
			return 0, os.ErrDeadlineExceeded
		}
		select {
		case <-c.ended:
			return 0, c.Why()
		case <-time.After(wait):
		}
	}
}

// offer sends a packet, or says how long that has to wait.
func (c *Client) offer(b []byte) (wait time.Duration, err error) {
	if err := c.Why(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, now := &c.sent, time.Now()
	c.forget(now)
	if len(s.kept) >= c.window {
		return tick, nil
	}
	if ahead := s.next.Sub(now); ahead > mostAhead {
		return ahead, nil
	}
	if c.cipher != nil && s.total >= mostPackets {
		return 0, errKeyUsed
	}
	s.pace(now, len(b))
	k := &kept{data: s.buffer(), made: now, sent: now}
	if k.data, err = c.packet(k.data, b, now); err != nil {
		return 0, err
	}
	s.kept = append(s.kept, k)
	s.total++
	return 0, c.put(k.data, now)
}

// pace counts a packet. The rate is twice that of the last second, so that what comes at once is spread, and what is late catches up.
func (s *sending) pace(now time.Time, n int) {
	if over := now.Sub(s.since); over > measured {
		s.rate = max(leastRate, 2*float64(s.written)/over.Seconds())
		s.since, s.written = now, 0
	}
	s.written += n
	if s.next.Before(now) {
		s.next = now
	}
	s.next = s.next.Add(time.Duration(float64(n) / s.rate * float64(time.Second)))
}

func (s *sending) buffer() (b []byte) {
	if n := len(s.free); n > 0 {
		b, s.free = s.free[n-1], s.free[:n-1]
	}
	return b[:0]
}

// packet makes the next one (§3.1).
func (c *Client) packet(to, payload []byte, now time.Time) ([]byte, error) {
	number := c.number(len(c.sent.kept))
	to = binary.BigEndian.AppendUint32(to, number)
	to = binary.BigEndian.AppendUint32(to, uint32(c.sent.total%mostMessage)+1)
	to[4] |= single
	to = binary.BigEndian.AppendUint32(to, c.stamp(now))
	to = append(binary.BigEndian.AppendUint32(to, c.peer), payload...)
	if c.cipher == nil {
		return to, nil
	}
	to[4] |= even
	return to, c.cipher.EncryptOrDecryptPayload(to[headBytes:], packet.EvenKeyEncrypted, number)
}

// number is the sequence number of a packet that is kept.
func (c *Client) number(at int) uint32 {
	return (c.first + c.sent.begin + uint32(at)) & packet.MAX_SEQUENCENUMBER
}

// stamp is a time stamp, which begins again after 71 minutes.
func (c *Client) stamp(now time.Time) uint32 { return uint32(now.Sub(c.start).Microseconds()) }

func (c *Client) put(b []byte, now time.Time) error {
	c.sent.last = now
	if _, err := c.conn.Write(b); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// control sends a control packet without a body; some receivers want four bytes of it.
func (c *Client) control(kind packet.CtrlType, number uint32) error {
	now := time.Now()
	b := binary.BigEndian.AppendUint16(make([]byte, 0, headBytes+4), control<<8|kind.Value())
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, c.stamp(now))
	return c.put(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, c.peer), 0), now)
}

// forget gives packets up that nobody waits for any more (§4.6).
func (c *Client) forget(now time.Time) {
	s, n := &c.sent, 0
	for n < len(s.kept) && now.Sub(s.kept[n].made) > max(leastKept, c.latency+c.latency/4) {
		n++
	}
	s.late += uint64(n)
	c.release(n)
}

// release gives back the first packets that are kept.
func (c *Client) release(n int) {
	s := &c.sent
	for _, k := range s.kept[:n] {
		if len(s.free) < spare {
			s.free = append(s.free, k.data)
		}
	}
	s.kept, s.begin = slices.Delete(s.kept, 0, n), s.begin+uint32(n)
}

// Late counts packets that were not known to have come in time.
func (c *Client) Late() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.late
}

// Drain waits until the server has what was sent, and for 1 s at most, and as long again until it has passed that on.
func (c *Client) Drain() {
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		c.mu.Lock()
		waiting := len(c.sent.kept)
		c.mu.Unlock()
		if waiting == 0 {
			break
		}
		select {
		case <-c.ended:
			return
		case <-time.After(tick):
		}
	}
	select {
	case <-c.ended:
	case <-time.After(min(c.latency+4*tick, time.Second)):
	}
}
