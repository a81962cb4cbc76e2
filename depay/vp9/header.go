package vp9

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

const (
	frameMarker = 2
	syncCode    = 0x498342
	colorRGB    = 7
	slots       = 8
	allSlots    = 0xff
)

// Size is the size of a picture in pixels.
type Size struct{ Width, Height uint32 }

// Header is what the uncompressed header says up to the size of the frame (VP9 §6.2). Of a frame that shows an existing one
// only Profile, ShowExisting, Existing and Show are set.
type Header struct {
	Profile        uint8 // 0 to 3
	ShowExisting   bool  // nothing is coded: the picture in slot Existing is shown
	Existing       uint8
	Key            bool
	IntraOnly      bool // needs no other picture and is no key frame
	Show           bool // false for a frame that is decoded only to be referenced
	ErrorResilient bool // needs no probabilities, vectors or segments of earlier frames
	Refresh        uint8
	References     [maxReferences]uint8 // slots that an inter frame may predict from

	// Size is that of the frame; zero in an inter frame that takes it from a reference, which is then References[SizeFrom].
	Size     Size
	SizeFrom int8 // -1: Size is set

	flags int // bit position of show_frame
}

// Intra reports whether the frame needs no other one.
func (h Header) Intra() bool { return h.Key || h.IntraOnly }

// ParseHeader reads the header of a whole frame, not of a superframe. The error wraps ErrTruncated when the frame is shorter
// than that, and ErrInvalid when no decoder would take it. It allocates nothing on success.
func ParseHeader(frame []byte) (Header, error) {
	r := bitfield.NewReader(frame)
	return parseHeader(&r)
}

var errHeader = fmt.Errorf("read VP9 header: %w", ErrTruncated)

func parseHeader(r *bitfield.Reader) (Header, error) {
	h := Header{SizeFrom: -1}
	marker := r.Bits(2)
	h.Profile = uint8(r.Bits(1) | r.Bits(1)<<1)
	reserved := h.Profile == 3 && r.Flag()
	if h.ShowExisting = r.Flag(); h.ShowExisting {
		h.Show, h.Existing = true, uint8(r.Bits(3))
	} else {
		h.Key, h.flags = !r.Flag(), r.At()
		h.Show, h.ErrorResilient = r.Flag(), r.Flag()
	}
	var err error
	switch {
	case r.Short():
		err = errHeader
	case marker != frameMarker || reserved:
		err = fmt.Errorf("read VP9 header: no frame marker: %w", ErrInvalid)
	case h.Key:
		err = h.parseKey(r)
	case !h.ShowExisting:
		err = h.parseInter(r)
	}
	if err != nil {
		return Header{}, err
	}
	return h, nil
}

func (h *Header) parseKey(r *bitfield.Reader) error {
	h.Refresh = allSlots
	if err := parseSync(r); err != nil {
		return err
	}
	if err := h.parseColor(r); err != nil {
		return err
	}
	return h.parseSize(r)
}

func (h *Header) parseInter(r *bitfield.Reader) error {
	h.IntraOnly = !h.Show && r.Flag()
	if !h.ErrorResilient {
		r.Bits(2) // reset_frame_context
	}
	if !h.IntraOnly {
		h.Refresh = uint8(r.Bits(slots))
		return h.parseReferences(r)
	}
	if err := parseSync(r); err != nil {
		return err
	}
	if h.Profile > 0 {
		if err := h.parseColor(r); err != nil {
			return err
		}
	}
	h.Refresh = uint8(r.Bits(slots))
	return h.parseSize(r)
}

func parseSync(r *bitfield.Reader) error {
	switch code := r.Bits(24); {
	case r.Short():
		return errHeader
	case code != syncCode:
		return fmt.Errorf("read VP9 header: sync code %#x: %w", code, ErrInvalid)
	}
	return nil
}

// parseColor reads color_config (VP9 §6.2.2).
func (h *Header) parseColor(r *bitfield.Reader) error {
	if h.Profile >= 2 {
		r.Bits(1) // ten_or_twelve_bit
	}
	subsampled := h.Profile == 1 || h.Profile == 3
	rgb := r.Bits(3) == colorRGB
	switch {
	case rgb && !subsampled:
		return fmt.Errorf("read VP9 header: RGB in profile %d: %w", h.Profile, ErrInvalid)
	case rgb:
		r.Bits(1) // reserved_zero
	case subsampled:
		r.Bits(4) // color_range, subsampling_x, subsampling_y, reserved_zero
	default:
		r.Bits(1) // color_range
	}
	return nil
}

// parseSize reads frame_size and render_size (VP9 §6.2.3, §6.2.4).
func (h *Header) parseSize(r *bitfield.Reader) error {
	h.Size = Size{r.Bits(16) + 1, r.Bits(16) + 1}
	return parseRenderSize(r)
}

func parseRenderSize(r *bitfield.Reader) error {
	r.SkipIf(32)
	if r.Short() {
		return errHeader
	}
	return nil
}

// parseReferences reads the references of an inter frame and where its size comes from (VP9 §6.2, §6.2.5).
func (h *Header) parseReferences(r *bitfield.Reader) error {
	for i := range h.References {
		h.References[i] = uint8(r.Bits(3))
		r.Bits(1) // sign_bias
	}
	for i := range h.References {
		if r.Flag() {
			h.SizeFrom = int8(i)
			return parseRenderSize(r)
		}
	}
	return h.parseSize(r)
}
