package av1

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

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
	slots      = 8
	references = 7 // of an inter frame
	allSlots   = 0xff
	noFrame    = 7 // primary_ref_frame: none
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
	Told           Size   // what the header itself tells, of any frame; zero: as in the sequence header, or as a reference
}

// Size is that of a picture in pixels.
type Size struct{ Width, Height uint32 }

// extend makes the size large enough for another one.
func (s *Size) extend(width, height uint32) {
	s.Width, s.Height = max(s.Width, width), max(s.Height, height)
}

// Key reports whether the frame begins a coded video sequence: a shown key frame (AV1 §7.20: all slots are refreshed).
func (h Header) Key() bool { return h.Kind == KeyFrame && h.Show && !h.ShowExisting }

var errFrame = fmt.Errorf("read AV1 frame header: %w", ErrTruncated)

// ParseHeader reads the header at the start of a frame header or frame OBU. The error wraps ErrTruncated when the OBU is
// shorter than that. It allocates nothing on success.
func (s *Sequence) ParseHeader(o OBU) (Header, error) {
	r := bitfield.NewReader(o.Payload)
	h := s.parseHeader(&r, o)
	if r.Short() {
		return Header{}, errFrame
	}
	return h, nil
}

func (s *Sequence) parseHeader(r *bitfield.Reader, o OBU) Header {
	h := Header{Show: true}
	if !s.reducedStill {
		if r.Flag() {
			h.ShowExisting, h.Existing = true, uint8(r.Bits(3))
			r.Bits(s.temporalPoint)
			r.Bits(s.idBits)
			return h
		}
		s.parseKind(r, &h)
	}
	r.Bits(1) // disable_cdf_update
	s.parseTools(r)
	h.ID = r.Bits(s.idBits)
	override := h.Kind == SwitchFrame || !s.reducedStill && r.Flag()
	h.OrderHint = r.Bits(s.orderBits)
	intra := h.Kind == KeyFrame || h.Kind == IntraOnlyFrame
	if !intra && !h.ErrorResilient {
		r.Bits(3) // primary_ref_frame
	}
	s.parseRemovalTimes(r, o)
	h.Refresh = allSlots
	if h.Kind != SwitchFrame && !h.Key() {
		h.Refresh = uint8(r.Bits(8))
	}
	if h.ErrorResilient && (!intra || h.Refresh != allSlots) {
		r.Skip(slots * int(s.orderBits)) // ref_order_hint
	}
	switch {
	case intra:
		s.parseFrameSize(r, &h, override)
	case override:
		s.parseInterSize(r, &h)
	}
	return h
}

func (s *Sequence) parseKind(r *bitfield.Reader, h *Header) {
	h.Kind, h.Show = FrameKind(r.Bits(2)), r.Flag()
	if h.Show {
		r.Bits(s.temporalPoint)
		h.Showable = h.Kind != KeyFrame
	} else {
		h.Showable = r.Flag()
	}
	h.ErrorResilient = h.Kind == SwitchFrame || h.Kind == KeyFrame && h.Show || r.Flag()
}

// parseTools reads allow_screen_content_tools and force_integer_mv.
func (s *Sequence) parseTools(r *bitfield.Reader) {
	screen := s.forceScreenContent == 1 || s.forceScreenContent == choose && r.Flag()
	if screen && s.forceIntegerMV == choose {
		r.Bits(1)
	}
}

// parseRemovalTimes reads buffer_removal_time of the operating points that have the OBU.
func (s *Sequence) parseRemovalTimes(r *bitfield.Reader, o OBU) {
	if s.removalBits == 0 || !r.Flag() {
		return
	}
	for i := range s.points {
		id := s.pointIDs[i]
		if s.pointModel>>i&1 == 1 && (id == 0 || id>>o.TemporalID&1 == 1 && id>>(o.SpatialID+8)&1 == 1) {
			r.Bits(s.removalBits)
		}
	}
}

// parseFrameSize reads frame_size (AV1 §5.9.5). Superresolution changes what is coded, not what is shown.
func (s *Sequence) parseFrameSize(r *bitfield.Reader, h *Header, override bool) {
	h.Width, h.Height = s.Width, s.Height
	if override {
		h.Told = s.parseSizeOf(r)
		h.Width, h.Height = h.Told.Width, h.Told.Height
	}
}

func (s *Sequence) parseSizeOf(r *bitfield.Reader) Size {
	return Size{r.Bits(s.widthBits) + 1, r.Bits(s.heightBits) + 1}
}

// parseInterSize reads the size of an inter frame that is not that of the sequence header (AV1 §5.9.2, §5.9.7), behind its references.
func (s *Sequence) parseInterSize(r *bitfield.Reader, h *Header) {
	short := s.orderBits > 0 && r.Flag() // frame_refs_short_signaling
	if short {
		r.Bits(6) // last_frame_idx, gold_frame_idx
	}
	for range references {
		if !short {
			r.Bits(3) // ref_frame_idx
		}
		r.Bits(s.deltaBits) // delta_frame_id_minus_1
	}
	for range references {
		if !h.ErrorResilient && r.Flag() { // found_ref
			return
		}
	}
	h.Told = s.parseSizeOf(r)
}
