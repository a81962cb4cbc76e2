package egress

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtp"

	"github.com/sluice-live/sluice/ingest/media"
)

// Bounds of redundant sound (RFC 2198 §3).
const (
	redHeader = 4         // bytes of an earlier block's header; the newest has one
	redBlock  = 1<<10 - 1 // bytes of an earlier block
	redOffset = 1<<14 - 1 // ticks by which it is earlier: 341 ms
	redMost   = 1200      // bytes of all: networks with small packets would fragment more

	mostDistance = 2 // earlier packets that each brings
	keptSound    = 4 // packets, a power of two
)

// redundancy has packets of sound bring those before them once more (RFC 2198), while the client loses some.
type redundancy struct {
	distance int                  // how many earlier ones each brings; 0: none, and nothing is kept
	level    level                // by the losses
	kept     [keptSound]redundant // by sequence number
	packets  uint64               // that have brought others
}

// redundant is a packet that has been sent, and what as.
type redundant struct {
	packet    *media.Packet // nil: none
	sequence  uint16
	timestamp uint32
}

// redFrom are the shares of packets lost from which redundancy is worth what it costs, and from which twice. What is lost in turn is left by one
// packet before: a hundredth of all where a tenth is lost, by two of them a thousandth.
var redFrom = []float64{0.01, 0.05}

// set changes how many earlier packets each brings.
func (r *redundancy) set(distance int) {
	if r.distance = distance; distance == 0 {
		r.release()
	}
}

// wrap appends to buf what a packet that has this header is sent as: its payload behind those of earlier packets, the oldest first. It returns false
// when it brings none: then it is sent as it is.
func (r *redundancy) wrap(buf []byte, header *rtp.Header, p *media.Packet, payloadType uint8) (payload []byte, wraps bool) {
	if r.distance == 0 {
		return nil, false
	}
	var blocks [mostDistance]*redundant // the newest first
	n, size := 0, 1+len(p.RTP.Payload)
	for before := 1; before <= r.distance; before++ {
		b := &r.kept[(header.SequenceNumber-uint16(before))%keptSound]
		if length := redHeader + b.length(); b.fits(header, before) && size+length <= redMost {
			size += length
			blocks[n] = b
			n++
		}
	}
	if n > 0 {
		r.packets++
		payload = appendRED(buf, blocks[:n], header.Timestamp, p.RTP.Payload, payloadType)
	}
	r.keep(header, p)
	return payload, n > 0
}

// appendRED appends the headers of all blocks, then the blocks (RFC 2198 §3).
func appendRED(buf []byte, blocks []*redundant, timestamp uint32, primary []byte, payloadType uint8) []byte {
	for _, b := range slices.Backward(blocks) { // 8 bits, 14 of time, 10 of length
		buf = binary.BigEndian.AppendUint32(buf, uint32(0x80|payloadType)<<24|(timestamp-b.timestamp)<<10|uint32(b.length()))
	}
	buf = append(buf, payloadType)
	for _, b := range slices.Backward(blocks) {
		buf = append(buf, b.packet.RTP.Payload...)
	}
	return append(buf, primary...)
}

func (b *redundant) length() int {
	if b.packet == nil {
		return 0
	}
	return len(b.packet.RTP.Payload)
}

// fits reports whether this is the packet so many before one with the header, and can be a block of it.
func (b *redundant) fits(header *rtp.Header, before int) bool {
	offset := header.Timestamp - b.timestamp
	return b.packet != nil && b.sequence == header.SequenceNumber-uint16(before) && b.length() > 0 && b.length() <= redBlock && offset > 0 && offset <= redOffset
}

// keep retains a packet for those after it, unless a newer one is in its place.
func (r *redundancy) keep(header *rtp.Header, p *media.Packet) {
	at := &r.kept[header.SequenceNumber%keptSound]
	if at.packet != nil {
		if int16(header.SequenceNumber-at.sequence) <= 0 {
			return
		}
		at.packet.Release()
	}
	p.Retain()
	*at = redundant{p, header.SequenceNumber, header.Timestamp}
}

// release gives all packets back.
func (r *redundancy) release() {
	for i := range r.kept {
		if p := r.kept[i].packet; p != nil {
			p.Release()
		}
		r.kept[i] = redundant{}
	}
}
