package av1

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// choose is the value of seq_force_screen_content_tools and seq_force_integer_mv that leaves it to each frame (AV1 §6.10).
const choose = 2

const maxOperatingPoints = 32

// srgb are color_primaries, transfer_characteristics and matrix_coefficients: BT.709, sRGB, identity (AV1 §6.4.2).
const srgb = 0x010d00

// Sequence is the sequence header (AV1 §5.5), as far as frame headers are read and made by it.
type Sequence struct {
	Profile       uint8
	Level         uint8  // seq_level_idx of operating point 0
	Tier          bool   // seq_tier of operating point 0: the high one
	Width, Height uint32 // pixels, the largest of any frame
	Operating     uint16 // operating_point_idc[0]: the layers that are decoded; 0: all there is

	HighBitDepth, TwelveBit    bool // 10 bits, or 12 when both are set; else 8
	Monochrome                 bool
	SubsamplingX, SubsamplingY bool  // chroma has half the width, half the height
	ChromaPosition             uint8 // chroma_sample_position

	reducedStill bool

	// Time and decoder model.
	temporalPoint uint8 // bits of frame_presentation_time; 0: absent
	removalBits   uint8 // bits of buffer_removal_time; 0: absent
	points        uint8 // operating points
	pointIDs      [maxOperatingPoints]uint16
	pointModel    uint32 // bit i: operating point i has a decoder model

	widthBits, heightBits uint8
	idBits                uint8 // of frame identifiers; 0: absent
	deltaBits             uint8 // of their differences
	orderBits             uint8 // of order hints; 0: absent
	forceScreenContent    uint8
	forceIntegerMV        uint8

	superblock128, interIntra, warpedMotion, refFrameMVs bool
	superres, cdef, restoration, filmGrain               bool
	separateDelta                                        bool
}

var errSequence = fmt.Errorf("read AV1 sequence header: %w", ErrTruncated)

// ParseSequence reads the payload of a sequence header OBU. The error wraps ErrTruncated or ErrInvalid. It allocates nothing
// on success.
func ParseSequence(payload []byte) (Sequence, error) {
	r := bitfield.NewReader(payload)
	s := Sequence{forceScreenContent: choose, forceIntegerMV: choose}
	s.Profile = uint8(r.Bits(3))
	r.Bits(1) // still_picture
	s.reducedStill = r.Flag()
	if s.reducedStill {
		s.Level = uint8(r.Bits(5))
		s.points = 1
	} else {
		s.parseOperatingPoints(&r)
	}
	s.parseSize(&r)
	s.superblock128 = r.Flag()
	r.Bits(2) // enable_filter_intra, enable_intra_edge_filter
	if !s.reducedStill {
		s.parseInterTools(&r)
	}
	s.superres, s.cdef, s.restoration = r.Flag(), r.Flag(), r.Flag()
	s.parseColor(&r)
	s.filmGrain = r.Flag()
	switch {
	case r.Short():
		return Sequence{}, errSequence
	case r.Invalid():
		return Sequence{}, fmt.Errorf("read AV1 sequence header: ticks of a picture: %w", ErrInvalid)
	case s.Profile > 2:
		return Sequence{}, fmt.Errorf("read AV1 sequence header: profile %d: %w", s.Profile, ErrInvalid)
	}
	return s, nil
}

// Decodes reports whether operating point 0 has the layers that the OBU belongs to (AV1 §5.3.1).
func (s *Sequence) Decodes(o OBU) bool {
	return s.Operating == 0 || !o.Extended || s.Operating>>o.TemporalID&1 == 1 && s.Operating>>(o.SpatialID+8)&1 == 1
}

// Plain reports whether pictures have 8 bits and chroma of half the size both ways, which is all that many decoders take.
func (s *Sequence) Plain() bool { return s.Profile == 0 && !s.HighBitDepth && !s.Monochrome }

// parseOperatingPoints reads timing, decoder model and operating points (AV1 §5.5.1 to §5.5.4).
func (s *Sequence) parseOperatingPoints(r *bitfield.Reader) {
	var delayBits uint8
	model := false
	if r.Flag() { // timing_info_present_flag
		r.Bits(32)
		r.Bits(32)
		equal := r.Flag()
		if equal {
			r.UE() // num_ticks_per_picture_minus_1
		}
		if model = r.Flag(); model {
			delayBits = uint8(r.Bits(5) + 1)
			r.Bits(32)
			s.removalBits = uint8(r.Bits(5) + 1)
			if point := uint8(r.Bits(5) + 1); !equal {
				s.temporalPoint = point
			}
		}
	}
	display := r.Flag()
	s.points = uint8(r.Bits(5) + 1)
	for i := range s.points {
		s.pointIDs[i] = uint16(r.Bits(12))
		level := uint8(r.Bits(5))
		tier := level > 7 && r.Flag()
		if i == 0 {
			s.Level, s.Tier = level, tier
		}
		if model && r.Flag() {
			s.pointModel |= 1 << i
			r.Bits(delayBits)
			r.Bits(delayBits)
			r.Bits(1)
		}
		if display && r.Flag() {
			r.Bits(4)
		}
	}
	s.Operating = s.pointIDs[0]
}

func (s *Sequence) parseSize(r *bitfield.Reader) {
	s.widthBits, s.heightBits = uint8(r.Bits(4)+1), uint8(r.Bits(4)+1)
	s.Width, s.Height = r.Bits(s.widthBits)+1, r.Bits(s.heightBits)+1
	if !s.reducedStill && r.Flag() { // frame_id_numbers_present_flag
		delta := r.Bits(4) + 2
		s.deltaBits = uint8(delta)
		s.idBits = uint8(r.Bits(3) + 1 + delta)
	}
}

// parseInterTools reads what a still picture does not have.
func (s *Sequence) parseInterTools(r *bitfield.Reader) {
	s.interIntra = r.Flag()
	r.Bits(1) // enable_masked_compound
	s.warpedMotion = r.Flag()
	r.Bits(1) // enable_dual_filter
	order := r.Flag()
	if order {
		r.Bits(1) // enable_jnt_comp
		s.refFrameMVs = r.Flag()
	}
	if !r.Flag() { // seq_choose_screen_content_tools
		s.forceScreenContent = uint8(r.Bits(1))
	}
	if s.forceScreenContent > 0 && !r.Flag() { // seq_choose_integer_mv
		s.forceIntegerMV = uint8(r.Bits(1))
	}
	if order {
		s.orderBits = uint8(r.Bits(3) + 1)
	}
}

// parseColor reads color_config (AV1 §5.5.2).
func (s *Sequence) parseColor(r *bitfield.Reader) {
	s.HighBitDepth = r.Flag()
	s.TwelveBit = s.Profile == 2 && s.HighBitDepth && r.Flag()
	s.Monochrome = s.Profile != 1 && r.Flag()
	rgb := false
	if r.Flag() { // color_description_present_flag
		rgb = r.Bits(24) == srgb
	}
	switch {
	case s.Monochrome:
		r.Bits(1) // color_range
		s.SubsamplingX, s.SubsamplingY = true, true
		return
	case rgb:
	default:
		r.Bits(1) // color_range
		s.parseSubsampling(r)
	}
	s.separateDelta = r.Flag()
}

func (s *Sequence) parseSubsampling(r *bitfield.Reader) {
	switch {
	case s.Profile == 0:
		s.SubsamplingX, s.SubsamplingY = true, true
	case s.Profile == 2 && s.TwelveBit:
		s.SubsamplingX = r.Flag()
		s.SubsamplingY = s.SubsamplingX && r.Flag()
	case s.Profile == 2:
		s.SubsamplingX = true
	}
	if s.SubsamplingX && s.SubsamplingY {
		s.ChromaPosition = uint8(r.Bits(2))
	}
}
