package h264

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// PPS is what a picture parameter set says, as far as slice headers depend on it (§7.3.2.2).
type PPS struct {
	ID           uint8 // 0 to 255
	SPS          uint8 // seq_parameter_set_id, 0 to 31
	CABAC        bool  // entropy_coding_mode_flag
	BottomPOC    bool  // bottom_field_pic_order_in_frame_present_flag
	RefIndices   uint8 // num_ref_idx_l0_default_active, 1 to 32
	Weighted     bool  // weighted_pred_flag
	InitQP       int8  // 26 + pic_init_qp_minus26, -36 to 51
	Deblocking   bool  // deblocking_filter_control_present_flag
	RedundantPic bool  // redundant_pic_cnt_present_flag
}

// ParsePPS reads a picture parameter set, a NAL unit without start code. The error wraps ErrTruncated, ErrInvalid, or
// ErrUnsupported where there is more than one slice group. It allocates nothing on success.
func ParsePPS(nal []byte) (PPS, error) {
	var p PPS
	r := newReader(nal)
	if len(nal) > 0 && Type(nal[0]) != TypePPS {
		r.Fail()
	}
	p.ID, p.SPS = uint8(r.UpTo(255)), uint8(r.UpTo(31))
	p.CABAC = r.Flag()
	p.BottomPOC = r.Flag()
	if groups := r.UE(); groups > 0 && !r.Failed() { // num_slice_groups_minus1
		return PPS{}, fmt.Errorf("read H.264 picture parameter set: slice groups: %w", ErrUnsupported)
	}
	p.RefIndices = uint8(r.UpTo(31)) + 1
	r.UpTo(31) // num_ref_idx_l1_default_active_minus1
	p.Weighted = r.Flag()
	r.Bits(2) // weighted_bipred_idc
	p.readInitQP(&r)
	r.SE() // pic_init_qs_minus26
	r.SE() // chroma_qp_index_offset
	p.Deblocking = r.Flag()
	r.Flag() // constrained_intra_pred_flag
	p.RedundantPic = r.Flag()
	if err := readError(&r); err != nil {
		return PPS{}, fmt.Errorf("read H.264 picture parameter set: %w", err)
	}
	return p, nil
}

// readInitQP reads pic_init_qp_minus26: from -(26 + QpBdOffset), of at most 6 bits beyond 8, to 25.
func (p *PPS) readInitQP(r *bitfield.Reader) {
	v := r.SE()
	if v < -62 || v > 25 {
		r.Fail()
		return
	}
	p.InitQP = int8(26 + v)
}
