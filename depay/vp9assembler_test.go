package depay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp9"
)

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
		{"highest lossy", []string{"0!", "2!/", "1!", "2!", "0!"}, []int{0, 2, 3, 4}, map[DropReason]uint64{DropIncomplete: 1}, false},
		{"middle lossy, no switching up", []string{"0", "1/", "2", "0", "1", "0!", "1"}, []int{0, 3, 5, 6},
			map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 2}, false},
		{"both higher lost", []string{"0!", "2!-", "1!-", "2!-", "0!", "2!"}, []int{0, 4, 5}, map[DropReason]uint64{DropMissing: 3}, false},
		{"lowest lost", []string{"0!", "2!", "0!-", "2!", "0!"}, []int{0, 1}, map[DropReason]uint64{DropMissing: 1, DropAwaitingKey: 2}, true},
		{"lowest lossy", []string{"0!", "2!", "0!/", "2!", "0!"}, []int{0, 1}, map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 2}, true},
		{"highest lossy, not error resilient", []string{"0!", "2!/", "0!*", "2!"}, []int{0},
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
