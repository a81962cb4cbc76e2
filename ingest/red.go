package ingest

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxRedundant is how many earlier packets one may carry: as many as libwebrtc can be told to send.
const maxRedundant = 9

var errRED = errors.New("a packet of redundant sound cannot be read")

// redBefore is the payload type of redundancy for another one that is not only offered but put before it; "" when there is none.
func redBefore(m *sdp.MediaDescription, payload string, mapped, parameters map[string]string) string {
	for _, red := range m.MediaName.Formats {
		if red == payload {
			break
		}
		if isPayload(red) && strings.EqualFold(mapped[red], "red/48000/2") && redCarries(parameters[red], payload) {
			return red
		}
	}
	return ""
}

// redCarries reports whether all blocks are to be of one payload type (RFC 2198 §5), as in 111/111.
func redCarries(parameters, payload string) bool {
	for _, block := range strings.Split(parameters, "/") {
		if block != payload {
			return false
		}
	}
	return true
}

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
