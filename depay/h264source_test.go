package depay

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
)

// testSets returns the parameter sets of black pictures of that size: CAVLC, frame_num of 4 bits, pic_order_cnt_type 2.
func testSets(width, height uint16) (sps, pps []byte) {
	data, _ := h264.AppendBlack(nil, width, height)
	sps, data = h264.NextUnit(data)
	pps, _ = h264.NextUnit(data)
	return sps, pps
}

// oddSPS returns a sequence parameter set of 640x368 or, with fields, 640x736, with these bits of its own: pic_order_cnt_type
// and what goes with it; frame_mbs_only_flag and mb_adaptive_frame_field_flag.
func oddSPS(order, frames string) []byte {
	bits := "1" + "1" + order + "010" + "0" + "00000101000" + "000010111" + frames + "1" + "0" + "0" + "1"
	sps := []byte{0x67, 66, 0xc0, 30}
	for len(bits) > 0 {
		b, err := strconv.ParseUint((bits + "0000000")[:8], 2, 8)
		if err != nil {
			panic(err)
		}
		sps = append(sps, byte(b))
		bits = bits[min(8, len(bits)):]
	}
	return sps
}

// stream joins NAL units in Annex B.
func stream(nals ...[]byte) (b []byte) {
	for _, nal := range nals {
		b = append(h264.AppendStartCode(b), nal...)
	}
	return b
}

// numbered appends bytes that follow from n, and n itself in a form that is no start code.
func numbered(nal []byte, n, size int) []byte {
	for i := len(nal); i < size-3; i++ {
		nal = append(nal, byte(n*31+i*7)|1)
	}
	return append(nal, 0x80|byte(n>>14), 0x80|byte(n>>7), 0x80|byte(n))
}

// h264Number reads the number back.
func h264Number(data []byte) int {
	end := data[len(data)-3:]
	return int(end[0]&0x7f)<<14 | int(end[1]&0x7f)<<7 | int(end[2]&0x7f)
}

// h264Source makes numbered pictures, and packetizes them as pion does: parameter sets in a STAP-A, what is longer than a
// packet in FU-As, the rest alone.
type h264Source struct {
	videoSource
	frameNum  uint32
	payloader codecs.H264Payloader
}

// idr returns a slice of an IDR picture, the first one or another.
func (s *h264Source) idr(first bool, size int) []byte {
	head := []byte{0x65, 0x88, 0x84} // first_mb 0, I, pps 0, frame_num 0, idr_pic_id 0, not kept for long
	if !first {
		head = []byte{0x65, 0x42, 0x21, 0x00}
	}
	return numbered(head, len(s.sent), size)
}

// p returns a slice of a P picture.
func (s *h264Source) p(first, nonReference bool, size int) []byte {
	header, n := byte(0x41), byte(s.frameNum)
	if nonReference {
		header = 0x01
	}
	head := []byte{header, 0x9a | n>>3, n<<5 | 3} // first_mb 0, P, pps 0, frame_num, no lists, no marking
	if !first {
		head = []byte{header, 0x46, 0x80 | n<<3, 0x55} // first_mb 1
	}
	return numbered(head, len(s.sent), size)
}

// done counts a picture that was made.
func (s *h264Source) done(key, nonReference bool, nals ...[]byte) {
	s.sent = append(s.sent, stream(nals...))
	switch {
	case key:
		s.frameNum = 1
	case !nonReference:
		s.frameNum = (s.frameNum + 1) & 15
	}
}

// frame returns the packets of the next picture. Those of a key frame have its parameter sets.
func (s *h264Source) frame(timestamp uint32, key, nonReference bool, size int) []*rtp.Packet {
	nals := [][]byte{s.p(true, nonReference, size)}
	if key {
		sps, pps := testSets(640, 360)
		nals = [][]byte{sps, pps, s.idr(true, size)}
	}
	s.done(key, nonReference, nals...)
	return s.payloads(timestamp, s.payloader.Payload(mtu, stream(nals...))...)
}

// payloads makes packets of one time stamp, the last one with a marker.
func (s *h264Source) payloads(timestamp uint32, payloads ...[]byte) (packets []*rtp.Packet) {
	for i, b := range payloads {
		packets = append(packets, s.packet(timestamp, i == len(payloads)-1, b))
	}
	return packets
}

// fragments cuts a NAL unit into FU-As of so many bytes each.
func fragments(nal []byte, size int) (payloads [][]byte) {
	for at := 1; at < len(nal); at += size {
		part := nal[at:min(at+size, len(nal))]
		fu := []byte{nal[0]&0x60 | 28, nal[0] & 0x1f}
		if at == 1 {
			fu[1] |= 0x80
		}
		if at+size >= len(nal) {
			fu[1] |= 0x40
		}
		payloads = append(payloads, append(fu, part...))
	}
	return payloads
}

// h264Assembly runs packets through an assembler; those that the script does not feed are lost.
type h264Assembly struct {
	t *testing.T
	*h264Assembler
	source  h264Source
	counted TrackStats
	out     []int    // numbers of pictures passed on
	data    [][]byte // all of them
	next    uint16
	fed     bool
	at      uint32 // time stamp of the next picture
}

func newH264Assembly(t *testing.T, given ...[]byte) *h264Assembly {
	a := &h264Assembly{t: t, source: h264Source{videoSource: videoSource{seq: 65530}}}
	emit := func(p picture) {
		require.Equal(t, p.key, bytes.Contains(p.data, []byte{0, 0, 0, 1, 0x65}))
		require.Equal(t, p.key, p.width > 0 && p.height > 0)
		a.counted.FramesIn++
		a.data = append(a.data, bytes.Clone(p.data))
		a.out = append(a.out, h264Number(p.data))
	}
	a.h264Assembler = newAssembler(Options{Video: H264, H264ParameterSets: given}, emit, &a.counted).(*h264Assembler)
	return a
}

func (a *h264Assembly) feed(packets ...*rtp.Packet) {
	for _, p := range packets {
		if !a.fed {
			a.fed, a.next = true, p.SequenceNumber
		}
		lost := int(p.SequenceNumber - a.next)
		a.next = p.SequenceNumber + 1
		a.push(packet{
			seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: slices.Clone(p.Payload), lost: lost,
		})
	}
}

// make returns the packets of the next picture.
func (a *h264Assembly) make(key, nonReference bool) []*rtp.Packet {
	a.at += 3000
	return a.source.frame(a.at, key, nonReference, 3*mtu)
}

// sends feeds the next picture as these payloads.
func (a *h264Assembly) sends(payloads ...[]byte) {
	a.at += 3000
	a.feed(a.source.payloads(a.at, payloads...)...)
	a.settle(everything)
}

// idr and p return a small slice of the next picture; done goes on to the one after.
func (a *h264Assembly) idr() []byte { return a.source.idr(true, 20) }
func (a *h264Assembly) p() []byte   { return a.source.p(true, false, 20) }
func (a *h264Assembly) b() []byte   { return a.source.p(true, true, 20) }

func (a *h264Assembly) done(nal []byte) {
	a.source.done(h264.Type(nal[0]) == h264.TypeIDR, !h264.Reference(nal[0]), nal)
}
