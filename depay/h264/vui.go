package h264

import "github.com/sluice-live/sluice/depay/internal/bitfield"

// sampleAspects is Table E-1, from aspect_ratio_idc 0 on. Nothing writes to it.
var sampleAspects = [...][2]uint16{
	{}, {1, 1}, {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11}, {80, 33}, {18, 11}, {15, 11}, {64, 33},
	{160, 99}, {4, 3}, {3, 2}, {2, 1},
}

const extendedAspect = 255 // Extended_SAR

// readVUI reads the video usability information (§E.1.1).
func (s *SPS) readVUI(r *bitfield.Reader, t *timing) {
	if r.Flag() { // aspect_ratio_info_present_flag
		s.readAspect(r)
	}
	if r.Flag() { // overscan_info_present_flag
		r.Flag() // overscan_appropriate_flag
	}
	if r.Flag() { // video_signal_type_present_flag
		r.Bits(3 + 1) // video_format, video_full_range_flag
		if r.Flag() { // colour_description_present_flag
			r.Bits(24)
		}
	}
	if r.Flag() { // chroma_loc_info_present_flag
		r.UE()
		r.UE()
	}
	t.flag = r.At()
	if t.told = r.Flag(); t.told { // timing_info_present_flag
		r.Bits(32) // num_units_in_tick
		r.Bits(32) // time_scale
		r.Bits(1)  // fixed_frame_rate_flag
	}
	nal := skipHRD(r)
	vcl := skipHRD(r)
	if nal || vcl {
		r.Flag() // low_delay_hrd_flag
	}
	r.Flag() // pic_struct_present_flag
	s.readRestriction(r)
}

func (s *SPS) readAspect(r *bitfield.Reader) {
	idc := r.Bits(8)
	switch {
	case idc == extendedAspect:
		s.SampleAspect = [2]uint16{uint16(r.Bits(16)), uint16(r.Bits(16))}
	case idc < uint32(len(sampleAspects)):
		s.SampleAspect = sampleAspects[idc]
	}
	if s.SampleAspect[0] == 0 || s.SampleAspect[1] == 0 {
		s.SampleAspect = [2]uint16{}
	}
}

func (s *SPS) readRestriction(r *bitfield.Reader) {
	s.Restricted = r.Flag()
	if !s.Restricted {
		return
	}
	r.Flag() // motion_vectors_over_pic_boundaries_flag
	for range 4 {
		r.UE() // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal, _vertical
	}
	s.MaxReorderFrames = uint8(r.UpTo(16))
	s.MaxFrameBuffering = uint8(r.UpTo(16))
}

// skipHRD reads hypothetical reference decoder parameters, if they are there (§E.1.2).
func skipHRD(r *bitfield.Reader) bool {
	if !r.Flag() { // nal_hrd_parameters_present_flag, vcl_hrd_parameters_present_flag
		return false
	}
	count := r.UpTo(31) + 1
	r.Bits(4 + 4) // bit_rate_scale, cpb_size_scale
	for range count {
		r.UE() // bit_rate_value_minus1
		r.UE() // cpb_size_value_minus1
		r.Flag()
	}
	r.Bits(5 + 5 + 5 + 5)
	return true
}
