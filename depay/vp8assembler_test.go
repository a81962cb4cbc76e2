package depay

import (
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp8"
)

// assembly runs packets through an assembler; packets that the script leaves out are lost.
type assembly struct {
	t *testing.T
	vp8Assembler
	stats TrackStats
	out   []int
	next  uint16
	begun bool
}

func newAssembly(t *testing.T, s *videoSource) *assembly {
	a := &assembly{t: t}
	a.vp8Assembler = vp8Assembler{partialFrame: partialFrame{stats: &a.stats, keyState: keyState{waiting: true}, emit: func(p picture) {
		n := frameNumber(Frame{Data: p.data, Key: p.key})
		require.Equal(t, s.sent[n], p.data, "frame %d is bit-exact", n)
		a.stats.FramesIn++
		a.out = append(a.out, n)
	}}}
	return a
}

func (a *assembly) feed(packets ...*rtp.Packet) {
	for _, p := range packets {
		if !a.begun {
			a.begun, a.next = true, p.SequenceNumber
		}
		lost := int(p.SequenceNumber - a.next)
		a.next = p.SequenceNumber + 1
		a.push(packet{
			seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: slices.Clone(p.Payload), lost: lost,
		})
	}
}

// frames makes the packets of the next frame.
type frames func(key, nonReference bool) []*rtp.Packet

const key, inter, ref, nonRef = true, false, false, true

type assemblyCase struct {
	name    string
	do      func(a *assembly, f frames, s *videoSource)
	out     []int
	dropped map[DropReason]uint64
	wanted  bool
	noID    bool
}

// lossCases are what a network does to frames.
func lossCases() []assemblyCase {
	return []assemblyCase{
		{name: "whole frames", out: []int{0, 1, 2}, do: func(a *assembly, f frames, _ *videoSource) {
			a.feed(f(key, ref)...)
			a.feed(f(inter, ref)...)
			a.feed(f(inter, ref)...)
		}},
		{name: "before the first key frame", out: []int{1}, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(inter, ref)...)
				require.True(a.t, a.wanted)
				a.feed(f(key, ref)...)
			}},
		{name: "marker bit missing, packet there", out: []int{0, 1}, do: func(a *assembly, f frames, _ *videoSource) {
			first := f(key, ref)
			first[2].Marker = false
			a.feed(first...)
			a.feed(f(inter, ref)...)
		}},
		{name: "packet with the marker lost", out: []int{0, 3}, wanted: false,
			dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				a.feed(f(inter, ref)[:2]...)
				a.feed(f(inter, ref)...)
				require.True(a.t, a.wanted)
				a.feed(f(key, ref)...)
			}},
		{name: "middle lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				lossy := f(inter, ref)
				a.feed(lossy[0], lossy[2])
				a.feed(f(inter, ref)...)
			}},
		{name: "first packet lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				a.feed(f(inter, ref)[1:]...)
			}},
		{name: "end of one and start of the next lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 2},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				a.feed(f(inter, ref)[:1]...)
				a.feed(f(inter, ref)[1:]...)
			}},
		{name: "whole frames lost", out: []int{0, 4}, dropped: map[DropReason]uint64{DropMissing: 2, DropAwaitingKey: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				f(inter, ref)
				f(inter, ref)
				a.feed(f(inter, ref)...)
				a.feed(f(key, ref)...)
			}},
		{name: "a frame that nothing references is lossy", out: []int{0, 2}, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				a.feed(f(inter, nonRef)[1:]...)
				a.feed(f(inter, ref)...)
			}},
	}
}

// oddCases are what senders do.
func oddCases() []assemblyCase {
	return []assemblyCase{
		{name: "padding lost between frames", out: []int{0, 1}, do: func(a *assembly, f frames, s *videoSource) {
			a.feed(f(key, ref)...)
			s.packet(0, false, nil)
			a.feed(f(inter, ref)...)
		}},
		{name: "padding and bare descriptors between and inside", out: []int{0, 1}, do: func(a *assembly, f frames, s *videoSource) {
			a.feed(f(key, ref)...)
			a.feed(s.packet(9, true, nil), s.packet(9, true, []byte{0x10}), s.packet(9, false, []byte{0x90, 0x80, 0x85, 0x01}))
			second := f(inter, ref)
			bare := second[1].Clone()
			bare.Payload = bare.Payload[:4]
			bare.SequenceNumber++
			second[2].SequenceNumber++
			s.seq++
			a.feed(second[0], second[1], bare, second[2])
		}},
		{name: "packet lost, no PictureID", noID: true, out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *assembly, f frames, s *videoSource) {
				a.feed(f(key, ref)...)
				f(inter, ref)
				a.feed(f(inter, ref)...)
			}},
		{name: "two frames with one time stamp", out: []int{0, 1}, do: func(a *assembly, f frames, _ *videoSource) {
			first, second := f(key, ref), f(inter, ref)
			first[2].Marker = false
			for _, p := range second {
				p.Timestamp = first[0].Timestamp
			}
			a.feed(first...)
			a.feed(second...)
		}},
		{name: "marker too early", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropMalformed: 1, DropIncomplete: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				second := f(inter, ref)
				second[0].Payload = second[0].Payload[:10]
				second[0].Marker = true
				a.feed(second...)
			}},
		{name: "start of a later partition is no start of a frame", out: []int{0}, do: func(a *assembly, f frames, _ *videoSource) {
			first := f(key, ref)
			first[1].Payload[0] |= 0x11
			first[2].Payload[0] |= 0x12
			a.feed(first...)
		}},
		{name: "broken descriptor", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *assembly, f frames, _ *videoSource) {
				a.feed(f(key, ref)...)
				second := f(inter, ref)
				second[1].Payload = []byte{0x80, 0xff}
				a.feed(second...)
				require.EqualValues(a.t, 1, a.stats.Malformed)
			}},
		{name: "no VP8", out: nil, wanted: true, dropped: map[DropReason]uint64{DropMalformed: 1},
			do: func(a *assembly, _ frames, s *videoSource) {
				a.feed(s.packet(0, true, []byte{0x10, 0, 0, 0}))
			}},
		{name: "more pixels than a frame may have", out: nil, wanted: true, dropped: map[DropReason]uint64{DropTooLarge: 1},
			do: func(a *assembly, f frames, s *videoSource) {
				first := f(key, ref)
				copy(first[0].Payload[4+6:], []byte{0xff, 0x3f, 0xff, 0x3f})
				a.feed(first...)
			}},
	}
}

func TestVP8Assembler(t *testing.T) {
	for _, c := range append(lossCases(), oddCases()...) {
		t.Run(c.name, func(t *testing.T) {
			s := &videoSource{seq: 65530, firstPic: 0x7ffd, noID: c.noID}
			a := newAssembly(t, s)
			c.do(a, func(key, nonReference bool) []*rtp.Packet {
				return s.frame(uint32(len(s.sent)*3000), key, nonReference, 3*mtu)
			}, s)
			a.settle(everything)
			require.Equal(t, c.out, a.out)
			var want [DropReasons]uint64
			for r, n := range c.dropped {
				want[r] = n
			}
			require.Equal(t, want, a.stats.Dropped)
			require.Equal(t, c.wanted, a.wanted)
			require.False(t, a.open)
		})
	}
}

func TestVP8AssemblerBoundsFrame(t *testing.T) {
	s := &videoSource{}
	a := newAssembly(t, s)
	packets := s.frame(0, true, false, maxFrameSize+mtu)
	a.feed(packets...)
	require.Empty(t, a.out)
	require.EqualValues(t, 1, a.stats.Dropped[DropTooLarge])
	require.LessOrEqual(t, cap(a.buf), 2*maxFrameSize)
	a.feed(s.frame(3000, true, false, 100)...)
	require.Equal(t, []int{1}, a.out)
}

func TestVP8AssemblerRestart(t *testing.T) {
	s := &videoSource{}
	a := newAssembly(t, s)
	a.feed(s.frame(0, true, false, 100)...)
	a.feed(s.frame(3000, false, false, 3*mtu)[:1]...)
	a.restart()
	require.EqualValues(t, 1, a.stats.Dropped[DropIncomplete])
	require.True(t, a.waiting)
	require.False(t, a.wanted, "nobody is there to ask")
	require.Equal(t, vp8.Descriptor{}, a.before)
}
