package depay

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// filming makes pictures of three packets or, of H.264, of four slices in a packet each.
type filming struct {
	next func(key bool) []*rtp.Packet
	sent func() [][]byte
}

func newFilming(c Codec) filming {
	timestamp := uint32(0)
	tick := func() uint32 { timestamp += 3000; return timestamp }
	switch c {
	case VP8:
		s := &videoSource{firstPic: 0x7ffd}
		return filming{func(key bool) []*rtp.Packet { return s.frame(tick(), key, false, 3*mtu-100) }, func() [][]byte { return s.sent }}
	case H264:
		s := &h264Source{}
		return filming{func(key bool) []*rtp.Packet { return s.slices(tick(), key) }, func() [][]byte { return s.sent }}
	}
	s := newCodecSource(c, false)
	return filming{func(key bool) []*rtp.Packet { return s.frame(tick(), key, 3*mtu-100) }, func() [][]byte { return s.sent }}
}

// slices returns a picture in four slices, a key frame after its parameter sets.
func (s *h264Source) slices(timestamp uint32, key bool) []*rtp.Packet {
	var nals [][]byte
	if key {
		sps, pps := testSets(640, 360)
		nals = append(nals, sps, pps)
	}
	for i := range 4 {
		if key {
			nals = append(nals, s.idr(i == 0, 200))
		} else {
			nals = append(nals, s.p(i == 0, false, 200))
		}
	}
	s.done(key, false, nals...)
	return s.payloads(timestamp, nals...)
}

// marks sets the marker on all packets of a picture, on none, or leaves it on the last.
func marks(packets []*rtp.Packet, how string) []*rtp.Packet {
	for i, p := range packets {
		switch how {
		case "each":
			p.Marker = len(p.Payload) > 50 // not on parameter sets, which may as well
		case "none":
			p.Marker = false
		default:
			p.Marker = i == len(packets)-1
		}
	}
	return packets
}

// RFC 6184 §5.1: the marker is a hint, of which senders make what they will; the time stamp decides. Where it is the end of pictures, none
// waits for the next one, but for the first.
func TestMarkers(t *testing.T) {
	type step struct {
		how string
		at  time.Duration // of arrival
		out int           // pictures passed on by then, at the latest
	}
	for _, c := range []Codec{VP8, VP9, AV1, H264} {
		for name, steps := range map[string][]step{
			"last":               {{how: "last"}, {how: "last", out: 2}, {how: "last", out: 3}},
			"each":               {{how: "each"}, {how: "each", out: 1}, {how: "each", out: 2}, {how: "each", out: 3}},
			"none":               {{how: "none"}, {how: "none", out: 1}, {how: "none", out: 2}},
			"lost in between":    {{how: "last"}, {how: "none", out: 1}, {how: "last", out: 3}},
			"last, then a pause": {{how: "last"}, {how: "last", at: time.Second, out: 2}},
			"each, then a pause": {{how: "each"}, {how: "each", at: time.Second, out: 1}},
		} {
			t.Run(fmt.Sprint(c, " ", name), func(t *testing.T) {
				r := newMarked(c)
				for i, s := range steps {
					r.feed(s.at, marks(r.next(i == 0), s.how)...)
					require.GreaterOrEqual(t, len(r.out), s.out, "picture %d", i)
				}
				r.settle(everything)
				if steps[len(steps)-1].how == "none" {
					r.feed(time.Minute, r.next(false)[0]) // only what follows ends it
				}
				require.GreaterOrEqual(t, len(r.out), len(steps))
				for i, data := range r.out[:len(steps)] {
					require.True(t, bytes.Equal(r.sent()[i], data), "picture %d is whole", i)
				}
				require.Zero(t, r.stats.FramesDropped())
			})
		}
	}
}

// A sender whose markers were the end of pictures sets them on each packet from now on: the picture that was passed on too early is not gone on
// with, and from the next key frame on all are whole again.
func TestMarkersChange(t *testing.T) {
	for _, c := range []Codec{VP8, VP9, AV1, H264} {
		t.Run(c.String(), func(t *testing.T) {
			r := newMarked(c)
			r.feed(0, marks(r.next(true), "last")...)
			r.feed(0, marks(r.next(false), "last")...)
			r.feed(0, marks(r.next(false), "each")...)
			r.feed(0, marks(r.next(false), "each")...)
			if c != AV1 { // an OBU that goes on in the next packet is not the end, whatever its marker says
				require.True(t, r.keys().waiting)
				require.True(t, r.keys().wanted, "somebody is to ask for a key frame")
			}
			r.feed(0, marks(r.next(true), "each")...)
			r.feed(0, marks(r.next(false), "each")...)
			r.settle(everything)
			for i, data := range r.out[len(r.out)-2:] {
				require.True(t, bytes.Equal(r.sent()[4+i], data), "picture %d is whole", 4+i)
			}
		})
	}
}

// marked runs a camera's packets through an assembler.
type marked struct {
	filming
	assembler
	stats TrackStats
	out   [][]byte
}

func newMarked(c Codec) *marked {
	r := &marked{filming: newFilming(c)}
	r.assembler = newAssembler(Options{Video: c}, func(p picture) { r.out = append(r.out, slices.Clone(p.data)) }, &r.stats)
	return r
}

func (r *marked) feed(at time.Duration, packets ...*rtp.Packet) {
	r.settle(at - DefaultReorderWindow)
	for _, p := range packets {
		r.push(packet{seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: slices.Clone(p.Payload), arrival: at})
	}
}
