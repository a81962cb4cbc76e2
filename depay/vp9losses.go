package depay

import "github.com/sluice-live/sluice/depay/vp9"

// allLayers is more than any temporal layer: none is harmed.
const allLayers = 8

// vp9Losses tells which pictures can be decoded although others were dropped since the last key frame.
//
// In flexible mode every frame names the pictures that it needs (P_DIFF). Otherwise a picture needs none of a higher temporal
// layer, TL0PICIDX counts those of the lowest one, and U tells where the higher ones begin anew (RFC 9628 §4.2). In both modes
// the frame header must tell that it needs no probabilities and vectors of the picture before, whichever that is.
type vp9Losses struct {
	gap    bool   // dropped since: the newest picture may be needed for its probabilities
	harmed uint8  // lowest temporal layer that may need a dropped picture
	holes  bool   // in flexible mode: there is a dropped picture since the last key frame
	came   uint64 // bit i: the picture with PictureID i below that of the newest was passed on
	lacks  bool   // a frame of the open picture needs one that was not, or does not tell
}

// missed notes that step-1 pictures are missing between two; false if the next one may need them and nothing can tell.
func (l *vp9Losses) missed(step int, before, next vp9.Descriptor) bool {
	switch {
	case step == 0 || step >= 64:
		return false
	case next.Flexible:
		l.holes, l.gap = true, true
		return true
	case sameBase(before, next):
		l.harmed, l.gap = min(l.harmed, 1), true
		return true
	}
	return false
}

// sameBase reports whether no picture of the lowest temporal layer is missing between two.
func sameBase(before, next vp9.Descriptor) bool {
	if next.TL0PicIdx < 0 || before.TL0PicIdx < 0 {
		return false
	}
	want := uint8(before.TL0PicIdx)
	if next.TID == 0 {
		want++
	}
	return uint8(next.TL0PicIdx) == want
}

// advance goes on to the next picture, by its PictureID; 0: it is not known.
func (l *vp9Losses) advance(step int) {
	if step == 0 {
		l.came = 0
	}
	l.came <<= step
}

// has reports whether all that the frame needs was passed on, as it says itself.
func (l *vp9Losses) has(desc vp9.Descriptor) bool {
	if !desc.Predicted {
		return desc.InterLayer && desc.SID > 0
	}
	for _, diff := range desc.PDiff[:desc.References] {
		if l.came>>diff&1 == 0 {
			return false
		}
	}
	return desc.References > 0
}

// breaks tells of an inter picture whether it may need what was dropped.
func (l *vp9Losses) breaks(desc vp9.Descriptor, independent bool) bool {
	return l.gap && !independent || l.holes && l.lacks || desc.TID >= l.harmed
}

// dropped notes what became of the newest picture. After one of the lowest layer all wait for a key frame anyway.
func (l *vp9Losses) dropped(desc vp9.Descriptor) {
	l.gap = true
	if desc.Flexible {
		l.holes = true
	} else {
		l.harmed = min(l.harmed, desc.TID)
	}
}

// passed notes what became of the newest picture.
func (l *vp9Losses) passed(key, independent bool, desc vp9.Descriptor) {
	l.came |= 1
	l.gap = l.gap && !independent && !key
	if key || desc.SwitchingUp && desc.TID < l.harmed {
		l.harmed = allLayers
	}
	l.holes = l.holes && !key
}
