package h264

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

const (
	maxMacroblocks = 1 << 10 // in a row and in a column: 16384 pixels
)

// SPS is what a sequence parameter set says (§7.3.2.1.1).
type SPS struct {
	ID          uint8 // 0 to 31
	Profile     uint8 // profile_idc
	Constraints uint8 // constraint_set flags, set0 in the highest bit
	Level       uint8 // level_idc, ten times the level

	ChromaFormat   uint8 // chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
	SeparatePlanes bool  // separate_colour_plane_flag
	BitDepthLuma   uint8 // 8 to 14
	BitDepthChroma uint8

	FrameNumBits uint8 // log2 of MaxFrameNum, 4 to 16
	POCType      uint8 // pic_order_cnt_type, 0 to 2
	POCBits      uint8 // log2 of MaxPicOrderCntLsb, 4 to 16; 0 unless POCType is 0
	DeltaPOCZero bool  // delta_pic_order_always_zero_flag; POCType 1 only
	OffsetNonRef int32 // offset_for_non_ref_pic; POCType 1 only
	MaxRefFrames uint8 // max_num_ref_frames, 0 to 16
	FrameNumGaps bool  // gaps_in_frame_num_value_allowed_flag
	Progressive  bool  // frame_mbs_only_flag: neither fields nor macroblocks of them

	Columns, Rows uint16 // macroblocks of a frame, at most 1024 each
	Width, Height uint16 // pixels, after cropping

	SampleAspect      [2]uint16 // width and height of a sample (Table E-1); zero when unspecified
	Restricted        bool      // bitstream_restriction_flag: the two below are known
	MaxReorderFrames  uint8     // max_num_reorder_frames, 0 to 16
	MaxFrameBuffering uint8     // max_dec_frame_buffering, 0 to 16
}

// ParseSPS reads a sequence parameter set, a NAL unit without start code. The error wraps ErrTruncated or ErrInvalid. It
// allocates nothing on success.
func ParseSPS(nal []byte) (SPS, error) {
	s, _, err := parseSPS(nal)
	return s, err
}

func parseSPS(nal []byte) (s SPS, t timing, err error) {
	r := newReader(nal)
	if len(nal) > 0 && Type(nal[0]) != TypeSPS {
		r.Fail()
	}
	s.Profile, s.Constraints, s.Level = uint8(r.Bits(8)), uint8(r.Bits(8)), uint8(r.Bits(8))
	s.ID = uint8(r.UpTo(31))
	s.readChroma(&r)
	s.FrameNumBits = 4 + uint8(r.UpTo(12))
	s.readPOC(&r)
	s.MaxRefFrames = uint8(r.UpTo(16))
	s.FrameNumGaps = r.Flag()
	s.readSize(&r)
	t.flag = r.At()
	if t.described = r.Flag(); t.described { // vui_parameters_present_flag
		s.readVUI(&r, &t)
	}
	if err := readError(&r); err != nil {
		return SPS{}, timing{}, fmt.Errorf("read H.264 sequence parameter set: %w", err)
	}
	return s, t, nil
}

// Codec returns the codec string of RFC 6381 §3.3, such as "avc1.42c01e".
func (s *SPS) Codec() string {
	return fmt.Sprintf("avc1.%02x%02x%02x", s.Profile, s.Constraints, s.Level)
}

// hasChroma reports whether the profile is one of those that say their chroma format (§7.3.2.1.1).
func (s *SPS) hasChroma() bool {
	switch s.Profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// intraOnly reports whether the profile knows no P pictures (§A.2.8 to §A.2.11).
func (s *SPS) intraOnly() bool {
	const set3 = 0x10
	switch s.Profile {
	case 44:
		return true
	case 110, 122, 244:
		return s.Constraints&set3 != 0
	}
	return false
}

func (s *SPS) readChroma(r *bitfield.Reader) {
	s.ChromaFormat, s.BitDepthLuma, s.BitDepthChroma = 1, 8, 8
	if !s.hasChroma() {
		return
	}
	lists := 8
	s.ChromaFormat = uint8(r.UpTo(3))
	if s.ChromaFormat == 3 {
		s.SeparatePlanes = r.Flag()
		lists = 12
	}
	s.BitDepthLuma = 8 + uint8(r.UpTo(6))
	s.BitDepthChroma = 8 + uint8(r.UpTo(6))
	r.Flag()      // qpprime_y_zero_transform_bypass_flag
	if r.Flag() { // seq_scaling_matrix_present_flag
		for i := range lists {
			skipScalingList(r, i)
		}
	}
}

// skipScalingList reads the i-th list: six of 4x4, then those of 8x8 (§7.3.2.1.1.1).
func skipScalingList(r *bitfield.Reader, i int) {
	if !r.Flag() { // seq_scaling_list_present_flag
		return
	}
	size := 64
	if i < 6 {
		size = 16
	}
	last := int32(8)
	for range size {
		last = (last + r.SE()) & 0xff
		if last == 0 { // the rest is as before
			return
		}
	}
}

func (s *SPS) readPOC(r *bitfield.Reader) {
	s.POCType = uint8(r.UpTo(2))
	switch s.POCType {
	case 0:
		s.POCBits = 4 + uint8(r.UpTo(12))
	case 1:
		s.DeltaPOCZero = r.Flag()
		s.OffsetNonRef = r.SE()
		r.SE() // offset_for_top_to_bottom_field
		for range r.UpTo(255) {
			r.SE() // offset_for_ref_frame
		}
	}
}

func (s *SPS) readSize(r *bitfield.Reader) {
	s.Columns = uint16(r.UpTo(maxMacroblocks-1)) + 1
	units := uint16(r.UpTo(maxMacroblocks-1)) + 1
	s.Progressive = r.Flag()
	s.Rows = units
	if !s.Progressive {
		s.Rows = 2 * units
		r.Flag() // mb_adaptive_frame_field_flag
	}
	r.Flag() // direct_8x8_inference_flag
	width, height := uint32(s.Columns)*16, uint32(s.Rows)*16
	if r.Flag() { // frame_cropping_flag
		x, y := s.cropUnits()
		width = crop(r, width, x)
		height = crop(r, height, y)
	}
	if s.Rows > maxMacroblocks {
		r.Fail()
	}
	s.Width, s.Height = uint16(width), uint16(height)
}

// crop reads the offsets at both ends and returns what is left, which is something.
func crop(r *bitfield.Reader, size, unit uint32) uint32 {
	limit := (size - 1) / unit
	before := r.UpTo(limit)
	after := r.UpTo(limit)
	if before+after > limit {
		r.Fail()
		return 0
	}
	return size - (before+after)*unit
}

// cropUnits returns CropUnitX and CropUnitY (§7.4.2.1.1).
func (s *SPS) cropUnits() (x, y uint32) {
	x, y = 1, 1
	if s.ChromaFormat == 1 || s.ChromaFormat == 2 {
		x = 2
	}
	if s.ChromaFormat == 1 {
		y = 2
	}
	if !s.Progressive {
		y *= 2
	}
	return x, y
}
