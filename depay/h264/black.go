package h264

// Values of the black key frame's parameter sets.
const (
	profileBaseline = 66
	constrained     = 0xc0 // constraint_set0_flag and constraint_set1_flag: Constrained Baseline
	noReordering    = 2    // pic_order_cnt_type
)

// AppendBlack appends an access unit, in Annex B, that is a key frame of black pixels (Y 16, U and V 128) with its parameter
// sets, Constrained Baseline, and returns it, and the state that it leaves. Width and height are even, 2 to 16384.
//
// The first macroblock codes one coefficient; all others are predicted from their neighbours (Intra_16x16, DC), without
// residue.
func AppendBlack(dst []byte, width, height uint16) ([]byte, State) {
	columns, rows := macroblocks(width), macroblocks(height)
	start := len(dst)
	dst = appendBlackSPS(dst, width, height)
	middle := len(dst)
	dst = appendBlackPPS(dst)
	state := stateAfterKey(dst[start+startCode:middle], dst[middle+startCode:])
	w := newBitWriter(dst, maskRef|byte(TypeIDR))
	w.ue(0)             // first_mb_in_slice
	w.ue(uint32(I) + 5) // slice_type: the others are the same
	w.ue(0)             // pic_parameter_set_id
	w.u(4, 0)           // frame_num
	w.ue(0)             // idr_pic_id
	w.u(2, 0)           // no_output_of_prior_pics_flag, long_term_reference_flag
	w.se(0)             // slice_qp_delta
	w.ue(1)             // disable_deblocking_filter_idc
	for i := range columns * rows {
		w.blackMacroblock(i == 0)
	}
	return w.trail(), state
}

// stateAfterKey returns the state after a key frame that counts from zero and is not kept for long.
func stateAfterKey(sps, pps []byte) State {
	s, errS := ParseSPS(sps)
	p, errP := ParsePPS(pps)
	if errS != nil || errP != nil {
		return State{}
	}
	var state State
	state.Follow(&Slice{SPS: &s, PPS: &p, IDR: true, Reference: true, LongTerm: noLongTerm})
	return state
}

// blackMacroblock writes mb_type I_16x16_2_0_0, and with a coefficient the one that takes luma from the predicted 128 down
// to 16: at QP 51 LevelScale is 14 * 16, shifted left by 2 (§8.5.10), and the inverse transform of DC alone divides by 64:
// -8 * 896 / 64 = -112.
func (w *bitWriter) blackMacroblock(coefficient bool) {
	w.ue(3) // mb_type
	w.ue(0) // intra_chroma_pred_mode: DC
	w.se(0) // mb_qp_delta
	if !coefficient {
		w.u(1, 1) // coeff_token: none, where the neighbours have none (Table 9-5)
		return
	}
	w.u(6, 0b000101) // coeff_token: one, which is no trailing one
	w.u(14, 1)       // level_prefix 13: -8 (§9.2.2.1)
	w.u(1, 1)        // total_zeros: none
}

func appendBlackSPS(dst []byte, width, height uint16) []byte {
	columns, rows := macroblocks(width), macroblocks(height)
	w := newBitWriter(dst, maskRef|byte(TypeSPS))
	w.u(8, profileBaseline)
	w.u(8, constrained)
	w.u(8, blackLevel(columns, rows))
	w.ue(0) // seq_parameter_set_id
	w.ue(0) // log2_max_frame_num_minus4
	w.ue(noReordering)
	w.ue(1)       // max_num_ref_frames
	w.flag(false) // gaps_in_frame_num_value_allowed_flag
	w.ue(uint32(columns) - 1)
	w.ue(uint32(rows) - 1)
	w.u(2, 0b11) // frame_mbs_only_flag, direct_8x8_inference_flag
	right, bottom := columns*16-int(width), rows*16-int(height)
	w.flag(right+bottom > 0) // frame_cropping_flag
	if right+bottom > 0 {
		w.ue(0)
		w.ue(uint32(right / 2))
		w.ue(0)
		w.ue(uint32(bottom / 2))
	}
	w.flag(false) // vui_parameters_present_flag
	return w.trail()
}

func appendBlackPPS(dst []byte) []byte {
	w := newBitWriter(dst, maskRef|byte(TypePPS))
	w.ue(0)       // pic_parameter_set_id
	w.ue(0)       // seq_parameter_set_id
	w.u(2, 0)     // entropy_coding_mode_flag: CAVLC, bottom_field_pic_order_in_frame_present_flag
	w.ue(0)       // num_slice_groups_minus1
	w.ue(0)       // num_ref_idx_l0_default_active_minus1
	w.ue(0)       // num_ref_idx_l1_default_active_minus1
	w.u(3, 0)     // weighted_pred_flag, weighted_bipred_idc
	w.se(51 - 26) // pic_init_qp_minus26
	w.se(0)       // pic_init_qs_minus26
	w.se(0)       // chroma_qp_index_offset
	w.u(3, 0b100) // deblocking_filter_control_present_flag, constrained_intra_pred_flag, redundant_pic_cnt_present_flag
	return w.trail()
}

// blackLevel returns the lowest level_idc for 30 such pictures a second (Table A-1: MaxMBPS, MaxFS).
func blackLevel(columns, rows int) uint32 {
	levels := [...]struct{ idc, size, rate int }{
		{10, 99, 1485}, {11, 396, 3000}, {12, 396, 6000}, {13, 396, 11880}, {21, 792, 19800}, {22, 1620, 20250}, {30, 1620, 40500},
		{31, 3600, 108000}, {32, 5120, 216000}, {40, 8192, 245760}, {42, 8704, 522240}, {50, 22080, 589824}, {51, 36864, 983040},
		{52, 36864, 2073600}, {60, 139264, 4177920},
	}
	size := columns * rows
	for _, l := range levels {
		longest := max(columns, rows)
		if size <= l.size && size*30 <= l.rate && longest*longest <= 8*l.size {
			return uint32(l.idc)
		}
	}
	return 62
}

func macroblocks(pixels uint16) int { return (int(pixels) + 15) / 16 }
