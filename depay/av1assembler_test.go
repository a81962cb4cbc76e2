package depay

import (
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/av1"
)

// obus returns the OBUs of a temporal unit as RTP carries them, without sizes.
func obus(t *testing.T, unit []byte) (all [][]byte) {
	for len(unit) > 0 {
		o, n, err := av1.ParseOBU(unit)
		require.NoError(t, err)
		all, unit = append(all, append([]byte{byte(o.Type) << 3}, o.Payload...)), unit[n:]
	}
	return all
}

// elementsOf makes a payload of which every element has its length.
func elementsOf(flags byte, elements ...[]byte) []byte {
	payload := []byte{flags}
	for _, e := range elements {
		payload = append(payload, byte(len(e)))
		payload = append(payload, e...)
	}
	return payload
}

// TestAV1Payloads has payloads as other senders make them. The first picture is a key frame, and what comes out is it and
// whatever out says.
func TestAV1Payloads(t *testing.T) {
	keyUnit, interUnit := av1Picture(0, key, 60), av1Picture(1, inter, 60)
	k, i := obus(t, keyUnit), obus(t, interUnit)
	delimiter, sequence, keyFrame, frame := k[0], k[1], k[2], i[1]
	sized := av1.AppendOBU(nil, av1.OBU{Type: av1.FrameType, Payload: frame[1:]})
	padding, tiles, reserved := []byte{15 << 3, 1, 2}, []byte{8 << 3, 1}, []byte{9 << 3, 1}
	metadata := []byte{5 << 3, 4, 1, 2}
	withMetadata := append(av1.AppendOBU(av1.AppendTemporalDelimiter(nil), av1.OBU{Type: av1.MetadataType, Payload: metadata[1:]}), interUnit[2:]...)
	type payloads [][]byte
	cases := []struct {
		name    string
		second  payloads
		out     [][]byte // besides the key frame
		dropped map[DropReason]uint64
	}{
		{"one element without length", payloads{append([]byte{0x10}, frame...)}, [][]byte{interUnit}, nil},
		{"an OBU that has its size", payloads{append([]byte{0x10}, sized...)}, [][]byte{interUnit}, nil},
		{"what is not passed on", payloads{elementsOf(0, delimiter, padding, frame, tiles, reserved, nil)}, [][]byte{interUnit}, nil},
		{"metadata", payloads{elementsOf(0, metadata, frame)}, [][]byte{withMetadata}, nil},
		{"three parts", payloads{elementsOf(0x40, frame[:10]), elementsOf(0xc0, frame[10:20]), elementsOf(0x80, frame[20:])}, [][]byte{interUnit}, nil},
		{"a part behind a whole OBU", payloads{elementsOf(0x40, metadata, frame[:10]), elementsOf(0x80, frame[10:])}, [][]byte{withMetadata}, nil},
		{"no end", payloads{elementsOf(0x40, frame)}, nil, map[DropReason]uint64{DropIncomplete: 1}},
		{"no beginning", payloads{elementsOf(0x80, frame)}, nil, map[DropReason]uint64{DropIncomplete: 1}},
		{"a part that does not go on", payloads{elementsOf(0x40, frame[:10]), elementsOf(0, frame[10:])}, nil, map[DropReason]uint64{DropIncomplete: 1}},
		{"an element longer than the packet", payloads{{0, 200, 0x30, 1}}, nil, map[DropReason]uint64{DropMalformed: 1}},
		{"fewer elements than announced", payloads{append([]byte{0x20, byte(len(frame))}, frame...)}, nil, map[DropReason]uint64{DropMalformed: 1}},
		{"nothing but metadata", payloads{elementsOf(0, metadata)}, nil, map[DropReason]uint64{DropMalformed: 1}},
		{"forbidden bit", payloads{elementsOf(0, []byte{0xb0, 1})}, nil, map[DropReason]uint64{DropMalformed: 1}},
		{"frame without a header", payloads{elementsOf(0, []byte{0x30})}, nil, map[DropReason]uint64{DropMalformed: 1}},
		{"broken sequence header", payloads{elementsOf(0, []byte{0x08, 0}, frame)}, nil, map[DropReason]uint64{DropMalformed: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sent := append([][]byte{keyUnit}, c.out...)
			a := newCodecAssembly(t, AV1, func() [][]byte { return sent })
			a.feed(&rtp.Packet{Header: rtp.Header{Marker: true}, Payload: elementsOf(0x08, sequence, keyFrame)})
			for n, payload := range c.second {
				a.feed(&rtp.Packet{
					Header:  rtp.Header{SequenceNumber: uint16(n + 1), Timestamp: 3000, Marker: n == len(c.second)-1},
					Payload: payload,
				})
			}
			want := []int{0}
			if c.out != nil {
				want = append(want, 1)
			}
			a.requireCounts(want, c.dropped, c.dropped != nil)
		})
	}
}

// A key frame is one only behind its sequence header: a decoder that begins there needs it.
func TestAV1KeyFrameNeedsSequenceHeader(t *testing.T) {
	unit := av1Picture(0, key, 60)
	parts := obus(t, unit)
	a := newCodecAssembly(t, AV1, func() [][]byte { return [][]byte{unit} })
	send := func(seq uint16, elements ...[]byte) {
		a.feed(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq), Marker: true}, Payload: elementsOf(0, elements...)})
	}
	send(0, parts[2])
	a.requireCounts(nil, map[DropReason]uint64{DropAwaitingKey: 1}, true)
	send(1, parts[1], parts[2])
	a.requireCounts([]int{0}, map[DropReason]uint64{DropAwaitingKey: 1}, false)
	send(3, parts[2]) // one was lost
	a.requireCounts([]int{0}, map[DropReason]uint64{DropAwaitingKey: 2}, true)
}

// TestAV1OperatingPoint drops the layers that operating point 0 has not.
func TestAV1OperatingPoint(t *testing.T) {
	var head bitString // the black one's sequence header, with operating_point_idc 0x101
	head.add(0, 3).add(0, 2).add(0, 1).add(0, 1).add(0, 5).add(0x101, 12).add(4, 5).add(9, 4).add(8, 4).add(639, 10).add(359, 9).add(0, 1)
	head.add(0, 3).add(0, 1).add(0, 1).add(0, 2).add(0, 1).add(1, 1).add(1, 1).add(0, 3).add(0, 1).add(0, 1).add(0, 1).add(0, 2).add(0, 1).add(0, 1).add(1, 1)
	sequence := append([]byte{0x08}, head.bytes...)
	frame := func(typ, layer byte, payload ...byte) []byte {
		return append([]byte{typ<<3 | 0x04, layer}, payload...)
	}
	keyPayload := append([]byte{0x10, 0, 0}, filler(0, 40)...)
	unit := av1.AppendOBU(av1.AppendTemporalDelimiter(nil), av1.OBU{Type: av1.SequenceHeaderType, Payload: head.bytes})
	unit = av1.AppendOBU(unit, av1.OBU{Type: av1.FrameType, Extended: true, Payload: keyPayload})
	a := newCodecAssembly(t, AV1, func() [][]byte { return [][]byte{unit} })
	a.feed(&rtp.Packet{Header: rtp.Header{Marker: true}, Payload: elementsOf(0, sequence,
		frame(6, 0, keyPayload...), frame(6, 0x08, keyPayload...), frame(6, 0x20, keyPayload...))})
	a.requireCounts([]int{0}, nil, false)
}

// TestAV1RepeatOfLayers: the picture that is repeated is that of the highest spatial layer, also where that one is not kept and a
// lower one is.
func TestAV1RepeatOfLayers(t *testing.T) {
	parts := obus(t, av1Picture(0, key, 60))
	frame := func(refresh byte) []byte { // inter frame, shown
		var head bitString
		head.add(0, 1).add(1, 2).add(1, 1).add(0, 4).add(1, 7).add(7, 3).add(int(refresh), 8)
		return append(append([]byte{0x30}, head.bytes...), filler(1, 30)...)
	}
	sequence, err := av1.ParseSequence(parts[1][1:])
	require.NoError(t, err)
	for _, refresh := range []byte{0x10, 0x20, 0} {
		h, err := sequence.ParseHeader(av1.OBU{Payload: frame(refresh)[1:]})
		require.NoError(t, err)
		require.Equal(t, refresh, h.Refresh)
		require.True(t, h.Show)
	}
	out := 0
	a := newAssembler(Options{Video: AV1}, func(picture) { out++ }, &TrackStats{})
	send := func(timestamp uint32, elements ...[]byte) {
		a.push(packet{timestamp: timestamp, marker: true, payload: elementsOf(0, elements...)})
	}
	send(0, parts[1], parts[2])
	send(1, frame(0x10), frame(0x20))
	kept := a.repeat()
	send(2, frame(0x10), frame(0))
	require.Equal(t, 3, out)
	require.Equal(t, kept, a.repeat())
	existing, err := sequence.ParseHeader(av1.OBU{Payload: kept[4:]})
	require.NoError(t, err)
	require.EqualValues(t, 5, existing.Existing)
}
