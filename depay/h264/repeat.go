package h264

const (
	// skipQP and skipModel choose the context of mb_skip_flag that costs least at once: of cabac_init_idc 2, which begins at
	// the state skipState with 1 as the likely value (Table 9-13, ctxIdx 11: m 29, n 16; §9.3.1.1).
	skipQP    = 51
	skipModel = 2
	skipState = 29*skipQP>>4 + 16 - 64

	// delimiterP is primary_pic_type 1, I and P slices, and the stop bit (§7.3.2.4).
	delimiterP = 1<<5 | 1<<4
)

// AppendRepeat appends an access unit, in Annex B, that shows the newest reference picture again, and returns it. Nothing is
// appended where that cannot be done: before the first picture, and in streams that are interlaced, intra coded only, or
// have separate colour planes.
//
// It is a P picture with nal_ref_idc 0 of skipped macroblocks only: each is copied from refIdx 0 with the motion vector
// predicted for it, which is zero because those of its neighbours are (§8.4.1.1), and no edge of it is filtered, because
// there is nothing between its macroblocks to smooth (§8.7.2.1). refIdx 0 is the newest reference picture: it has the
// highest PicNum (§8.2.4.2.1), or is put in front by its LongTermPicNum. Where the newest picture is none, as the upper
// temporal layers are, the one before it is shown. The decoder keeps nothing of the repeat frame: its marking, prevRefFrameNum
// and prevPicOrderCnt go by reference pictures, and FrameNumOffset is the same as with the picture that comes next.
//
// Its picture order count lies directly after the newest one's, or is the same where the encoder counts without gaps. Repeat
// frames in a row have one and the same, for there is no more room, and with POCType 2 there are not to be two in a row at
// all (§7.4.2.1.1): so each begins with an access unit delimiter, which tells them apart instead (§7.4.1.2.3). Decoders take
// them as they come, since nothing waits for reordering; should one sort them, they are all the same picture. ffmpeg 5.1,
// libopenh264 2.3 and Chromium's player were seen to show sixty in a row, and what follows, as they should.
func (s State) AppendRepeat(dst []byte) []byte {
	if !s.repeatable() {
		return dst
	}
	dst = append(AppendStartCode(dst), byte(TypeDelimiter), delimiterP)
	w := newBitWriter(dst, byte(TypeSlice))
	w.ue(0)                // first_mb_in_slice
	w.ue(uint32(P) + 5)    // slice_type: the others are the same
	w.ue(uint32(s.pps.ID)) // pic_parameter_set_id
	w.u(int(s.sps.FrameNumBits), s.frameNum)
	s.writePOC(&w)
	if s.pps.RedundantPic {
		w.ue(0)
	}
	s.writeReference(&w)
	macroblocks := int(s.sps.Columns) * int(s.sps.Rows)
	if s.pps.CABAC {
		w.ue(skipModel) // cabac_init_idc
		w.se(skipQP - int32(s.pps.InitQP))
		s.writeDeblocking(&w)
		w.align()
		w.skipCABAC(macroblocks)
		return w.pad()
	}
	w.se(0) // slice_qp_delta
	s.writeDeblocking(&w)
	w.ue(uint32(macroblocks)) // mb_skip_run
	return w.trail()
}

func (s State) repeatable() bool {
	return s.sps != nil && s.sps.Progressive && !s.sps.SeparatePlanes && !s.sps.intraOnly() && s.sps.MaxRefFrames > 0 &&
		s.pocStep() >= 0
}

// pocStep returns by how much picture order count grows from the newest picture to the repeat frame.
func (s State) pocStep() int32 {
	switch {
	case s.sps.POCType == 1 && s.sps.DeltaPOCZero && s.reference:
		return s.sps.OffsetNonRef
	case s.sps.POCType == 0 && (s.dense || s.poc-s.referencePOC == 1<<s.sps.POCBits/2): // no room, or beyond what can be said
		return 0
	}
	return 1
}

func (s State) writePOC(w *bitWriter) {
	switch {
	case s.sps.POCType == 0:
		w.u(int(s.sps.POCBits), uint32(s.poc+s.pocStep()))
		if s.pps.BottomPOC {
			w.se(s.deltaPOCBottom)
		}
	case s.sps.POCType == 1 && !s.sps.DeltaPOCZero:
		delta := s.deltaPOC[0] + s.pocStep()
		if s.reference { // expected is what the newest picture's was, and offset_for_non_ref_pic (§8.2.1.2)
			delta -= s.sps.OffsetNonRef
		}
		w.se(delta)
		if s.pps.BottomPOC {
			w.se(s.deltaPOC[1])
		}
	}
}

// writeReference writes a list of one reference picture, with the weight 1.
func (s State) writeReference(w *bitWriter) {
	w.flag(s.pps.RefIndices != 1) // num_ref_idx_active_override_flag
	if s.pps.RefIndices != 1 {
		w.ue(0)
	}
	w.flag(s.longTerm != noLongTerm) // ref_pic_list_modification_flag_l0
	if s.longTerm != noLongTerm {
		w.ue(2) // modification_of_pic_nums_idc: by long_term_pic_num
		w.ue(uint32(s.longTerm))
		w.ue(3)
	}
	if !s.pps.Weighted {
		return
	}
	w.ue(0) // luma_log2_weight_denom
	if s.sps.ChromaFormat != 0 {
		w.ue(0) // chroma_log2_weight_denom
		w.flag(false)
	}
	w.flag(false) // luma_weight_l0_flag and chroma_weight_l0_flag, in whatever order
}

// writeDeblocking turns the filter off, where that can be said; it has nothing to do anyway.
func (s State) writeDeblocking(w *bitWriter) {
	if s.pps.Deblocking {
		w.ue(1) // disable_deblocking_filter_idc
	}
}
