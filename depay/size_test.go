package depay

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/vp9"
)

// The side in pixels of a square picture that is just not too large, and of one that is.
const fits, exceeding = 4096, 4097

// sized makes the packets of a key frame, and of pictures after it of which one frame has that size.
type sized func(side int) (packets []*rtp.Packet)

func vp8Sized(side int) []*rtp.Packet {
	s := &videoSource{}
	key := testFrame(0, key, 100)
	key[6], key[7], key[8], key[9] = byte(side), byte(side>>8), byte(side), byte(side>>8)
	return s.packetize(3000, false, key)
}

func vp9Key(side int) *bitString {
	return new(bitString).add(2, 2).add(0, 3).add(0, 1).add(1, 1).add(1, 1).add(0x498342, 24).add(0, 4).add(side-1, 16).add(side-1, 16).add(0, 1)
}

// vp9Pictures sends each picture in packets of its own.
func vp9Pictures(pictures ...*bitString) (packets []*rtp.Packet) {
	s := newCodecSource(VP9, false)
	for i, p := range pictures {
		packets = append(packets, s.packetize(uint32(i*3000), append(p.bytes, filler(i, 60)...))...)
	}
	return packets
}

func av1Sequence(side int) av1.OBU {
	b := new(bitString).add(0, 3).add(0, 4).add(0, 5).add(0, 12).add(5, 5) // profile, no timing, one operating point
	b.add(15, 4).add(15, 4).add(side-1, 16).add(side-1, 16)
	b.add(0, 1).add(0, 3).add(0, 4).add(0, 1).add(3, 2) // no frame identifiers, few tools, no order hints, screen content as frames say
	b.add(0, 3).add(0, 4).add(0, 2).add(0, 2).add(1, 1)
	return av1.OBU{Type: av1.SequenceHeaderType, Payload: b.bytes}
}

func av1Key(own bool, side int) *bitString {
	b := new(bitString).add(0, 3).add(1, 1).add(0, 2).add(bit(own), 1) // shown, with a size of its own
	if own {
		b.add(side-1, 16).add(side-1, 16)
	}
	return b
}

func av1Inter(side int) *bitString {
	b := new(bitString).add(0, 1).add(1, 2).add(1, 1).add(0, 1).add(0, 2).add(1, 1).add(0, 3).add(1, 8) // shown, refreshes slot 0
	return b.add(0, 7*3).add(0, 7).add(side-1, 16).add(side-1, 16)                                      // references, the size is none of theirs
}

// av1Pictures sends each picture, of several OBUs, in packets of its own.
func av1Pictures(pictures ...[]av1.OBU) (packets []*rtp.Packet) {
	s := newCodecSource(AV1, false)
	for i, obus := range pictures {
		unit := av1.AppendTemporalDelimiter(nil)
		for _, o := range obus {
			unit = av1.AppendOBU(unit, o)
		}
		packets = append(packets, s.packetize(uint32(i*3000), unit)...)
	}
	return packets
}

func av1Frame(b *bitString) av1.OBU {
	return av1.OBU{Type: av1.FrameType, Payload: append(b.bytes, filler(0, 60)...)}
}

// croppedSPS is of side x side pixels, of which 640x360 are shown.
func croppedSPS(side int) []byte {
	ue := func(n int) string {
		return strings.Repeat("0", bits.Len(uint(n+1))-1) + fmt.Sprintf("%b", n+1)
	}
	blocks := (side + 15) / 16
	text := "1" + "1" + ue(2) + "010" + "0" + ue(blocks-1) + ue(blocks-1) + "1" + "1" + "1" + "1" + ue((blocks*16-640)/2) + "1" + ue((blocks*16-360)/2) + "0" + "1"
	b := new(bitString)
	for _, c := range text {
		b.add(int(c-'0'), 1)
	}
	return append([]byte{0x67, 66, 0xc0, 30}, b.bytes...)
}

// h264Changing sends a key frame of 640x360, and then one of which so much is shown, too.
func h264Changing(side int) (packets []*rtp.Packet) {
	s := &h264Source{}
	packets = s.frame(0, key, ref, 100)
	_, pps := testSets(640, 360)
	return append(packets, s.payloads(3000, croppedSPS(side), pps, s.idr(true, 100))...)
}

// Of every codec each frame counts, as large as it is coded, wherever its size is told.
func TestEveryFrameIsMeasured(t *testing.T) {
	key := []av1.OBU{av1Sequence(64), av1Frame(av1Key(false, 0))}
	for _, test := range []struct {
		name  string
		codec Codec
		sized sized
	}{
		{"VP8 key frame", VP8, vp8Sized},
		{"VP9 key frame", VP9, func(side int) []*rtp.Packet { return vp9Pictures(vp9Key(side)) }},
		{"VP9 inter frame", VP9, func(side int) []*rtp.Packet {
			inter := new(bitString).add(2, 2).add(0, 3).add(1, 1).add(1, 1).add(1, 1).add(1, 8).add(0, 12).add(0, 3)
			return vp9Pictures(vp9Key(64), inter.add(side-1, 16).add(side-1, 16).add(0, 1))
		}},
		{"VP9 intra-only frame", VP9, func(side int) []*rtp.Packet {
			intra := new(bitString).add(2, 2).add(0, 3).add(1, 1).add(0, 1).add(1, 1).add(1, 1).add(0x498342, 24).add(1, 8)
			return vp9Pictures(vp9Key(64), intra.add(side-1, 16).add(side-1, 16).add(0, 1))
		}},
		{"VP9 size of a reference", VP9, func(side int) []*rtp.Packet {
			inter := new(bitString).add(2, 2).add(0, 3).add(1, 1).add(1, 1).add(1, 1).add(1, 8).add(0, 12).add(1, 1).add(0, 1)
			return vp9Pictures(vp9Key(side), inter)
		}},
		{"VP9 hidden frame", VP9, func(side int) []*rtp.Packet {
			hidden := append(vp9Key(side).bytes, filler(0, 60)...)
			shown := append(vp9Key(64).bytes, filler(0, 60)...)
			b := &bitString{bytes: vp9.AppendIndex(append(hidden, shown...), []int{len(hidden), len(shown)})}
			return newCodecSource(VP9, false).packetize(0, b.bytes)
		}},
		{"AV1 sequence header", AV1, func(side int) []*rtp.Packet {
			return av1Pictures([]av1.OBU{av1Sequence(side), av1Frame(av1Key(false, 0))})
		}},
		{"AV1 sequence header before another", AV1, func(side int) []*rtp.Packet {
			return av1Pictures(append([]av1.OBU{av1Sequence(side)}, key...))
		}},
		{"AV1 key frame", AV1, func(side int) []*rtp.Packet {
			return av1Pictures([]av1.OBU{av1Sequence(64), av1Frame(av1Key(true, side))})
		}},
		{"AV1 layer", AV1, func(side int) []*rtp.Packet {
			return av1Pictures(append(append([]av1.OBU{}, key...), av1Frame(av1Inter(side))))
		}},
		{"AV1 inter frame", AV1, func(side int) []*rtp.Packet { return av1Pictures(key, []av1.OBU{av1Frame(av1Inter(side))}) }},
		{"H.264 cropped, after a change of parameter sets", H264, h264Changing},
	} {
		t.Run(test.name, func(t *testing.T) {
			for side, dropped := range map[int]bool{64: false, fits: false, exceeding: true} {
				if test.codec == H264 && side == 64 {
					continue // nothing is left to be shown
				}
				var stats TrackStats
				a := newAssembler(Options{Video: test.codec}, func(picture) { stats.FramesIn++ }, &stats)
				for _, p := range test.sized(side) {
					a.push(packet{timestamp: p.Timestamp, marker: p.Marker, payload: p.Payload})
				}
				a.settle(everything)
				require.Equal(t, dropped, stats.Dropped[DropTooLarge] > 0, "%d: %v", side, stats)
				if !dropped {
					require.Zero(t, stats.FramesDropped(), "%d: %v", side, stats)
				}
			}
		})
	}
}
