package depay

import (
	"bytes"
	"time"

	"github.com/sluice-live/sluice/depay/vp8"
)

// vp8Assembler makes pictures of VP8 (RFC 7741 §4).
type vp8Assembler struct {
	partialFrame
	begun  vp8.Descriptor // of the open picture's first packet
	before vp8.Descriptor // of the newest picture seen; PictureIDBits 0: none

	shown   vp8.RepeatOptions // of the picture passed on last
	frame   []byte            // a repeat frame for repeats
	repeats vp8.RepeatOptions
}

func (a *vp8Assembler) push(p packet) {
	a.miss(p)
	var desc vp8.Descriptor
	n, err := desc.Unmarshal(p.payload)
	switch {
	case n == len(p.payload): // padding, or a descriptor without media: harmless wherever it stands
		a.stats.Padding++
		return
	case err != nil:
		a.malformed()
		return
	}
	a.place(desc, p)
	a.append(p.payload[n:]...)
	if p.marker && a.mark(p) {
		a.finish()
	}
}

func (a *vp8Assembler) settle(deadline time.Duration) {
	if a.overdue(deadline) {
		a.finish()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *vp8Assembler) place(desc vp8.Descriptor, p packet) {
	begins := desc.Start && desc.PartitionID == 0
	other := begins || p.timestamp != a.timestamp || a.otherPicture(desc)
	if opens, _ := a.enter(other); opens { // what is torn does not begin a picture, and is spoiled for that
		if a.open {
			a.finish() // its marker was lost, or never set: whole if nothing is missing up to here
		}
		a.countMissing(desc)
		a.beginPicture(p)
		a.begun = desc
		if !begins {
			a.spoil(DropIncomplete)
		}
	}
	a.lost, a.lossy = 0, false
}

func (a *vp8Assembler) otherPicture(desc vp8.Descriptor) bool {
	return desc.PictureID != a.begun.PictureID && desc.PictureID >= 0 && a.begun.PictureID >= 0
}

// countMissing accounts for pictures of which nothing came, between the newest and the one that desc begins.
func (a *vp8Assembler) countMissing(desc vp8.Descriptor) {
	if a.lossy {
		step := a.pictureStep(desc)
		if step > 1 {
			a.stats.drop(DropMissing, uint64(min(step-1, a.lost)))
		}
		a.waiting = a.waiting || step != 1
	}
	a.before = desc
}

// pictureStep returns by how much PictureID has grown since the newest picture, 0 when that is not known.
func (a *vp8Assembler) pictureStep(desc vp8.Descriptor) int {
	if desc.PictureIDBits == 0 || desc.PictureIDBits != a.before.PictureIDBits {
		return 0
	}
	return int((desc.PictureID - a.before.PictureID) & (1<<desc.PictureIDBits - 1))
}

// finish closes the open picture. Nothing decodes from one with N set (RFC 7741 §4.2).
func (a *vp8Assembler) finish() {
	h := a.judge()
	if !a.close(picture{key: h.Key, width: h.Width, height: h.Height}, !a.begun.NonReference) {
		return
	}
	if h.Key {
		a.shown.Width, a.shown.Height = h.Width, h.Height
	}
	a.shown.Segmentation = h.Segmentation
}

func (a *vp8Assembler) judge() vp8.Header {
	if a.bad {
		return vp8.Header{}
	}
	h, err := vp8.ParseHeader(a.buf)
	if err != nil {
		a.spoil(DropMalformed)
		return h
	}
	a.measure(h.Key, int(h.Width), int(h.Height))
	return h
}

func (a *vp8Assembler) restart() {
	if a.open {
		a.spoil(DropIncomplete)
		a.finish()
	}
	a.forget()
	a.before = vp8.Descriptor{}
}

func (a *vp8Assembler) black() (data []byte, width, height uint16) {
	a.shown = vp8.RepeatOptions{Width: blackWidth, Height: blackHeight}
	return vp8.AppendBlack(nil, blackWidth, blackHeight), blackWidth, blackHeight
}

func (a *vp8Assembler) adoptKeyFrame(key []byte) (width, height uint16, err error) {
	h, err := vp8.ParseHeader(key)
	if err == nil {
		err = mayAdopt(h.Key, len(key), int(h.Width), int(h.Height))
	}
	if err != nil {
		return 0, 0, err
	}
	a.shown = vp8.RepeatOptions{Width: h.Width, Height: h.Height, Segmentation: h.Segmentation}
	return h.Width, h.Height, nil
}

func (a *vp8Assembler) repeat() []byte {
	if a.repeats != a.shown {
		a.frame, a.repeats = vp8.AppendRepeat(a.frame[:0], a.shown), a.shown
	}
	return bytes.Clone(a.frame)
}
