package h264

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// play follows pictures of which only what differs is given.
func play(s *SPS, pictures ...Slice) State {
	var state State
	for _, p := range pictures {
		p.SPS, p.PPS = s, &plainPPS
		if !p.Reset && p.LongTerm == 0 {
			p.LongTerm = noLongTerm
		}
		state.Follow(&p)
	}
	return state
}

func idr() Slice { return Slice{IDR: true, Reference: true} }

func ref(frameNum, poc uint32) Slice {
	return Slice{Reference: true, FrameNum: frameNum, POCLsb: poc}
}

func free(frameNum, poc uint32) Slice { return Slice{FrameNum: frameNum, POCLsb: poc} }

func reset(p Slice) Slice {
	p.Reset = true
	return p
}

func bottom(p Slice, delta int32) Slice {
	p.DeltaPOCBottom = delta
	return p
}

// TestStateOfRepeat reads from the repeat frame what was known.
func TestStateOfRepeat(t *testing.T) {
	cases := []struct {
		name          string
		pictures      []Slice
		frameNum, poc uint32
	}{
		{"after a key frame", []Slice{idr()}, 1, 1},
		{"after a reference picture", []Slice{idr(), ref(1, 2)}, 2, 3},
		{"after one that is none", []Slice{idr(), ref(1, 2), free(2, 4)}, 2, 5},
		{"the numbers wrap", []Slice{idr(), ref(15, 14)}, 0, 15},
		{"the order wraps", []Slice{idr(), ref(1, 7), ref(2, 15)}, 3, 0},
		{"the order has wrapped", []Slice{idr(), ref(1, 7), ref(2, 15), ref(3, 5)}, 4, 6},
		{"the order counts by one", []Slice{idr(), ref(1, 1), ref(2, 2)}, 3, 2},
		{"the order starts below zero", []Slice{{IDR: true, Reference: true, POCLsb: 14}, ref(1, 0)}, 2, 1},
		{"everything is forgotten", []Slice{idr(), ref(1, 2), reset(ref(2, 4))}, 1, 1},
		{"forgotten, with the bottom field first", []Slice{idr(), ref(1, 2), bottom(reset(ref(2, 4)), -1)}, 1, 2},
	}
	s := sps(func(s *SPS) { s.FrameNumBits, s.POCBits = 4, 4 })
	var sets Sets
	for _, nal := range [][]byte{AppendSPS(nil, s), AppendPPS(nil, plainPPS)} {
		_, err := sets.Add(nal)
		require.NoError(t, err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			state := play(&s, c.pictures...)
			repeat := state.AppendRepeat([]byte{7})
			require.Equal(t, []byte{7, 0, 0, 0, 1, 9, 0x30, 0, 0, 0, 1, 1}, repeat[:12])
			got, err := sets.ParseSlice(repeat[11], repeat[12:])
			require.NoError(t, err)
			require.Equal(t, P, got.Type)
			require.Equal(t, [2]uint32{c.frameNum, c.poc}, [2]uint32{got.FrameNum, got.POCLsb})
			require.Zero(t, state.Gap(&got))
			require.False(t, state.Reordered(&got))
			require.Equal(t, repeat, state.AppendRepeat([]byte{7}), "a repeat frame leaves no trace")
		})
	}
}

func TestNotRepeatable(t *testing.T) {
	require.Empty(t, State{}.AppendRepeat(nil))
	cases := []struct {
		name string
		SPS
	}{
		{"interlaced", sps(func(s *SPS) { s.Progressive = false })},
		{"separate planes", sps(func(s *SPS) { s.ChromaFormat, s.SeparatePlanes = 3, true })},
		{"no reference frames", sps(func(s *SPS) { s.MaxRefFrames = 0 })},
		{"intra profile of 4:4:4", sps(func(s *SPS) { s.Profile = 44 })},
		{"intra profile of 10 bits", sps(func(s *SPS) { s.Profile, s.Constraints = 110, 0x10 })},
		{"order would go back", sps(func(s *SPS) { s.POCType, s.DeltaPOCZero, s.OffsetNonRef = 1, true, -1 })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, []byte{7}, play(&c.SPS, idr()).AppendRepeat([]byte{7}))
		})
	}
}

func TestGap(t *testing.T) {
	s := sps(func(s *SPS) { s.FrameNumBits = 4 })
	cases := []struct {
		name   string
		before []Slice
		next   Slice
		gap    uint32
	}{
		{"the first", nil, ref(7, 0), 0},
		{"the next", []Slice{idr()}, ref(1, 0), 0},
		{"the next, not referenced", []Slice{idr()}, free(1, 0), 0},
		{"after one that is not referenced", []Slice{idr(), free(1, 0)}, ref(1, 0), 0},
		{"a key frame", []Slice{idr(), ref(1, 0)}, idr(), 0},
		{"one missing", []Slice{idr()}, ref(2, 0), 1},
		{"one missing before one that is not referenced", []Slice{idr(), free(1, 0)}, free(2, 0), 1},
		{"the wrap", []Slice{idr(), ref(15, 0)}, ref(0, 0), 0},
		{"two missing at the wrap", []Slice{idr(), ref(15, 0)}, ref(2, 0), 2},
		{"a number that was there", []Slice{idr(), ref(1, 0)}, ref(1, 0), 15},
		{"after a reset", []Slice{idr(), reset(ref(1, 0))}, ref(1, 0), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			state := play(&s, c.before...)
			c.next.SPS = &s
			require.Equal(t, c.gap, state.Gap(&c.next))
		})
	}
}

func TestReordered(t *testing.T) {
	s := sps(func(s *SPS) { s.POCBits = 4 })
	cases := []struct {
		name   string
		before []Slice
		next   Slice
		want   bool
	}{
		{"the first", nil, ref(0, 5), false},
		{"later", []Slice{idr()}, ref(1, 2), false},
		{"earlier", []Slice{idr(), ref(1, 4)}, ref(2, 2), true},
		{"across the wrap", []Slice{idr(), ref(1, 7), ref(2, 14)}, ref(3, 0), false},
		{"earlier across the wrap", []Slice{idr(), ref(1, 7), ref(2, 15), ref(3, 1)}, ref(4, 15), true},
		{"a key frame", []Slice{idr(), ref(1, 6)}, idr(), false},
		{"a reset", []Slice{idr(), ref(1, 6)}, reset(ref(2, 0)), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			state := play(&s, c.before...)
			c.next.SPS = &s
			require.Equal(t, c.want, state.Reordered(&c.next))
		})
	}
}

func BenchmarkAppendRepeat(b *testing.B) {
	for _, c := range []struct {
		name  string
		cabac bool
	}{{"CAVLC", false}, {"CABAC", true}} {
		b.Run(c.name, func(b *testing.B) {
			s := sps(func(s *SPS) { s.Columns, s.Rows = 80, 45 })
			state := play(&s, idr())
			state.pps = &PPS{CABAC: c.cabac, RefIndices: 1, InitQP: 26, Deblocking: true}
			b.ReportAllocs()
			dst := make([]byte, 0, 1024)
			for b.Loop() {
				dst = state.AppendRepeat(dst[:0])
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
	}
}
