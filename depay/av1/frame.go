package av1

import "fmt"

// FrameKind is frame_type (AV1 §6.8.2).
type FrameKind uint8

// The kinds of frames.
const (
	KeyFrame FrameKind = iota
	InterFrame
	IntraOnlyFrame
	SwitchFrame
)

const (
	slots    = 8
	allSlots = 0xff
	noFrame  = 7 // primary_ref_frame: none
)

// Header is what a frame header says up to the size of a frame that takes it from no other (AV1 §5.9.2). Of one that shows
// an existing frame only ShowExisting, Existing and Show are set.
type Header struct {
	ShowExisting   bool // nothing is coded: the picture in slot Existing is shown
	Existing       uint8
	Kind           FrameKind
	Show           bool
	Showable       bool // may be shown (again) by ShowExisting
	ErrorResilient bool
	OrderHint      uint32
	ID             uint32 // current_frame_id; 0 in a sequence without frame identifiers
	Refresh        uint8  // slots that will hold the frame
	Width, Height  uint32 // pixels as shown; 0 unless the frame is a key or intra-only frame
}

// Key tells that the frame begins a coded video sequence: a shown key frame (AV1 §7.20: all slots are refreshed).
func (h Header) Key() bool { return h.Kind == KeyFrame && h.Show && !h.ShowExisting }

var errFrame = fmt.Errorf("read AV1 frame header: %w", ErrTruncated)

// ParseHeader reads the header at the start of a frame header or frame OBU. The error wraps ErrTruncated when the OBU is
// shorter than that. It allocates nothing on success.
func (s *Sequence) ParseHeader(o OBU) (Header, error) {
	r := bitReader{data: o.Payload}
	h := s.parseHeader(&r, o)
	if r.short() {
		return Header{}, errFrame
	}
	return h, nil
}

func (s *Sequence) parseHeader(r *bitReader, o OBU) Header {
	h := Header{Show: true}
	if !s.reducedStill {
		if r.flag() {
			h.ShowExisting, h.Existing = true, uint8(r.bits(3))
			r.bits(s.temporalPoint)
			r.bits(s.idBits)
			return h
		}
		s.parseKind(r, &h)
	}
	r.bits(1) // disable_cdf_update
	s.parseTools(r)
	h.ID = r.bits(s.idBits)
	override := h.Kind == SwitchFrame || !s.reducedStill && r.flag()
	h.OrderHint = r.bits(s.orderBits)
	intra := h.Kind == KeyFrame || h.Kind == IntraOnlyFrame
	if !intra && !h.ErrorResilient {
		r.bits(3) // primary_ref_frame
	}
	s.parseRemovalTimes(r, o)
	h.Refresh = allSlots
	if h.Kind != SwitchFrame && !h.Key() {
		h.Refresh = uint8(r.bits(8))
	}
	if intra {
		if h.Refresh != allSlots && h.ErrorResilient {
			r.at += slots * int(s.orderBits) // ref_order_hint
		}
		s.parseFrameSize(r, &h, override)
	}
	return h
}

func (s *Sequence) parseKind(r *bitReader, h *Header) {
	h.Kind, h.Show = FrameKind(r.bits(2)), r.flag()
	if h.Show {
		r.bits(s.temporalPoint)
		h.Showable = h.Kind != KeyFrame
	} else {
		h.Showable = r.flag()
	}
	h.ErrorResilient = h.Kind == SwitchFrame || h.Kind == KeyFrame && h.Show || r.flag()
}

// parseTools reads allow_screen_content_tools and force_integer_mv.
func (s *Sequence) parseTools(r *bitReader) {
	screen := s.forceScreenContent == 1 || s.forceScreenContent == choose && r.flag()
	if screen && s.forceIntegerMV == choose {
		r.bits(1)
	}
}

// parseRemovalTimes reads buffer_removal_time of the operating points that have the OBU.
func (s *Sequence) parseRemovalTimes(r *bitReader, o OBU) {
	if s.removalBits == 0 || !r.flag() {
		return
	}
	for i := range s.points {
		id := s.pointIDs[i]
		if s.pointModel>>i&1 == 1 && (id == 0 || id>>o.TemporalID&1 == 1 && id>>(o.SpatialID+8)&1 == 1) {
			r.bits(s.removalBits)
		}
	}
}

// parseFrameSize reads frame_size (AV1 §5.9.5). Superresolution changes what is coded, not what is shown.
func (s *Sequence) parseFrameSize(r *bitReader, h *Header, override bool) {
	h.Width, h.Height = s.Width, s.Height
	if override {
		h.Width, h.Height = r.bits(s.widthBits)+1, r.bits(s.heightBits)+1
	}
}
