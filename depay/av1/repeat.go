package av1

import (
	"math/bits"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// Largest picture that is one tile, in pixels (AV1 §5.9.15). Its area counts in whole superblocks.
const (
	maxTileWidth = 4096
	maxTileArea  = 4096 * 2304
)

// slot is what is known of a picture in one of the decoder's reference slots.
type slot struct {
	showable      bool   // by show_existing_frame
	key           bool   // a key frame
	width, height uint32 // pixels; 0: not known
	order         uint32 // order hint
	id            uint32 // frame identifier
}

// References is what is known of a decoder's eight reference slots from the frames that it was given. The zero value is a
// decoder that has had no frame.
type References struct {
	sequence Sequence
	kept     [slots]slot
	shown    uint8 // slots that hold the newest shown picture that any slot holds
}

// Follow takes the header of the next frame that the decoder gets, and the sequence header that it was read by.
func (s *References) Follow(sequence *Sequence, h Header) {
	s.sequence = *sequence
	if h.ShowExisting {
		s.followExisting(h.Existing)
		return
	}
	kept := slot{showable: h.Showable, key: h.Kind == KeyFrame, width: h.Width, height: h.Height, order: h.OrderHint, id: h.ID}
	for i := range s.kept {
		if h.Refresh>>i&1 == 1 {
			s.kept[i] = kept
		}
	}
	if h.Show && h.Refresh != 0 {
		s.shown = h.Refresh
	} else {
		s.shown &^= h.Refresh
	}
}

// followExisting takes the showing of a slot. A key frame fills all slots then and cannot be shown again (AV1 §7.21).
func (s *References) followExisting(existing uint8) {
	switch {
	case s.kept[existing].key:
		s.kept[existing].showable = false
		for i := range s.kept {
			s.kept[i] = s.kept[existing]
		}
		s.shown = allSlots
	case s.shown>>existing&1 == 0:
		s.shown = 1 << existing
	}
}

// AppendRepeat appends to dst a temporal unit that shows the last picture again, and returns it; decoding goes on after it as
// if it had not been there. False: there is no such unit.
//
// It is show_existing_frame of a slot that holds the picture. That is forbidden for a key frame (AV1 §6.8.2: showable_frame
// is 0 in a key frame that is shown), which is repeated by an inter frame that copies it and is kept in no slot. A picture that
// was kept in no slot, as the highest of several temporal layers is, cannot be shown again; the newest one that was kept takes
// its place.
func (s *References) AppendRepeat(dst []byte) ([]byte, bool) {
	if s.shown == 0 {
		return dst, false
	}
	i := bits.TrailingZeros8(s.shown)
	switch {
	case s.kept[i].showable:
		return s.appendExisting(AppendTemporalDelimiter(dst), uint32(i)), true
	case s.sequence.copies(s.kept[i]):
		return s.sequence.appendCopy(AppendTemporalDelimiter(dst), uint32(i), s.kept[i]), true
	}
	return dst, false
}

// appendExisting appends a frame header OBU that shows the slot.
func (s *References) appendExisting(dst []byte, i uint32) []byte {
	w := bitfield.Writer{Out: append(dst, byte(FrameHeaderType)<<3|bitHasSize, 0)}
	start := len(w.Out)
	w.Flag(true) // show_existing_frame
	w.Bits(i, 3)
	w.Bits(0, s.sequence.temporalPoint)
	w.Bits(s.kept[i].id, s.sequence.idBits) // display_frame_id
	w.Flag(true)                            // trailing_bits
	w.Out[start-1] = byte(len(w.Out) - start)
	return w.Out
}

// copies reports whether appendCopy can copy the picture. Of frame identifiers none is free between a frame and the next, more
// than one tile would have to be laid out, and grain is not the same in a copy.
func (s *Sequence) copies(p slot) bool {
	size := s.superblockLog2() + 2
	mask := uint32(1)<<size - 1
	area := uint64((p.width+mask)&^mask) * uint64((p.height+mask)&^mask)
	return p.width > 0 && p.width <= maxTileWidth && area <= maxTileArea && s.idBits == 0 && !s.reducedStill && !s.filmGrain
}
