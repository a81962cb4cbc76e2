package egress

import (
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"

	"github.com/sluice-live/sluice/ingest/media"
)

// A packet of error correction (draft-ietf-payload-flexible-fec-scheme-03 §4.2): a header that tells which packets it is of, then the exclusive or of
// what follows the fixed part of their headers.
const (
	fecHeader = 20 // bytes, with a mask of 15 packets
	fecMask   = 15
	fecFrames = 2 // frames that a packet may be of, when they are small
	rtpHeader = 12
)

// How much error correction there is.
const (
	fecLeast = 2                     // packets that there is one for
	fecRoom  = 0.9                   // of the bandwidth is used with it at most
	fecAbove = 50 * time.Millisecond // a retransmission comes sooner
)

// fecFrom are the shares of packets lost from which there is one for as many packets as fecEvery tells of each level; first none.
var (
	fecFrom  = []float64{0.01, 0.03, 0.05, 0.08}
	fecEvery = []int{0, 8, 5, 3, fecLeast}
)

// correction makes packets by which a client gets one that it has lost of those before them. Its zero value is of no use; see newCorrection.
type correction struct {
	every int // packets there is one for; 0: none

	sequence uint16
	base     uint16 // sequence number of the first packet that the next one is of
	mask     uint16
	packets  int // that it is of
	frames   int // that have ended with these
	longest  int // bytes after the fixed header
	lengths  uint16
	parity   [media.MaxPacket]byte
	header   [media.MaxPacket]byte // of the newest packet
	sent     uint64
}

func newCorrection() *correction { return &correction{sequence: uint16(rand.N(1 << 15))} }

// set changes for how many packets there is one from now on.
func (c *correction) set(every int) {
	if c.every != every {
		c.clear()
	}
	c.every = every
}

func (c *correction) clear() {
	clear(c.parity[:fecHeader+c.longest])
	c.mask, c.packets, c.frames, c.longest, c.lengths = 0, 0, 0, 0, 0
}

// add takes a packet that is sent with the header, whose transport-wide number is zero: clients take that for zero, too. It reports whether one of
// error correction is due.
func (c *correction) add(h *rtp.Header, payload []byte, key bool) (due bool) {
	n, err := h.MarshalTo(c.header[:])
	long := n - rtpHeader + len(payload)
	at := h.SequenceNumber - c.base
	if c.packets == 0 {
		c.base, at = h.SequenceNumber, 0
	}
	switch {
	case err != nil || h.Padding || fecHeader+long > len(c.parity)-packetOverhead:
		return false // it is sent without
	case int16(at) < 0 || at < fecMask && c.mask&(1<<(fecMask-1-at)) != 0:
		return false // it has come late, or again
	case at >= fecMask: // after a gap
		c.clear()
		c.base, at = h.SequenceNumber, 0
	}
	c.mask |= 1 << (fecMask - 1 - at)
	c.packets++
	c.longest = max(c.longest, long)
	c.lengths ^= uint16(long)
	exclusiveOr(c.parity[:2], c.header[:2])
	exclusiveOr(c.parity[4:8], c.header[4:8])
	exclusiveOr(c.parity[fecHeader:], c.header[rtpHeader:n])
	exclusiveOr(c.parity[fecHeader+n-rtpHeader:], payload)
	if h.Marker {
		c.frames++
	}
	every := c.every
	if key {
		every = max(every/2, fecLeast)
	}
	return c.packets >= every || c.frames >= fecFrames
}

// packet returns the one that is due, of packets of this SSRC. What comes is another one's.
func (c *correction) packet(b *binding, timestamp uint32) (h rtp.Header, payload []byte) {
	c.parity[0] &= 0x3f // not a retransmission, and a mask that may be any
	binary.BigEndian.PutUint16(c.parity[2:], c.lengths)
	binary.BigEndian.PutUint32(c.parity[8:], 1<<24) // of one source
	binary.BigEndian.PutUint32(c.parity[12:], b.ssrc)
	binary.BigEndian.PutUint16(c.parity[16:], c.base)
	binary.BigEndian.PutUint16(c.parity[18:], 1<<15|c.mask)
	c.sequence++
	c.sent++
	h = rtp.Header{Version: 2, PayloadType: b.fecPayload, SequenceNumber: c.sequence, Timestamp: timestamp, SSRC: b.fecSSRC}
	return h, c.parity[:fecHeader+c.longest]
}

func exclusiveOr(into, with []byte) { subtle.XORBytes(into, into, with) }

// correct sends error correction of a packet that has just been sent, when that is due.
func (t *localTrack) correct(b *binding, header *rtp.Header, payload []byte, key bool) {
	c := t.correction
	if c == nil || c.every == 0 || b.fecSSRC == 0 {
		return
	}
	b.number = [2]byte{}
	if !c.add(header, payload, key) {
		return
	}
	var out []byte
	t.fec, out = c.packet(b, header.Timestamp)
	_ = t.emit(b, &t.fec, out, nil, pictureNumbers{}) // what could not be sent is not missed
	c.clear()
}
