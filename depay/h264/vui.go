package h264

// sampleAspects is Table E-1, from aspect_ratio_idc 0 on. Nothing writes to it.
var sampleAspects = [...][2]uint16{
	{}, {1, 1}, {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11}, {80, 33}, {18, 11}, {15, 11}, {64, 33},
	{160, 99}, {4, 3}, {3, 2}, {2, 1},
}

const extendedAspect = 255 // Extended_SAR

// readVUI reads the video usability information (§E.1.1).
func (s *SPS) readVUI(r *bitReader, t *timing) {
	if r.flag() { // aspect_ratio_info_present_flag
		s.readAspect(r)
	}
	if r.flag() { // overscan_info_present_flag
		r.flag() // overscan_appropriate_flag
	}
	if r.flag() { // video_signal_type_present_flag
		r.u(3 + 1)    // video_format, video_full_range_flag
		if r.flag() { // colour_description_present_flag
			r.u(24)
		}
	}
	if r.flag() { // chroma_loc_info_present_flag
		r.ue()
		r.ue()
	}
	t.flag = r.at()
	if t.told = r.flag(); t.told { // timing_info_present_flag
		r.u(32) // num_units_in_tick
		r.u(32) // time_scale
		r.u(1)  // fixed_frame_rate_flag
	}
	nal := skipHRD(r)
	vcl := skipHRD(r)
	if nal || vcl {
		r.flag() // low_delay_hrd_flag
	}
	r.flag() // pic_struct_present_flag
	s.readRestriction(r)
}

func (s *SPS) readAspect(r *bitReader) {
	idc := r.u(8)
	switch {
	case idc == extendedAspect:
		s.SampleAspect = [2]uint16{uint16(r.u(16)), uint16(r.u(16))}
	case idc < uint32(len(sampleAspects)):
		s.SampleAspect = sampleAspects[idc]
	}
	if s.SampleAspect[0] == 0 || s.SampleAspect[1] == 0 {
		s.SampleAspect = [2]uint16{}
	}
}

func (s *SPS) readRestriction(r *bitReader) {
	s.Restricted = r.flag()
	if !s.Restricted {
		return
	}
	r.flag() // motion_vectors_over_pic_boundaries_flag
	for range 4 {
		r.ue() // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal, _vertical
	}
	s.MaxReorderFrames = uint8(r.upTo(16))
	s.MaxFrameBuffering = uint8(r.upTo(16))
}

// skipHRD reads hypothetical reference decoder parameters, if they are there (§E.1.2).
func skipHRD(r *bitReader) bool {
	if !r.flag() { // nal_hrd_parameters_present_flag, vcl_hrd_parameters_present_flag
		return false
	}
	count := r.upTo(31) + 1
	r.u(4 + 4) // bit_rate_scale, cpb_size_scale
	for range count {
		r.ue() // bit_rate_value_minus1
		r.ue() // cpb_size_value_minus1
		r.flag()
	}
	r.u(5 + 5 + 5 + 5)
	return true
}
