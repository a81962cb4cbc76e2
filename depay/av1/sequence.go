package av1

import "fmt"

// choose is the value of seq_force_screen_content_tools and seq_force_integer_mv that leaves it to each frame (AV1 §6.10).
const choose = 2

const maxOperatingPoints = 32

// srgb are color_primaries, transfer_characteristics and matrix_coefficients: BT.709, sRGB, identity (AV1 §6.4.2).
const srgb = 0x010d00

// Sequence is the sequence header (AV1 §5.5), as far as frame headers are read and made by it.
type Sequence struct {
	Profile       uint8
	Width, Height uint32 // pixels, the largest of any frame
	Operating     uint16 // operating_point_idc[0]: the layers that are decoded; 0: all there is

	reducedStill bool

	// Time and decoder model.
	temporalPoint uint8 // bits of frame_presentation_time; 0: absent
	removalBits   uint8 // bits of buffer_removal_time; 0: absent
	points        uint8 // operating points
	pointIDs      [maxOperatingPoints]uint16
	pointModel    uint32 // bit i: operating point i has a decoder model

	widthBits, heightBits uint8
	idBits                uint8 // of frame identifiers; 0: absent
	orderBits             uint8 // of order hints; 0: absent
	forceScreenContent    uint8
	forceIntegerMV        uint8

	superblock128, interIntra, warpedMotion, refFrameMVs bool
	superres, cdef, restoration, filmGrain               bool
	monochrome, separateDelta                            bool
}

var errSequence = fmt.Errorf("read AV1 sequence header: %w", ErrTruncated)

// ParseSequence reads the payload of a sequence header OBU. The error wraps ErrTruncated or ErrInvalid. It allocates nothing
// on success.
func ParseSequence(payload []byte) (Sequence, error) {
	r := bitReader{data: payload}
	s := Sequence{forceScreenContent: choose, forceIntegerMV: choose}
	s.Profile = uint8(r.bits(3))
	r.bits(1) // still_picture
	s.reducedStill = r.flag()
	if s.reducedStill {
		r.bits(5) // seq_level_idx
		s.points = 1
	} else {
		s.parseOperatingPoints(&r)
	}
	s.parseSize(&r)
	s.superblock128 = r.flag()
	r.bits(2) // enable_filter_intra, enable_intra_edge_filter
	if !s.reducedStill {
		s.parseInterTools(&r)
	}
	s.superres, s.cdef, s.restoration = r.flag(), r.flag(), r.flag()
	s.parseColor(&r)
	s.filmGrain = r.flag()
	switch {
	case r.short():
		return Sequence{}, errSequence
	case s.Profile > 2:
		return Sequence{}, fmt.Errorf("read AV1 sequence header: profile %d: %w", s.Profile, ErrInvalid)
	}
	return s, nil
}

// Decodes tells whether operating point 0 has the layers that the OBU belongs to (AV1 §5.3.1).
func (s *Sequence) Decodes(o OBU) bool {
	return s.Operating == 0 || !o.Extended || s.Operating>>o.TemporalID&1 == 1 && s.Operating>>(o.SpatialID+8)&1 == 1
}

// parseOperatingPoints reads timing, decoder model and operating points (AV1 §5.5.1 to §5.5.4).
func (s *Sequence) parseOperatingPoints(r *bitReader) {
	var delayBits uint8
	model := false
	if r.flag() { // timing_info_present_flag
		r.bits(32)
		r.bits(32)
		equal := r.flag()
		if equal {
			r.skipUVLC()
		}
		if model = r.flag(); model {
			delayBits = uint8(r.bits(5) + 1)
			r.bits(32)
			s.removalBits = uint8(r.bits(5) + 1)
			if point := uint8(r.bits(5) + 1); !equal {
				s.temporalPoint = point
			}
		}
	}
	display := r.flag()
	s.points = uint8(r.bits(5) + 1)
	for i := range s.points {
		s.pointIDs[i] = uint16(r.bits(12))
		if r.bits(5) > 7 {
			r.bits(1) // seq_tier
		}
		if model && r.flag() {
			s.pointModel |= 1 << i
			r.bits(delayBits)
			r.bits(delayBits)
			r.bits(1)
		}
		if display && r.flag() {
			r.bits(4)
		}
	}
	s.Operating = s.pointIDs[0]
}

func (s *Sequence) parseSize(r *bitReader) {
	s.widthBits, s.heightBits = uint8(r.bits(4)+1), uint8(r.bits(4)+1)
	s.Width, s.Height = r.bits(s.widthBits)+1, r.bits(s.heightBits)+1
	if !s.reducedStill && r.flag() { // frame_id_numbers_present_flag
		delta := r.bits(4) + 2
		s.idBits = uint8(r.bits(3) + 1 + delta)
	}
}

// parseInterTools reads what a still picture does not have.
func (s *Sequence) parseInterTools(r *bitReader) {
	s.interIntra = r.flag()
	r.bits(1) // enable_masked_compound
	s.warpedMotion = r.flag()
	r.bits(1) // enable_dual_filter
	order := r.flag()
	if order {
		r.bits(1) // enable_jnt_comp
		s.refFrameMVs = r.flag()
	}
	if !r.flag() { // seq_choose_screen_content_tools
		s.forceScreenContent = uint8(r.bits(1))
	}
	if s.forceScreenContent > 0 && !r.flag() { // seq_choose_integer_mv
		s.forceIntegerMV = uint8(r.bits(1))
	}
	if order {
		s.orderBits = uint8(r.bits(3) + 1)
	}
}

// parseColor reads color_config (AV1 §5.5.2).
func (s *Sequence) parseColor(r *bitReader) {
	deep := r.flag()
	twelve := s.Profile == 2 && deep && r.flag()
	s.monochrome = s.Profile != 1 && r.flag()
	rgb := false
	if r.flag() { // color_description_present_flag
		rgb = r.bits(24) == srgb
	}
	switch {
	case s.monochrome:
		r.bits(1) // color_range
		return
	case rgb:
	default:
		r.bits(1) // color_range
		if s.halved(r, twelve) {
			r.bits(2) // chroma_sample_position
		}
	}
	s.separateDelta = r.flag()
}

// halved tells whether chroma has half the size both ways.
func (s *Sequence) halved(r *bitReader, twelve bool) bool {
	switch {
	case s.Profile == 0:
		return true
	case twelve:
		x := r.flag()
		return x && r.flag()
	}
	return false
}
