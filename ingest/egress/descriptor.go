package egress

import (
	"encoding/binary"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
)

// maxDescriptor is how long a header extension may be (RFC 8285 §4.3).
const maxDescriptor = 255

// frameNumbers makes the numbers of frames that descriptors have (AV1 RTP payload format §A.4) go on where another source does. Those that are left
// out leave gaps: descriptors tell which frames a frame needs.
type frameNumbers struct {
	added uint16
	last  uint16 // that was sent
	known bool   // it is
}

// numberOf is the number in a descriptor; false: there is none.
func numberOf(descriptor []byte) (number uint16, ok bool) {
	if len(descriptor) < 3 {
		return 0, false
	}
	return binary.BigEndian.Uint16(descriptor[1:]), true
}

// shift is what is added to the numbers of a picture, which may begin a piece.
func (f *frameNumbers) shift(descriptor []byte, begins bool) uint16 {
	if number, ok := numberOf(descriptor); ok && begins && f.known {
		f.added = f.last + 1 - number
	}
	return f.added
}

// sent notes a frame of the newest picture.
func (f *frameNumbers) sent(descriptor []byte) {
	if number, ok := numberOf(descriptor); ok && (!f.known || int16(number+f.added-f.last) > 0) {
		f.last, f.known = number+f.added, true
	}
}

// described is the header of packets that have a descriptor.
type described struct {
	header rtp.Header // with the extensions; without any when the client takes no descriptors
	id     uint8
	buf    [maxDescriptor]byte
}

// describeIn has packets described in the extension for that, if it is one of those. number is what else they have, if that has been agreed on.
func (b *binding) describeIn(negotiated []webrtc.RTPHeaderExtensionParameter) {
	for _, e := range negotiated {
		if e.URI != media.DescriptorURI || b.described.id != 0 {
			continue
		}
		b.described.id = uint8(e.ID)
		b.described.header = rtp.Header{Extension: true, ExtensionProfile: rtp.ExtensionProfileTwoByte}
		b.described.header.Extensions = append(b.described.header.Extensions, b.numbered.Extensions...)
		if b.described.header.SetExtension(b.described.id, b.described.buf[:3]) != nil {
			b.described = described{}
		}
	}
}

// takesDescriptors reports whether the client is sent what publishers tell of frames.
func (t *localTrack) takesDescriptors() bool {
	b := t.bound.Load()
	return b != nil && b.described.id != 0
}

// describe sets a packet's extensions, of which the descriptor has the number of its frame. It returns false where it cannot have one.
func (d *described) describe(header *rtp.Header, descriptor []byte, frame uint16) bool {
	number, ok := numberOf(descriptor)
	if !ok || d.id == 0 || len(descriptor) > len(d.buf) {
		return false
	}
	n := copy(d.buf[:], descriptor)
	binary.BigEndian.PutUint16(d.buf[1:], number+frame)
	if d.header.SetExtension(d.id, d.buf[:n]) != nil {
		return false
	}
	header.Extension, header.ExtensionProfile, header.Extensions = true, d.header.ExtensionProfile, d.header.Extensions
	return true
}
