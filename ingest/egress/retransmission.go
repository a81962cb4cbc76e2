package egress

import (
	"time"

	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/media"
	"golang.org/x/time/rate"
)

// historyPackets is how many packets of a picture can be sent to a client once more, 3 s at 1.5 Mbit/s, and how many are in a
// second at most: nobody makes the server send without end.
const historyPackets = 512

// retransmissionBuffer holds what was sent to one client last. The packets are those that all clients get, not copies of them. A nil history
// holds nothing: sound is not sent again.
type retransmissionBuffer struct {
	sent   [historyPackets]past // by sequence number
	newest uint16
	key    uint16 // with which the newest key frame begins
	keyed  bool   // there has been one
	left   *rate.Limiter
}

// past is a packet and what it was sent as.
type past struct {
	packet    *media.Packet // nil: none
	sequence  uint16
	timestamp uint32
	marker    bool
	numbers   pictureNumbers
	repeated  time.Time // last; zero: never
}

// header is that which the packet was sent with.
func (p *past) header() rtp.Header {
	header := media.Forwarded(&p.packet.RTP.Header)
	header.SequenceNumber, header.Timestamp, header.Marker = p.sequence, p.timestamp, p.marker
	return header
}

func newRetransmissionBuffer() *retransmissionBuffer {
	return &retransmissionBuffer{left: rate.NewLimiter(historyPackets, historyPackets)}
}

// keep retains a packet that was sent with the header, in the place of an older one.
func (h *retransmissionBuffer) keep(p *media.Packet, header *rtp.Header, numbers pictureNumbers) {
	if h == nil {
		return
	}
	at := &h.sent[header.SequenceNumber%historyPackets]
	if at.packet != nil {
		if int16(header.SequenceNumber-at.sequence) <= 0 {
			return // a straggler
		}
		at.packet.Release()
	}
	p.Retain()
	*at = past{packet: p, sequence: header.SequenceNumber, timestamp: header.Timestamp, marker: header.Marker, numbers: numbers}
	h.newest = header.SequenceNumber
	if p.KeyFrame {
		h.key, h.keyed = h.newest, true
	}
}

// paddingPackets is how many packets a probe sends at once at most.
const paddingPackets = 16

// pad sends the newest packets once more, as much as that many bytes: padding that repairs what has been lost of it.
func (h *retransmissionBuffer) pad(bytes int, to *localTrack) {
	if h == nil || !to.repairs() {
		return
	}
	for i := uint16(0); bytes > 0 && i < paddingPackets; i++ {
		at := &h.sent[(h.newest-i)%historyPackets]
		if at.packet == nil || at.sequence != h.newest-i {
			return
		}
		header := at.header()
		if to.repeat(&header, at.packet, at.numbers) != nil {
			return
		}
		bytes -= packetOverhead + len(at.packet.RTP.Payload)
	}
}

// passed reports whether the newest key frame came after a packet, so that nobody needs that to decode what is sent now.
func (h *retransmissionBuffer) passed(sequence uint16) bool {
	return h.keyed && int16(sequence-h.key) < 0
}

// resend sends once more a packet that a client has lost (RFC 4585 §6.2.1), if it is here and has not just been sent: clients ask again before
// it can have come. It returns false when no more can be sent now.
func (h *retransmissionBuffer) resend(sequence uint16, to *localTrack, now time.Time, roundTrip time.Duration) (more bool) {
	at := &h.sent[sequence%historyPackets]
	if at.packet == nil || at.sequence != sequence || now.Sub(at.repeated) < roundTrip {
		return true
	}
	header := at.header()
	if !h.left.Allow() || to.repeat(&header, at.packet, at.numbers) != nil {
		return false
	}
	at.repeated = now
	return true
}

// release gives all packets back.
func (h *retransmissionBuffer) release() {
	if h == nil {
		return
	}
	for i := range h.sent {
		if p := h.sent[i].packet; p != nil {
			p.Release()
		}
		h.sent[i] = past{}
	}
}
