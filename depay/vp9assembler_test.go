package depay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp9"
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
				torn := f(inter)
				a.feed(torn[0], torn[2])
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

// layered makes a packet of a whole frame of VP9, non-flexible.
type layered struct {
	id       uint16
	tid, sid byte
	up       bool // U
	tl0      byte
	refs     []byte // P_DIFF: flexible mode
	frame    []byte
	ends     bool // marker
}

func (l layered) packet(seq uint16) *rtp.Packet {
	desc := []byte{0xac, 0x80 | byte(l.id>>8), byte(l.id), l.tid<<5 | l.sid<<1, l.tl0}
	if l.up {
		desc[3] |= 0x10
	}
	if l.refs != nil {
		desc[0] |= 0x10 // F
		desc = desc[:4]
	}
	for i, diff := range l.refs {
		desc[0] |= 0x40 // P
		desc = append(desc, diff<<1|byte(bit(i < len(l.refs)-1)))
	}
	return &rtp.Packet{
		Header:  rtp.Header{SequenceNumber: seq, Timestamp: uint32(l.id) * 3000, Marker: l.ends},
		Payload: append(desc, l.frame...),
	}
}

// TestVP9TemporalLayers: the pictures of a higher layer may be lost.
func TestVP9TemporalLayers(t *testing.T) {
	// Each picture is its temporal layer, with ! if it tells that switching up is possible, * if it is not error resilient,
	// - if it is lost, and / if only half of it comes.
	for _, c := range []struct {
		name     string
		pictures []string
		out      []int
		dropped  map[DropReason]uint64
		wanted   bool
	}{
		{"all there", []string{"0!", "2!", "1!", "2!", "0!"}, []int{0, 1, 2, 3, 4}, nil, false},
		{"highest lost", []string{"0!", "2!-", "1!", "2!", "0!", "2!"}, []int{0, 4, 5}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 2}, false},
		{"highest torn", []string{"0!", "2!/", "1!", "2!", "0!"}, []int{0, 2, 3, 4}, map[DropReason]uint64{DropIncomplete: 1}, false},
		{"middle torn, no switching up", []string{"0", "1/", "2", "0", "1", "0!", "1"}, []int{0, 3, 5, 6},
			map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 2}, false},
		{"both higher lost", []string{"0!", "2!-", "1!-", "2!-", "0!", "2!"}, []int{0, 4, 5}, map[DropReason]uint64{DropMissing: 3}, false},
		{"lowest lost", []string{"0!", "2!", "0!-", "2!", "0!"}, []int{0, 1}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 2}, true},
		{"lowest torn", []string{"0!", "2!", "0!/", "2!", "0!"}, []int{0, 1}, map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 2}, true},
		{"highest torn, not error resilient", []string{"0!", "2!/", "0!*", "2!"}, []int{0},
			map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 2}, true},
		{"not error resilient behind one that is", []string{"0!", "2!/", "0!", "2!*", "0!*"}, []int{0, 2, 3, 4},
			map[DropReason]uint64{DropIncomplete: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent [][]byte
			a := newCodecAssembly(t, VP9, func() [][]byte { return sent })
			tl0, seq := byte(255), uint16(65534)
			for n, p := range c.pictures {
				has := func(mark string) bool { return bytes.Contains([]byte(p), []byte(mark)) }
				l := layered{id: uint16(n), tid: p[0] - '0', up: has("!"), ends: true}
				if l.tid == 0 {
					tl0++
				}
				l.tl0, l.frame = tl0, vp9Frame(n, n == 0, !has("*"), 200)
				sent = append(sent, l.frame)
				switch {
				case has("/"):
					half := l.packet(seq + 1)
					half.Payload[0] &^= 0x08 // B
					a.feed(half)
				case !has("-"):
					a.feed(l.packet(seq))
				}
				if seq++; has("/") {
					seq++
				}
			}
			a.requireCounts(c.out, c.dropped, c.wanted)
		})
	}
}

// TestVP9References: in flexible mode a picture says which it needs.
func TestVP9References(t *testing.T) {
	type picture struct {
		tid  byte
		refs []byte // P_DIFF
		lost bool
	}
	key := picture{refs: []byte{}}
	for _, c := range []struct {
		name      string
		pictures  []picture
		resilient bool
		out       []int
		dropped   map[DropReason]uint64
		wanted    bool
	}{
		{"not needed", []picture{key, {1, []byte{1}, true}, {0, []byte{2}, false}, {1, []byte{1}, false}}, true,
			[]int{0, 2, 3}, map[DropReason]uint64{DropMissing: 1}, false},
		{"not needed, not error resilient", []picture{key, {1, []byte{1}, true}, {0, []byte{2}, false}}, false,
			[]int{0}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 1}, true},
		{"needed by a higher layer", []picture{key, {1, []byte{1}, true}, {2, []byte{2, 1}, false}, {0, []byte{3}, false}, {1, []byte{1, 2}, false}}, true,
			[]int{0, 3}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 2}, false},
		{"needed by the lowest layer", []picture{key, {0, []byte{1}, true}, {0, []byte{1}, false}, {0, []byte{3}, false}}, true,
			[]int{0}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 2}, true},
		{"nothing told", []picture{key, {1, []byte{1}, true}, {0, []byte{}, false}}, true,
			[]int{0}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 1}, true},
		{"further away than is kept in mind", []picture{key, {1, []byte{1}, true}, {0, []byte{70}, false}}, true,
			[]int{0}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent [][]byte
			a := newCodecAssembly(t, VP9, func() [][]byte { return sent })
			for n, p := range c.pictures {
				l := layered{id: uint16(n), tid: p.tid, refs: p.refs, frame: vp9Frame(n, n == 0, c.resilient, 200), ends: true}
				sent = append(sent, l.frame)
				if !p.lost {
					a.feed(l.packet(uint16(n)))
				}
			}
			a.requireCounts(c.out, c.dropped, c.wanted)
		})
	}
}

// spatial makes a picture of layers, each half as large as the next, and what is to come out.
func spatial(t *testing.T, refs *vp9.References, n int, key bool, layers int) (frames [][]byte, want []byte) {
	var sizes []int
	for sid := range layers {
		frame := vp9Frame(n*8+sid, key && sid == 0, true, 100+sid)
		frames = append(frames, frame)
		h, err := vp9.ParseHeader(frame)
		require.NoError(t, err)
		size, _ := refs.Size(h)
		before := len(want)
		if sid < layers-1 {
			want, err = vp9.AppendHidden(want, frame, size)
			require.NoError(t, err)
			h.Show = false
		} else {
			want = append(want, frame...)
		}
		refs.Follow(h)
		sizes = append(sizes, len(want)-before)
	}
	if layers > 1 {
		want = vp9.AppendIndex(want, sizes)
	}
	return frames, want
}

func TestVP9SpatialLayers(t *testing.T) {
	for _, c := range []struct {
		name    string
		lose    []int // packets, of which each picture has three
		late    bool  // the marker comes with the next picture only
		out     []int
		dropped map[DropReason]uint64
		wanted  bool
	}{
		{"all there", nil, false, []int{0, 1, 2}, nil, false},
		{"markers missing", nil, true, []int{0, 1}, nil, false},
		{"lowest lost", []int{3}, false, []int{0}, map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1}, true},
		{"middle lost", []int{4}, false, []int{0}, map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1}, true},
		{"highest lost", []int{5}, false, []int{0}, map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1}, true},
		{"all lost", []int{3, 4, 5}, false, []int{0}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var refs vp9.References
			var sent [][]byte
			a := newCodecAssembly(t, VP9, func() [][]byte { return sent })
			for n := range 3 {
				frames, want := spatial(t, &refs, n, n == 0, 3)
				sent = append(sent, want)
				for sid, frame := range frames {
					l := layered{id: uint16(n), sid: byte(sid), tl0: byte(n), frame: frame, ends: sid == 2 && !c.late}
					if seq := 3*n + sid; !slices.Contains(c.lose, seq) {
						a.feed(l.packet(uint16(seq)))
					}
				}
			}
			a.requireCounts(c.out, c.dropped, c.wanted)
		})
	}
}

func TestVP9SpatialOddities(t *testing.T) {
	t.Run("more frames than a superframe has", func(t *testing.T) {
		var sent [][]byte
		a := newCodecAssembly(t, VP9, func() [][]byte { return sent })
		for sid := range 9 {
			l := layered{sid: byte(min(sid, 7)), frame: vp9Frame(sid, sid == 0, true, 50), ends: sid == 8}
			a.feed(l.packet(uint16(sid)))
		}
		a.requireCounts(nil, map[DropReason]uint64{DropMalformed: 1}, true)
	})
	t.Run("a size from an empty slot", func(t *testing.T) {
		black := vp9.AppendBlack(nil)
		a := newCodecAssembly(t, VP9, func() [][]byte { return [][]byte{black} })
		a.keys().waiting = false
		a.feed(layered{frame: vp9Frame(0, inter, true, 50), ends: true}.packet(0))
		a.requireCounts(nil, map[DropReason]uint64{DropMalformed: 1}, true)
	})
	t.Run("more pixels than a frame may have", func(t *testing.T) {
		var head bitString
		head.add(2, 2).add(0, 4).add(1, 1).add(0, 1).add(0x498342, 24).add(0, 4).add(65535, 16).add(65535, 16).add(0, 100)
		a := newCodecAssembly(t, VP9, func() [][]byte { return nil })
		a.feed(layered{frame: head.bytes, ends: true}.packet(0))
		a.requireCounts(nil, map[DropReason]uint64{DropTooLarge: 1}, true)
	})
}
