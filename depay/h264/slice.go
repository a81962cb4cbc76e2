package h264

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// SliceType is how the macroblocks of a slice may be predicted (Table 7-6, modulo 5).
type SliceType uint8

// The slice types.
const (
	P  SliceType = iota
	B            // from pictures shown later, too: they are sent out of order
	I            // from the slice itself
	SP           // Extended profile, as SI
	SI
)

const maxMarkings = 66 // operations in one slice header: no decoder has more pictures to mark

// noLongTerm is the Slice.LongTerm of a picture that is not marked for long.
const noLongTerm = -1

// Slice is what a slice header says of its picture (§7.3.3).
type Slice struct {
	SPS *SPS // both of Sets, and not to be changed
	PPS *PPS

	IDR              bool
	Reference        bool   // nal_ref_idc is not 0
	Field            bool   // field_pic_flag: half of an interlaced picture
	FirstMacroblock  uint32 // first_mb_in_slice: 0 begins a picture
	Type             SliceType
	FrameNum         uint32 // frame_num, below 2^FrameNumBits
	IDRPicID         uint32
	POCLsb           uint32   // pic_order_cnt_lsb; POCType 0 only
	DeltaPOCBottom   int32    // delta_pic_order_cnt_bottom; POCType 0 only
	DeltaPOC         [2]int32 // delta_pic_order_cnt; POCType 1 only
	RedundantPicture uint32   // redundant_pic_cnt: not 0 in a slice that repeats another one

	// How a reference picture is kept (§7.4.3.3). Not read in B slices.
	LongTerm int  // its LongTermFrameIdx, -1 when it is marked for short-term reference
	Reset    bool // memory_management_control_operation 5: what was before is forgotten, as with an IDR picture
}

// ParseSlice reads the header of a slice from the first byte of its NAL unit and what follows it, of which the end may be
// missing. The error wraps ErrTruncated, ErrInvalid, ErrUnsupported (Extended profile) or ErrNoSet. It allocates nothing on
// success.
func (s *Sets) ParseSlice(header byte, body []byte) (Slice, error) {
	sl := Slice{LongTerm: noLongTerm, IDR: Type(header) == TypeIDR, Reference: Reference(header)}
	r := bitfield.NewEscapedReader(body)
	if !Type(header).IsSlice() || sl.IDR && !sl.Reference {
		r.Fail()
	}
	sl.FirstMacroblock = r.UpTo(maxMacroblocks*maxMacroblocks - 1)
	sl.Type = SliceType(r.UpTo(9) % 5)
	id := r.UE()
	if err := readError(&r); err != nil {
		return Slice{}, fmt.Errorf("read H.264 slice header: %w", err)
	}
	if sl.Type >= SP {
		return Slice{}, errExtended
	}
	var err error
	if sl.PPS, sl.SPS, err = s.find(id); err != nil {
		return Slice{}, err
	}
	sl.read(&r)
	if err := readError(&r); err != nil {
		return Slice{}, fmt.Errorf("read H.264 slice header: %w", err)
	}
	return sl, nil
}

var errExtended = fmt.Errorf("read H.264 slice header: SP or SI slice: %w", ErrUnsupported)

// read reads what follows pic_parameter_set_id.
func (s *Slice) read(r *bitfield.Reader) {
	if s.SPS.SeparatePlanes {
		r.Bits(2) // colour_plane_id
	}
	s.FrameNum = r.Bits(s.SPS.FrameNumBits)
	if !s.SPS.Progressive {
		s.Field = r.Flag()
		if s.Field {
			r.Flag() // bottom_field_flag
		}
	}
	if s.IDR {
		s.IDRPicID = r.UpTo(1<<16 - 1)
		if s.FrameNum != 0 {
			r.Fail()
		}
	}
	s.readPOC(r)
	if s.PPS.RedundantPic {
		s.RedundantPicture = r.UpTo(127)
	}
	if s.Type == B {
		return
	}
	if s.Type == P {
		s.readReferences(r)
	}
	if s.Reference {
		s.readMarking(r)
	}
}

func (s *Slice) readPOC(r *bitfield.Reader) {
	bottom := s.PPS.BottomPOC && !s.Field
	switch {
	case s.SPS.POCType == 0:
		s.POCLsb = r.Bits(s.SPS.POCBits)
		if bottom {
			s.DeltaPOCBottom = r.SE()
		}
	case s.SPS.POCType == 1 && !s.SPS.DeltaPOCZero:
		s.DeltaPOC[0] = r.SE()
		if bottom {
			s.DeltaPOC[1] = r.SE()
		}
	}
}

// readReferences reads how the list of reference pictures is made, and their weights.
func (s *Slice) readReferences(r *bitfield.Reader) {
	indices := uint32(s.PPS.RefIndices)
	if r.Flag() { // num_ref_idx_active_override_flag
		indices = r.UpTo(31) + 1
	}
	if r.Flag() { // ref_pic_list_modification_flag_l0
		skipModification(r, indices)
	}
	if s.PPS.Weighted {
		s.skipWeights(r, indices)
	}
}

// skipModification reads ref_pic_list_modification (§7.3.3.1).
func skipModification(r *bitfield.Reader, indices uint32) {
	const end = 3
	for range indices + 1 {
		if r.UpTo(end) == end || r.Failed() { // modification_of_pic_nums_idc
			return
		}
		r.UE() // abs_diff_pic_num_minus1 or long_term_pic_num
	}
	r.Fail()
}

// skipWeights reads pred_weight_table (§7.3.3.2).
func (s *Slice) skipWeights(r *bitfield.Reader, indices uint32) {
	colours := s.SPS.ChromaFormat != 0 && !s.SPS.SeparatePlanes
	r.UpTo(7) // luma_log2_weight_denom
	if colours {
		r.UpTo(7)
	}
	for range indices {
		if r.Flag() { // luma_weight_l0_flag
			r.SE()
			r.SE()
		}
		if colours && r.Flag() { // chroma_weight_l0_flag
			for range 4 {
				r.SE()
			}
		}
	}
}

// readMarking reads dec_ref_pic_marking (§7.3.3.3).
func (s *Slice) readMarking(r *bitfield.Reader) {
	if s.IDR {
		r.Flag() // no_output_of_prior_pics_flag
		if r.Flag() {
			s.LongTerm = 0 // long_term_reference_flag
		}
		return
	}
	if !r.Flag() { // adaptive_ref_pic_marking_mode_flag
		return
	}
	for range maxMarkings {
		operation := r.UpTo(6)
		if operation == 0 || r.Failed() {
			return
		}
		s.mark(r, operation)
	}
	r.Fail()
}

// mark reads the operands of a memory_management_control_operation. Only those that concern the picture itself matter.
func (s *Slice) mark(r *bitfield.Reader, operation uint32) {
	switch operation {
	case 1, 2, 4: // difference_of_pic_nums_minus1, long_term_pic_num, max_long_term_frame_idx_plus1
		r.UE()
	case 3: // difference_of_pic_nums_minus1, long_term_frame_idx
		r.UE()
		r.UE()
	case 5:
		s.Reset = true
	case 6:
		s.LongTerm = int(r.UpTo(16))
	}
}

// SamePicture reports whether two slices belong to one picture (§7.4.1.2.4).
func (s *Slice) SamePicture(o *Slice) bool {
	return s.FrameNum == o.FrameNum && s.PPS == o.PPS && s.Field == o.Field && s.Reference == o.Reference && s.IDR == o.IDR &&
		s.IDRPicID == o.IDRPicID && s.POCLsb == o.POCLsb && s.DeltaPOCBottom == o.DeltaPOCBottom && s.DeltaPOC == o.DeltaPOC
}
