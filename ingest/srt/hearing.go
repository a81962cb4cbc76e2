package srt

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/datarhei/gosrt/packet"
)

// listen hears the server, sends again what it misses, and keeps the connection alive, until it ends.
func (c *Client) listen() error {
	b, heard := make([]byte, readBytes), time.Now()
	for beat := heard; ; {
		if err := c.conn.SetReadDeadline(beat.Add(tick)); err != nil {
			return err
		}
		n, err := c.conn.Read(b)
		now := time.Now()
		switch {
		case err == nil && n >= headBytes && binary.BigEndian.Uint32(b[12:]) == c.socket:
			heard = now
			if c.hear(b[:n], now) {
				return io.EOF
			}
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case now.Sub(heard) > silent:
			return os.ErrDeadlineExceeded
		}
		if now.Sub(beat) >= tick {
			beat = now
			if err := c.beat(now); err != nil {
				return err
			}
		}
	}
}

// hear takes a packet of the server, and reports whether that ends the connection.
func (c *Client) hear(b []byte, now time.Time) (over bool) {
	if b[0]&control == 0 {
		return false
	}
	kind, body := packet.CtrlType(binary.BigEndian.Uint16(b)&^(control<<8)), b[headBytes:]
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case kind == packet.CTRLTYPE_SHUTDOWN:
		return true
	case kind == packet.CTRLTYPE_ACK && len(body) >= 4:
		if at, ok := c.find(binary.BigEndian.Uint32(body)); ok {
			c.release(at)
		}
		if len(body) >= 16 {
			trip := min(time.Duration(binary.BigEndian.Uint32(body[4:]))*time.Microsecond, time.Second)
			c.sent.trip = trip
			_ = c.control(packet.CTRLTYPE_ACKACK, binary.BigEndian.Uint32(b[4:]))
		}
	case kind == packet.CTRLTYPE_NAK:
		c.repeat(body, now)
	}
	return false
}

// find is which of the packets that are kept has a sequence number; the one after the last is found, too.
func (c *Client) find(number uint32) (at int, ok bool) {
	distance := (number - c.number(0)) & packet.MAX_SEQUENCENUMBER
	return int(distance), int(distance) <= len(c.sent.kept)
}

// repeat sends again what is missed (§3.2.5): each packet once in the time that it takes to come, however often it is asked for.
func (c *Client) repeat(missed []byte, now time.Time) {
	steps := 0
	for len(missed) >= 4 {
		from := binary.BigEndian.Uint32(missed)
		to := from & packet.MAX_SEQUENCENUMBER
		missed = missed[4:]
		if from != to { // the first bit: a range
			if len(missed) < 4 {
				return
			}
			to, missed = binary.BigEndian.Uint32(missed)&packet.MAX_SEQUENCENUMBER, missed[4:]
		}
		first, known := c.find(from & packet.MAX_SEQUENCENUMBER)
		last, ends := c.find(to)
		if !known {
			first = 0
		}
		for at := first; ends && at <= last && at < len(c.sent.kept); at++ {
			if steps++; steps > flow {
				return
			}
			c.resend(c.sent.kept[at], now)
		}
	}
}

// resend sends a packet again, if that has not just been done.
func (c *Client) resend(k *kept, now time.Time) {
	if now.Sub(k.sent) < max(c.sent.trip, tick/2) {
		return
	}
	k.sent = now
	k.data[4] |= again
	_ = c.put(k.data, now)
}

// beat sends the newest packet again of which nothing is known for long: behind it nothing comes that shows that it is lost. Otherwise it keeps
// the connection alive.
func (c *Client) beat(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sent
	c.forget(now)
	if n := len(s.kept); n > 0 && now.Sub(s.kept[n-1].sent) > 2*(s.trip+tick) {
		c.resend(s.kept[n-1], now)
	}
	if now.Sub(s.last) > alive {
		return c.control(packet.CTRLTYPE_KEEPALIVE, 0)
	}
	return nil
}
