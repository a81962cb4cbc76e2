package media

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// MaxPacket is the longest RTP packet in bytes: what an Ethernet frame carries.
const MaxPacket = 1500

// Packet is one item of a Track: an RTP packet, or, when Report is set, a sender report in its place among them.
// It comes from a pool: whoever got one from a Tap calls Release once, and uses nothing of it afterwards.
type Packet struct {
	// RTP is the parsed packet; its payload and extensions point into the Packet's own memory. Without meaning in a report.
	RTP rtp.Packet
	// Arrival is when the packet was read, on the server's monotonic clock.
	Arrival time.Time
	// KeyFrame reports whether a key frame begins here: its first packet, of H.264 the one with the parameter sets. Always true for
	// audio packets.
	KeyFrame bool
	// Layer is that of the picture that the packet is of. It is set by Push.
	Layer PictureLayer
	// Descriptor is what the publisher tells of the frame that the packet is of; nil where it does not. It is set by Push.
	Descriptor []byte
	// Report is the sender report, or nil for an RTP packet.
	Report *SenderReport

	report   SenderReport
	restored bool // has come as the redundancy of a later one
	buf      [MaxPacket]byte
	refs     atomic.Int32
	pool     *PacketPool
}

// SenderReport relates the sender's wall clock to the time stamps of a track (RFC 3550 §6.4.1).
type SenderReport struct {
	NTP     uint64 // seconds since 1900, 32.32 bits
	RTPTime uint32 // the same instant on the track's clock
}

// Retain keeps the packet for one more Release. A Subscriber that uses it after Deliver calls it first.
func (p *Packet) Retain() { p.refs.Add(1) }

// References is how many Releases are still to come.
func (p *Packet) References() int { return int(p.refs.Load()) }

// Release gives the packet back.
func (p *Packet) Release() {
	switch n := p.refs.Add(-1); {
	case n == 0:
		p.pool.put(p)
	case n < 0:
		panic("ingest: packet released twice")
	}
}

// Fill makes the packet one with this header, whose payload is all the parts together, copied. They must fit in MaxPacket bytes.
func (p *Packet) Fill(header rtp.Header, arrival time.Time, parts ...[]byte) {
	n := 0
	for _, part := range parts {
		n += copy(p.buf[n:], part)
	}
	p.RTP, p.Arrival = rtp.Packet{Header: header, Payload: p.buf[:n]}, arrival
}

// FillRestored is Fill for a packet that has come as the redundancy of a later one (RFC 2198).
func (p *Packet) FillRestored(header rtp.Header, arrival time.Time, payload []byte) {
	p.Fill(header, arrival, payload)
	p.restored = true
}

// read fills the packet from one Read of r.
func (p *Packet) read(r Reader) error {
	n, _, err := r.Read(p.buf[:])
	if err != nil {
		return err
	}
	p.Arrival = time.Now()
	if err := p.RTP.Unmarshal(p.buf[:n]); err != nil {
		return errors.Join(errBadPacket, err)
	}
	return nil
}

var errBadPacket = errors.New("parse RTP packet")

// Reader is the reading side of pion's tracks (RTP) and of its receivers and senders (RTCP): each Read yields one packet.
type Reader interface {
	// Read implements what pion's types have.
	Read(b []byte) (int, interceptor.Attributes, error)
}

// PacketPool recycles packets, so that reading one allocates nothing.
type PacketPool struct{ pool sync.Pool }

// NewPacketPool makes an empty pool.
func NewPacketPool() *PacketPool {
	p := &PacketPool{}
	p.pool.New = func() any { return &Packet{pool: p} }
	return p
}

// Get returns an empty packet, which the caller releases.
func (pp *PacketPool) Get() *Packet {
	p := pp.pool.Get().(*Packet)
	p.refs.Store(1)
	p.Report, p.Descriptor, p.KeyFrame, p.restored = nil, nil, false, false
	return p
}

func (pp *PacketPool) put(p *Packet) { pp.pool.Put(p) }

// Forwarded is a header without its extensions and sources: they are about the way here.
func Forwarded(h *rtp.Header) rtp.Header {
	out := *h
	out.Extension, out.Extensions, out.CSRC = false, nil, nil
	return out
}
