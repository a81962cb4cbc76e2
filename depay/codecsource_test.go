package depay

import (
	"encoding/binary"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/sluice-live/sluice/depay/av1"
)

// codecSource packetizes numbered frames of VP9 or AV1 that have right headers, and sound ones made elsewhere.
type codecSource struct {
	codec Codec
	seq   uint16
	ssrc  uint32
	sent  [][]byte
	vp9   codecs.VP9Payloader
}

func newCodecSource(c Codec, flexible bool) *codecSource {
	return &codecSource{codec: c, seq: 65530, vp9: codecs.VP9Payloader{
		FlexibleMode: flexible, InitialPictureIDFn: func() uint16 { return 0x7ffd },
	}}
}

// frame returns the packets of the next frame.
func (s *codecSource) frame(timestamp uint32, key bool, size int) []*rtp.Packet {
	if s.codec == VP9 {
		return s.packetize(timestamp, vp9Frame(len(s.sent), key, true, size))
	}
	return s.packetize(timestamp, av1Picture(len(s.sent), key, size))
}

// packetize returns the packets of a picture.
func (s *codecSource) packetize(timestamp uint32, data []byte) (packets []*rtp.Packet) {
	s.sent = append(s.sent, data)
	var payloads [][]byte
	if s.codec == VP9 {
		payloads = s.vp9.Payload(mtu, data)
	} else {
		payloads = (&codecs.AV1Payloader{}).Payload(mtu, data)
	}
	for i, payload := range payloads {
		packets = append(packets, s.packet(timestamp, i == len(payloads)-1, payload))
	}
	return packets
}

func (s *codecSource) packet(timestamp uint32, marker bool, payload []byte) *rtp.Packet {
	s.seq++
	return &rtp.Packet{
		Header: rtp.Header{
			Version: 2, SSRC: s.ssrc, SequenceNumber: s.seq - 1, Timestamp: timestamp, Marker: marker,
		},
		Payload: payload,
	}
}

// filler returns bytes that follow from n and carry it.
func filler(n, size int) []byte {
	b := make([]byte, max(size, 8))
	for i := range b {
		b[i] = byte(n*31+i*7) | 1
	}
	binary.BigEndian.PutUint32(b[2:], uint32(n))
	return b
}

// vp9Frame makes a shown VP9 frame of 640x480 that carries its number: a whole uncompressed header, and no more.
func vp9Frame(n int, key, resilient bool, size int) []byte {
	head := bitString{}
	head.add(2, 2).add(0, 3).add(bit(!key), 1).add(1, 1).add(bit(resilient), 1)
	switch {
	case key:
		head.add(0x498342, 24).add(0, 4).add(639, 16).add(479, 16).add(0, 1)
	default:
		if !resilient {
			head.add(0, 2)
		}
		head.add(1, 8).add(0, 12).add(2, 2).add(1, 2) // refreshes slot 0, has its size, switchable filter
	}
	if !resilient {
		head.add(0, 2)
	}
	head.add(0, 2).add(0, 10).add(60, 8).add(0, 3).add(0, 1).add(0, 2).add(1, 16)
	return append(head.bytes, filler(n, size-len(head.bytes))...)
}

// bitString is written from the most significant bit on.
type bitString struct {
	bytes []byte
	used  int
}

func (b *bitString) add(v, n int) *bitString {
	for n--; n >= 0; n-- {
		if b.used%8 == 0 {
			b.bytes = append(b.bytes, 0)
		}
		b.bytes[b.used/8] |= byte(v >> n & 1 << (7 - b.used%8))
		b.used++
	}
	return b
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

// av1Picture makes a temporal unit of 640x360 that carries its number: right headers, and no more.
func av1Picture(n int, key bool, size int) []byte {
	unit := av1.AppendTemporalDelimiter(nil)
	head := []byte{0x30, 0x03, 0x80, 0x80, 0x00} // inter frame
	if key {
		unit = append(unit, av1.AppendBlack(nil)[2:15]...)
		head = []byte{0x10, 0x00, 0x80, 0x00} // key frame
	}
	return av1.AppendOBU(unit, av1.OBU{Type: av1.FrameType, Payload: append(head, filler(n, size-len(unit)-len(head))...)})
}

// held is how many bytes of pictures an assembler keeps room for.
func held(a assembler) int {
	switch a := a.(type) {
	case *vp8Assembler:
		return cap(a.buf)
	case *vp9Assembler:
		return cap(a.buf) + cap(a.layers.out)
	case *av1Assembler:
		return cap(a.buf) + cap(a.part)
	}
	return 0
}
