package vp9

import (
	"math/bits"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// References is what is known of a decoder's eight reference slots from the frames that it was given: the sizes of the
// pictures in them, and which of them hold the picture that was shown last. The zero value is a decoder that has had no frame.
type References struct {
	sizes   [slots]Size
	profile uint8
	shown   uint8 // slots that hold the newest shown picture that any slot holds
	keys    uint8 // slots that hold a key frame
}

// Size returns the size of the frame, which may be taken from a reference; false when the slot is empty.
func (s *References) Size(h Header) (Size, bool) {
	size := h.Size
	switch {
	case h.ShowExisting:
		size = s.sizes[h.Existing]
	case h.SizeFrom >= 0:
		size = s.sizes[h.References[h.SizeFrom]]
	}
	return size, size != Size{}
}

// Follow takes the header of the next frame that the decoder gets.
func (s *References) Follow(h Header) {
	size, _ := s.Size(h)
	s.profile = h.Profile
	if h.ShowExisting {
		if s.shown>>h.Existing&1 == 0 {
			s.shown = 1 << h.Existing
		}
		return
	}
	for i := range s.sizes {
		if h.Refresh>>i&1 == 1 {
			s.sizes[i] = size
		}
	}
	if s.keys &^= h.Refresh; h.Key {
		s.keys = h.Refresh
	}
	switch {
	case h.Show && h.Refresh != 0:
		s.shown = h.Refresh
	default:
		s.shown &^= h.Refresh
	}
}

// ShowsKey reports whether what AppendRepeat shows is a key frame, for which decoders may take the repeat too.
func (s *References) ShowsKey() bool { return s.shown&s.keys != 0 }

// FollowBlack takes the frame that AppendBlack makes.
func (s *References) FollowBlack() {
	s.Follow(Header{Key: true, Show: true, Refresh: allSlots, Size: Size{BlackWidth, BlackHeight}, SizeFrom: -1})
}

// AppendRepeat appends to dst a frame that shows the last picture again, and returns it: show_existing_frame of a slot that
// holds it, which changes nothing in the decoder (VP9 §6.2, §7.2). A picture that was kept in no slot, as the highest of
// several temporal layers is, cannot be shown again; the newest one that was kept takes its place. False: there is none.
func (s *References) AppendRepeat(dst []byte) ([]byte, bool) {
	if s.shown == 0 {
		return dst, false
	}
	w := bitfield.Writer{Out: dst}
	for _, b := range [2]bool{true, false} { // frame_marker
		w.Flag(b)
	}
	w.Flag(s.profile&1 == 1)
	w.Flag(s.profile&2 == 2)
	if s.profile == 3 {
		w.Flag(false) // reserved_zero
	}
	w.Flag(true) // show_existing_frame
	slot := bits.TrailingZeros8(s.shown)
	for i := 2; i >= 0; i-- {
		w.Flag(slot>>i&1 == 1)
	}
	return w.Out, true
}
