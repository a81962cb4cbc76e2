package av1

import (
	"errors"
	"fmt"
)

// MaxUnitFrames bounds the frames of a temporal unit: one shown frame for each of four spatial layers, and hidden ones.
const MaxUnitFrames = 16

// ErrNoSequence reports that frames come before any sequence header.
var ErrNoSequence = errors.New("no sequence header")

// Unit is what the headers of a temporal unit say (AV1 §7.5). The zero value has nothing in it.
type Unit struct {
	SequenceHeader []byte // payload of the newest one; shares the bytes that were parsed; nil: there is none

	obus   int  // but temporal delimiters
	begins bool // the first of them is a sequence header
	frames [MaxUnitFrames]Header
	count  int
	size   Size // the largest that a header has told
}

// Reset makes the unit an empty one.
func (u *Unit) Reset() { *u = Unit{} }

// Empty reports whether nothing but a temporal delimiter was added.
func (u *Unit) Empty() bool { return u.obus == 0 }

// Frames is how many frames the unit has, shown or not.
func (u *Unit) Frames() int { return u.count }

// Read adds all OBUs of data.
func (u *Unit) Read(data []byte, s *Sequence) error {
	for len(data) > 0 {
		o, n, err := ParseOBU(data)
		if err == nil {
			err = u.Add(o, s)
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// Add takes the next OBU. Frames are read by s, which is that of the newest sequence header, here or in a unit before; the zero
// value where none has come. The error wraps ErrNoSequence, ErrTruncated or ErrInvalid. It allocates nothing on success.
func (u *Unit) Add(o OBU, s *Sequence) (err error) {
	switch o.Type {
	case TemporalDelimiterType:
		return nil
	case SequenceHeaderType:
		u.begins = u.begins || u.obus == 0
		u.SequenceHeader = o.Payload
		*s, err = ParseSequence(o.Payload)
		u.size.extend(s.Width, s.Height)
	case FrameHeaderType, FrameType:
		err = u.addFrame(o, s)
	}
	u.obus++
	return err
}

func (u *Unit) addFrame(o OBU, s *Sequence) (err error) {
	switch {
	case s.Width == 0:
		return fmt.Errorf("read AV1 frame header: %w", ErrNoSequence)
	case u.count == MaxUnitFrames:
		return fmt.Errorf("read AV1 temporal unit: more than %d frames: %w", MaxUnitFrames, ErrInvalid)
	}
	h, err := s.ParseHeader(o)
	u.frames[u.count] = h
	u.size.extend(s.Width, s.Height)
	u.size.extend(h.Told.Width, h.Told.Height)
	u.count++
	return err
}

// Largest is what a decoder may make room for: no frame of the unit, of whatever layer, is wider or higher, if references are not.
func (u *Unit) Largest() Size { return u.size }

// Key reports whether decoding can begin with the unit: a sequence header and a key frame that is shown.
func (u *Unit) Key() bool { return u.count > 0 && u.begins && u.frames[0].Key() }

// Size is that of a key frame in pixels. Of spatial layers the highest is shown, which has it not in its header.
func (u *Unit) Size(s *Sequence) (width, height uint32) {
	if u.count > 1 {
		return s.Width, s.Height
	}
	return u.frames[0].Width, u.frames[0].Height
}

// Shows reports whether the unit has a frame that is shown.
func (u *Unit) Shows() bool { return u.shown() >= 0 }

// ShowsKey reports whether what is seen of the unit is a key frame: of spatial layers the highest is seen, which needs the lowest.
func (u *Unit) ShowsKey() bool {
	shown := u.shown()
	return shown >= 0 && u.frames[shown].Key()
}

// shown is the frame of the unit that is seen; -1: none. Of those that are shown it is the last: the others are lower spatial layers
// (AV1 §7.18.1).
func (u *Unit) shown() int {
	last := -1
	for i := range u.frames[:u.count] {
		if u.frames[i].Show {
			last = i
		}
	}
	return last
}

// FollowUnit takes the next temporal unit that the decoder gets, and the sequence header that it was read by.
func (s *References) FollowUnit(sequence *Sequence, u *Unit) {
	last := max(u.shown(), 0)
	for i, h := range u.frames[:u.count] {
		h.Show = h.Show && i == last
		s.Follow(sequence, h)
	}
}
