package h264

import (
	"bytes"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// AppendSPS appends a sequence parameter set, without start code, that says what s says: as far as an encoder would. The
// offsets of POCType 1 are 2 for each reference frame.
func AppendSPS(dst []byte, s SPS) []byte {
	w := newBitWriter(nil, maskRef|byte(TypeSPS))
	w.u(8, uint32(s.Profile))
	w.u(8, uint32(s.Constraints))
	w.u(8, uint32(s.Level))
	w.ue(uint32(s.ID))
	if s.hasChroma() {
		w.chroma(s)
	}
	w.ue(uint32(s.FrameNumBits) - 4)
	w.poc(s)
	w.ue(uint32(s.MaxRefFrames))
	w.flag(s.FrameNumGaps)
	w.size(s)
	w.flag(s.Restricted || s.SampleAspect[0] > 0)
	if s.Restricted || s.SampleAspect[0] > 0 {
		w.vui(s)
	}
	return append(dst, w.trail()[4:]...)
}

func (w *bitWriter) chroma(s SPS) {
	w.ue(uint32(s.ChromaFormat))
	if s.ChromaFormat == 3 {
		w.flag(s.SeparatePlanes)
	}
	w.ue(uint32(s.BitDepthLuma) - 8)
	w.ue(uint32(s.BitDepthChroma) - 8)
	w.flag(false)
	w.flag(true) // scaling lists:
	w.u(1, 1)    // a list of 4x4
	w.se(-8)     // that is the default one
	w.u(1, 1)    // another
	for i := range 16 {
		w.se(int32(i%3 - 1))
	}
	w.u(4, 0)
	w.u(1, 1) // one of 8x8
	w.se(2)
	w.se(-10) // as the first coefficient from here on
	w.u(1, 0)
	if s.ChromaFormat == 3 {
		w.u(4, 0)
	}
}

func (w *bitWriter) poc(s SPS) {
	w.ue(uint32(s.POCType))
	switch s.POCType {
	case 0:
		w.ue(uint32(s.POCBits) - 4)
	case 1:
		w.flag(s.DeltaPOCZero)
		w.se(s.OffsetNonRef)
		w.se(0)
		w.ue(1)
		w.se(2)
	}
}

func (w *bitWriter) size(s SPS) {
	rows := uint32(s.Rows)
	if !s.Progressive {
		rows /= 2
	}
	w.ue(uint32(s.Columns) - 1)
	w.ue(rows - 1)
	w.flag(s.Progressive)
	if !s.Progressive {
		w.flag(true)
	}
	w.flag(true)
	x, y := s.cropUnits()
	right, bottom := uint32(s.Columns)*16-uint32(s.Width), uint32(s.Rows)*16-uint32(s.Height)
	w.flag(right+bottom > 0)
	if right+bottom > 0 {
		w.ue(0)
		w.ue(right / x)
		w.ue(bottom / y)
		w.ue(0)
	}
}

// vui writes everything that there can be.
func (w *bitWriter) vui(s SPS) {
	w.flag(s.SampleAspect[0] > 0)
	if s.SampleAspect[0] > 0 {
		w.u(8, extendedAspect)
		w.u(16, uint32(s.SampleAspect[0]))
		w.u(16, uint32(s.SampleAspect[1]))
	}
	w.u(2, 0b11)   // overscan
	w.u(1+4+1, 63) // video signal type, with a colour description
	w.u(24, 0x010101)
	w.flag(true) // chroma location
	w.ue(0)
	w.ue(1)
	w.flag(true) // timing: zeros that need emulation prevention
	w.u(32, 1)
	w.u(32, 60)
	w.u(1, 1)
	for range 2 {
		w.flag(true) // hypothetical reference decoder
		w.ue(1)
		w.u(8, 0)
		for range 2 {
			w.ue(70000)
			w.ue(5)
			w.flag(true)
		}
		w.u(20, 0)
	}
	w.u(2, 0)
	w.flag(s.Restricted)
	if s.Restricted {
		w.flag(true)
		for range 4 {
			w.ue(16)
		}
		w.ue(uint32(s.MaxReorderFrames))
		w.ue(uint32(s.MaxFrameBuffering))
	}
}

// AppendPPS appends a picture parameter set, without start code.
func AppendPPS(dst []byte, p PPS) []byte {
	w := newBitWriter(nil, maskRef|byte(TypePPS))
	w.ue(uint32(p.ID))
	w.ue(uint32(p.SPS))
	w.flag(p.CABAC)
	w.flag(p.BottomPOC)
	w.ue(0)
	w.ue(uint32(p.RefIndices) - 1)
	w.ue(0)
	w.flag(p.Weighted)
	w.u(2, 0)
	w.se(int32(p.InitQP) - 26)
	w.se(0)
	w.se(0)
	w.flag(p.Deblocking)
	w.flag(false)
	w.flag(p.RedundantPic)
	return append(dst, w.trail()[4:]...)
}

// RewriteSlice returns the slice with another header: its picture order count and its marking are as change leaves them, and
// the fields that its picture order count has are those of sps and pps. It is a CAVLC slice of frames.
func RewriteSlice(sets *Sets, nal []byte, sps *SPS, pps *PPS, change func(*Slice)) []byte {
	rbsp := newReader(nal)
	whole := bitsLeft(rbsp)
	r := rbsp
	s, err := sets.ParseSlice(nal[0], nal[1:])
	if err != nil {
		panic(err)
	}
	r.UE()
	r.UE()
	r.UE()
	r.Bits(s.SPS.FrameNumBits)
	if s.IDR {
		r.UE()
	}
	before := whole - bitsLeft(r)
	s.readPOC(&r)
	after := whole - bitsLeft(r)
	if s.Type == P {
		s.readReferences(&r)
	}
	marking := whole - bitsLeft(r)
	s.readMarking(&r)
	end := whole - bitsLeft(r)

	s.SPS, s.PPS = sps, pps
	change(&s)
	w := newBitWriter(nil, nal[0])
	w.copyBits(&rbsp, before)
	w.slicePOC(s)
	skipBits(&rbsp, after-before)
	w.copyBits(&rbsp, marking-after)
	w.sliceMarking(s)
	skipBits(&rbsp, end-marking)
	w.copyBits(&rbsp, whole-end)
	return bytes.Clone(w.pad()[4:])
}

func (w *bitWriter) slicePOC(s Slice) {
	switch {
	case s.SPS.POCType == 0:
		w.u(int(s.SPS.POCBits), s.POCLsb)
		if s.PPS.BottomPOC {
			w.se(s.DeltaPOCBottom)
		}
	case s.SPS.POCType == 1 && !s.SPS.DeltaPOCZero:
		w.se(s.DeltaPOC[0])
		if s.PPS.BottomPOC {
			w.se(s.DeltaPOC[1])
		}
	}
}

func (w *bitWriter) sliceMarking(s Slice) {
	switch {
	case s.IDR:
		w.flag(false)
		w.flag(s.LongTerm >= 0)
	case s.LongTerm >= 0:
		w.flag(true)
		w.ue(4) // up to so many long-term pictures
		w.ue(uint32(s.LongTerm) + 1)
		w.ue(6) // this is one
		w.ue(uint32(s.LongTerm))
		w.ue(0)
	default:
		w.flag(false)
	}
}

func (w *bitWriter) copyBits(r *bitfield.Reader, n int) {
	for range n {
		w.u(1, r.Bits(1))
	}
}

func skipBits(r *bitfield.Reader, n int) {
	for range n {
		r.Bits(1)
	}
}

// bitsLeft counts up to the stop bit, inclusive.
func bitsLeft(r bitfield.Reader) int {
	n, last := 0, 0
	for {
		set := r.Flag()
		if r.Short() {
			return last
		}
		n++
		if set {
			last = n
		}
	}
}
