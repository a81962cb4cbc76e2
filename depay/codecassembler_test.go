package depay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// codecAssembly runs packets through an assembler; packets that the script leaves out are lost.
type codecAssembly struct {
	t *testing.T
	assembler
	stats TrackStats
	out   []int // numbers of the pictures that came out whole
	sent  func() [][]byte
	next  uint16
	begun bool
}

func newCodecAssembly(t *testing.T, c Codec, sent func() [][]byte) *codecAssembly {
	a := &codecAssembly{t: t, sent: sent}
	a.assembler = newAssembler(Options{Video: c}, func(p picture) {
		n := slices.IndexFunc(sent(), func(s []byte) bool { return bytes.Equal(s, p.data) })
		require.GreaterOrEqual(t, n, 0, "% x is no picture that was sent", p.data)
		require.Equal(t, p.key, p.width > 0 && p.height > 0)
		a.stats.FramesIn++
		a.out = append(a.out, n)
	}, &a.stats)
	return a
}

func (a *codecAssembly) feed(packets ...*rtp.Packet) {
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

// codecCase is a script; f makes the packets of the next frame, of three packets.
type codecCase struct {
	name    string
	do      func(a *codecAssembly, f func(key bool) []*rtp.Packet, s *codecSource)
	out     []int
	dropped map[DropReason]uint64
	wanted  bool
}

// codecCases are what networks and senders do to frames of any codec. missing is DropMissing where whole pictures that were
// lost are known of.
func codecCases(missing uint64) []codecCase {
	return []codecCase{
		{name: "whole frames", out: []int{0, 1, 2}, do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
			a.feed(f(key)...)
			a.feed(f(inter)...)
			a.feed(f(inter)...)
		}},
		{name: "before the first key frame", out: []int{1}, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(inter)...)
				require.True(a.t, a.keys().wanted)
				a.feed(f(key)...)
			}},
		{name: "marker bit missing, packet there", out: []int{0, 1}, do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
			first := f(key)
			first[2].Marker = false
			a.feed(first...)
			a.feed(f(inter)...)
		}},
		{name: "packet with the marker lost", out: []int{0, 3}, dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				a.feed(f(inter)[:2]...)
				a.feed(f(inter)...)
				require.True(a.t, a.keys().wanted)
				a.feed(f(key)...)
			}},
		{name: "middle lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				lossy := f(inter)
				a.feed(lossy[0], lossy[2])
				a.feed(f(inter)...)
			}},
		{name: "first packet lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				a.feed(f(inter)[1:]...)
			}},
		{name: "first packet of a key frame lost", wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) { a.feed(f(key)[1:]...) }},
		{name: "end of one and start of the next lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 2},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				a.feed(f(inter)[:1]...)
				a.feed(f(inter)[1:]...)
			}},
		{name: "whole frames lost", out: []int{0, 4}, dropped: map[DropReason]uint64{DropMissing: missing, DropAwaitingKey: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				f(inter)
				f(inter)
				a.feed(f(inter)...)
				a.feed(f(key)...)
			}},
		{name: "padding between and inside", out: []int{0, 1}, do: func(a *codecAssembly, f func(bool) []*rtp.Packet, s *codecSource) {
			a.feed(f(key)...)
			a.feed(s.packet(9, true, nil), s.packet(9, false, []byte{0}))
			second := f(inter)
			second[2].SequenceNumber++
			s.seq++
			a.feed(second[0], second[1], &rtp.Packet{Header: rtp.Header{SequenceNumber: second[2].SequenceNumber - 1}}, second[2])
			require.EqualValues(a.t, 3, a.stats.Padding)
		}},
		{name: "marker too early", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *codecAssembly, f func(bool) []*rtp.Packet, _ *codecSource) {
				a.feed(f(key)...)
				second := f(inter)
				a.feed(second[0])
				second[1].SequenceNumber++
				second[1].Marker = true
				a.feed(second[1])
			}},
		{name: "not even a header", wanted: true, dropped: map[DropReason]uint64{DropMalformed: 1},
			do: func(a *codecAssembly, _ func(bool) []*rtp.Packet, s *codecSource) {
				payload := []byte{0x10, 0x80, 0}
				if s.codec == VP9 {
					payload = []byte{0x0c, 0, 0}
				}
				a.feed(s.packet(0, true, payload))
			}},
	}
}

func TestCodecAssemblers(t *testing.T) {
	for _, c := range []struct {
		name     string
		codec    Codec
		flexible bool
		missing  uint64
	}{{"VP9", VP9, false, 2}, {"VP9 flexible", VP9, true, 2}, {"AV1", AV1, false, 0}} {
		for _, test := range codecCases(c.missing) {
			t.Run(c.name+"/"+test.name, func(t *testing.T) {
				s := newCodecSource(c.codec, c.flexible)
				a := newCodecAssembly(t, c.codec, func() [][]byte { return s.sent })
				test.do(a, func(key bool) []*rtp.Packet {
					packets := s.frame(uint32(len(s.sent)*3000), key, 3*mtu-100)
					require.Len(t, packets, 3)
					return packets
				}, s)
				a.requireCounts(test.out, test.dropped, test.wanted)
			})
		}
	}
}

func (a *codecAssembly) requireCounts(out []int, dropped map[DropReason]uint64, wanted bool) {
	a.t.Helper()
	a.settle(everything)
	require.Equal(a.t, out, a.out)
	var want [DropReasons]uint64
	for r, n := range dropped {
		want[r] = n
	}
	require.Equal(a.t, want, a.stats.Dropped)
	require.Equal(a.t, wanted, a.keys().wanted)
}

func TestCodecAssemblersBoundFrames(t *testing.T) {
	for _, c := range []Codec{VP9, AV1} {
		s := newCodecSource(c, false)
		a := newCodecAssembly(t, c, func() [][]byte { return s.sent })
		a.feed(s.frame(0, key, maxFrameSize+mtu)...)
		require.Empty(t, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropTooLarge])
		require.LessOrEqual(t, held(a.assembler), 4*maxFrameSize)
		a.feed(s.frame(3000, key, 100)...)
		require.Equal(t, []int{1}, a.out)
	}
}

func TestCodecAssemblersRestart(t *testing.T) {
	for _, c := range []Codec{VP9, AV1} {
		s := newCodecSource(c, false)
		a := newCodecAssembly(t, c, func() [][]byte { return s.sent })
		a.feed(s.frame(0, key, 100)...)
		a.feed(s.frame(3000, inter, 3*mtu)[:1]...)
		a.restart()
		require.EqualValues(t, 1, a.stats.Dropped[DropIncomplete])
		require.True(t, a.keys().waiting)
		require.False(t, a.keys().wanted, "nobody is there to ask")
		require.NotEmpty(t, a.repeat(), "the last picture can still be shown")
	}
}
