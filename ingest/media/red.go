package media

import (
	"encoding/binary"
	"errors"
)

// maxRedundant is how many earlier packets one may carry: as many as libwebrtc can be told to send.
const maxRedundant = 9

var errRED = errors.New("a packet of redundant sound cannot be read")

// redPayload is what a packet of redundant sound carries (RFC 2198 §3). Each parse fills it anew; it points into what was parsed.
type redPayload struct {
	redundant []redBlock // the oldest first
	primary   []byte

	blocks [maxRedundant]redBlock
}

// redBlock is the payload of an earlier packet.
type redBlock struct {
	offset  uint32 // of its time stamp, back from the packet's own
	length  int
	payload []byte
}

// parse reads blocks that are all of one payload type.
func (r *redPayload) parse(b []byte, payloadType uint8) error {
	r.redundant = r.blocks[:0]
	for len(b) > 0 && b[0]&0x80 != 0 { // another block follows this one
		if len(b) < 4 || b[0]&0x7f != payloadType || len(r.redundant) == maxRedundant {
			return errRED
		}
		head := binary.BigEndian.Uint32(b) // after 8 bits: 14 of time, 10 of length
		r.redundant, b = append(r.redundant, redBlock{offset: head >> 10 & 0x3fff, length: int(head & 0x3ff)}), b[4:]
	}
	if len(b) == 0 || b[0] != payloadType {
		return errRED
	}
	b = b[1:]
	for i := range r.redundant {
		block := &r.redundant[i]
		if block.length > len(b) {
			return errRED
		}
		block.payload, b = b[:block.length], b[block.length:]
	}
	r.primary = b
	return nil
}
