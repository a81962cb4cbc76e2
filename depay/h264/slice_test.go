package h264

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// testSets has 0: plain; 1: weighted, redundant pictures, the bottom field's order; 2: interlaced, order by a cycle.
func testSets(tb testing.TB) *Sets {
	var s Sets
	for _, nal := range [][]byte{
		AppendSPS(nil, plainSPS),
		AppendSPS(nil, sps(func(s *SPS) { s.ID, s.POCType, s.POCBits, s.Progressive, s.Rows = 1, 1, 0, false, 24 })),
		AppendPPS(nil, plainPPS),
		AppendPPS(nil, PPS{ID: 1, RefIndices: 3, Weighted: true, RedundantPic: true, BottomPOC: true}),
		AppendPPS(nil, PPS{ID: 2, SPS: 1, RefIndices: 1, BottomPOC: true}),
	} {
		_, err := s.Add(nal)
		require.NoError(tb, err)
	}
	return &s
}

// slice writes a slice header: first_mb_in_slice, slice_type, pic_parameter_set_id, frame_num of 8 bits, and the rest.
func slice(header byte, first, typ, pps, frameNum uint32, rest func(*bitWriter)) []byte {
	w := newBitWriter(nil, header)
	w.ue(first)
	w.ue(typ)
	w.ue(pps)
	w.u(8, frameNum)
	if rest != nil {
		rest(&w)
	}
	return w.trail()[4:]
}

func TestParseSlice(t *testing.T) {
	cases := []struct {
		name string
		nal  []byte
		want Slice
		err  error
	}{
		{"key frame", slice(0x65, 0, 7, 0, 0, func(w *bitWriter) {
			w.ue(5)
			w.u(9, 0)
			w.u(2, 0)
		}), Slice{IDR: true, Reference: true, Type: I, IDRPicID: 5, LongTerm: -1}, nil},
		{"key frame, kept for long", slice(0x65, 0, 2, 0, 0, func(w *bitWriter) {
			w.ue(0)
			w.u(9, 4)
			w.u(2, 1)
		}), Slice{IDR: true, Reference: true, Type: I, POCLsb: 4}, nil},
		{"P, referenced", slice(0x41, 0, 5, 0, 255, func(w *bitWriter) {
			w.u(9, 510)
			w.u(3, 0)
		}), Slice{Reference: true, FrameNum: 255, POCLsb: 510, LongTerm: -1}, nil},
		{"P, not referenced, a later slice", slice(0x01, 77, 0, 0, 3, func(w *bitWriter) {
			w.u(9, 6)
			w.u(2, 0)
		}), Slice{FirstMacroblock: 77, FrameNum: 3, POCLsb: 6, LongTerm: -1}, nil},
		{"B", slice(0x01, 0, 6, 0, 3, func(w *bitWriter) { w.u(9, 2) }), Slice{Type: B, FrameNum: 3, POCLsb: 2, LongTerm: -1}, nil},
		{"weights, modified list, marking", slice(0x61, 0, 0, 1, 9, func(w *bitWriter) {
			w.u(9, 18)
			w.se(-1)      // delta_pic_order_cnt_bottom
			w.ue(2)       // redundant_pic_cnt
			w.u(1, 1)     // two indices instead of three
			w.ue(1)       //
			w.u(1, 1)     // list modified
			w.ue(0)       // by a short-term picture
			w.ue(2)       //
			w.ue(2)       // by a long-term one
			w.ue(1)       //
			w.ue(3)       // end
			w.ue(5)       // denominators
			w.ue(5)       //
			w.u(1, 1)     // luma weight
			w.se(40)      //
			w.se(-1)      //
			w.u(1, 0)     // no chroma weight
			w.u(2, 0b01)  // the second has chroma weights
			for range 4 { //
				w.se(-128) //
			}
			w.u(1, 1) // marking
			for op := range uint32(5) {
				w.ue(op + 1)
				for range []int{1, 1, 2, 1, 0}[op] {
					w.ue(op)
				}
			}
			w.ue(6)
			w.ue(3)
			w.ue(0)
		}), Slice{Reference: true, FrameNum: 9, POCLsb: 18, DeltaPOCBottom: -1, RedundantPicture: 2, LongTerm: 3, Reset: true}, nil},
		{"field", slice(0x61, 0, 7, 2, 1, func(w *bitWriter) {
			w.u(2, 0b11)
			w.se(-7)
			w.u(1, 0)
		}), Slice{Field: true, Reference: true, Type: I, FrameNum: 1, DeltaPOC: [2]int32{-7, 0}, LongTerm: -1}, nil},
		{"frame beside fields", slice(0x61, 0, 7, 2, 1, func(w *bitWriter) {
			w.u(1, 0)
			w.se(-7)
			w.se(1)
			w.u(1, 0)
		}), Slice{Reference: true, Type: I, FrameNum: 1, DeltaPOC: [2]int32{-7, 1}, LongTerm: -1}, nil},

		{"header only", []byte{0x65}, Slice{}, ErrTruncated},
		{"no slice", AppendSPS(nil, plainSPS), Slice{}, ErrInvalid},
		{"data partition", []byte{0x42, 0xff, 0xff}, Slice{}, ErrInvalid},
		{"key frame that nothing may reference", slice(0x05, 0, 7, 0, 0, func(w *bitWriter) { w.u(24, 1<<23) }), Slice{}, ErrInvalid},
		{"key frame with a frame number", slice(0x65, 0, 7, 0, 1, func(w *bitWriter) { w.u(24, 1<<23) }), Slice{}, ErrInvalid},
		{"slice type 10", slice(0x41, 0, 10, 0, 1, nil), Slice{}, ErrInvalid},
		{"SI slice", slice(0x41, 0, 4, 0, 1, nil), Slice{}, ErrUnsupported},
		{"unknown parameter set", slice(0x41, 0, 0, 4, 1, nil), Slice{}, ErrNoSet},
		{"parameter set 256", slice(0x41, 0, 0, 256, 1, nil), Slice{}, ErrNoSet},
		{"ends in the order count", slice(0x41, 0, 0, 0, 1, nil), Slice{}, ErrTruncated},
		{"modification without end", slice(0x41, 0, 0, 0, 1, func(w *bitWriter) {
			w.u(9, 0)
			w.u(2, 0b01)
			for range 40 {
				w.ue(0)
				w.ue(0)
			}
		}), Slice{}, ErrInvalid},
		{"marking without end", slice(0x41, 0, 0, 0, 1, func(w *bitWriter) {
			w.u(9, 0)
			w.u(3, 0b001)
			for range 200 {
				w.ue(5)
			}
		}), Slice{}, ErrInvalid},
	}
	sets := testSets(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := sets.ParseSlice(c.nal[0], c.nal[1:])
			require.ErrorIs(t, err, c.err)
			require.Equal(t, err == nil, got.SPS != nil && got.PPS != nil)
			got.SPS, got.PPS = nil, nil
			require.Equal(t, c.want, got)
		})
	}
}

func TestSamePicture(t *testing.T) {
	a := Slice{FrameNum: 3, POCLsb: 6, Reference: true, LongTerm: -1}
	b := a
	b.FirstMacroblock, b.Type = 99, I
	require.True(t, a.SamePicture(&b))
	for _, change := range []func(*Slice){
		func(s *Slice) { s.FrameNum++ }, func(s *Slice) { s.POCLsb++ }, func(s *Slice) { s.Reference = false },
		func(s *Slice) { s.IDR = true }, func(s *Slice) { s.IDRPicID++ }, func(s *Slice) { s.PPS = &PPS{} },
		func(s *Slice) { s.DeltaPOC[0]++ }, func(s *Slice) { s.DeltaPOCBottom++ }, func(s *Slice) { s.Field = true },
	} {
		b := a
		change(&b)
		require.False(t, a.SamePicture(&b))
	}
}

func FuzzParseSlice(f *testing.F) {
	f.Add([]byte{0x65, 0xb8, 0x00, 0x04})
	f.Add([]byte{0x41, 0x9a, 0x02, 0x04})
	f.Add(slice(0x61, 0, 0, 1, 9, func(w *bitWriter) { w.u(32, 0x12345678) }))
	f.Add([]byte("\x01B00\x01")) // an order count half its range away
	sets := testSets(f)
	f.Fuzz(func(t *testing.T, nal []byte) {
		if len(nal) == 0 {
			return
		}
		s, err := sets.ParseSlice(nal[0], nal[1:])
		if err != nil {
			require.Equal(t, Slice{}, s)
			return
		}
		require.Less(t, s.FrameNum, uint32(256))
		require.LessOrEqual(t, s.LongTerm, 16)
		var state State
		state.Follow(&s)
		state.Gap(&s)
		state.Reordered(&s)
		repeat := state.AppendRepeat(nil)
		require.Equal(t, s.SPS.Progressive, len(repeat) > 0)
		if len(repeat) == 0 {
			return
		}
		r, err := sets.ParseSlice(repeat[10], repeat[11:])
		require.NoError(t, err)
		require.False(t, r.Reference)
		require.False(t, state.Reordered(&r))
		require.Zero(t, state.Gap(&r))
	})
}

func BenchmarkParseSlice(b *testing.B) {
	sets := testSets(b)
	nal := slice(0x41, 0, 5, 0, 255, func(w *bitWriter) { w.u(32, 0) })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sets.ParseSlice(nal[0], nal[1:]); err != nil {
			b.Fatal(err)
		}
	}
}
