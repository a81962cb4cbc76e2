package depay

import (
	"time"

	"github.com/sluice-live/sluice/depay/vp9"
)

// vp9Assembler makes pictures of VP9 (RFC 9628 §4). A picture that comes in several spatial layers is passed on as one
// superframe that shows the highest of them, and all temporal layers are passed on.
type vp9Assembler struct {
	partialFrame
	begun  vp9.Descriptor // of the open picture's newest packet that begins a frame
	before vp9.Descriptor // of the newest picture seen; PictureIDBits 0: none
	layers vp9Layers

	refs vp9.References // after the picture passed on last

	vp9Losses
}

// vp9Layers are the frames of the open picture, one for each spatial layer.
type vp9Layers struct {
	ends  [vp9.MaxFrames]int // in the partial frame
	count int
	out   []byte // reused
}

func (a *vp9Assembler) push(p packet) {
	a.miss(p)
	var desc vp9.Descriptor
	n, err := desc.Unmarshal(p.payload)
	switch {
	case len(p.payload) == 0 || err == nil && n == len(p.payload): // padding, or a descriptor without media
		a.stats.Padding++
		return
	case err != nil:
		a.malformed()
		return
	}
	a.place(desc, p)
	a.append(p.payload[n:]...)
	if desc.End {
		a.endLayer()
	}
	if p.marker && a.mark(p) {
		a.finish()
	}
}

func (a *vp9Assembler) settle(deadline time.Duration) {
	if a.overdue(deadline) {
		a.finish()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *vp9Assembler) place(desc vp9.Descriptor, p packet) {
	other := p.timestamp != a.timestamp || a.otherPicture(desc)
	opens, torn := a.enter(other)
	if opens {
		if a.open {
			a.finish() // its marker was lost, or never set: whole if nothing is missing up to here
		}
		lossy := a.lossy
		a.countMissing(desc)
		a.beginPicture(p)
		a.layers.count, a.lacks = 0, false
		if !desc.Begin || torn || lossy && desc.SID > 0 {
			a.spoil(DropIncomplete)
		}
		a.begun = desc
	}
	if desc.Begin {
		a.endLayer()
		a.begun = desc
		a.lacks = a.lacks || !a.has(desc)
	}
	a.lost, a.lossy = 0, false
}

// otherPicture tells of a packet with the time stamp of the open picture whether it is of another one.
func (a *vp9Assembler) otherPicture(desc vp9.Descriptor) bool {
	if desc.PictureID >= 0 && a.begun.PictureID >= 0 {
		return desc.PictureID != a.begun.PictureID
	}
	return desc.Begin && desc.SID <= a.begun.SID
}

// endLayer ends the frame at the end of the partial frame, if one has begun there.
func (a *vp9Assembler) endLayer() {
	l := &a.layers
	switch {
	case a.bad || len(a.buf) == l.start():
	case l.count == len(l.ends):
		a.spoil(DropMalformed)
	default:
		l.ends[l.count] = len(a.buf)
		l.count++
	}
}

// start is where the next layer begins.
func (l *vp9Layers) start() int {
	if l.count == 0 {
		return 0
	}
	return l.ends[l.count-1]
}

// countMissing accounts for pictures of which nothing came, between the newest and the one that desc begins.
func (a *vp9Assembler) countMissing(desc vp9.Descriptor) {
	step := a.pictureStep(desc)
	if a.lossy {
		if step > 1 {
			a.stats.drop(DropMissing, uint64(min(step-1, a.lost)))
		}
		a.waiting = a.waiting || step != 1 && !a.missed(step, a.before, desc)
	}
	a.advance(step)
	a.before = desc
}

// pictureStep returns by how much PictureID has grown since the newest picture, 0 when that is not known.
func (a *vp9Assembler) pictureStep(desc vp9.Descriptor) int {
	if desc.PictureIDBits == 0 || desc.PictureIDBits != a.before.PictureIDBits {
		return 0
	}
	return int((desc.PictureID - a.before.PictureID) & (1<<desc.PictureIDBits - 1))
}

// finish closes the open picture.
func (a *vp9Assembler) finish() {
	a.endLayer()
	refs := a.refs
	p, independent := a.judge(&refs)
	if a.close(p, a.begun.TID == 0) {
		a.refs = refs
		a.passed(p.key, independent, a.begun)
	} else {
		a.dropped(a.begun)
	}
}

// judge reads the headers of the open picture's frames and makes one superframe of them. It reports whether all of them are
// independent of the probabilities and vectors of the pictures before.
func (a *vp9Assembler) judge(refs *vp9.References) (p picture, independent bool) {
	var u vp9Unit
	if a.bad {
		return p, false
	}
	if !u.read(a.buf, &a.layers) {
		a.spoil(DropMalformed)
		return p, false
	}
	first := u.headers[0]
	a.measure(first.Key, 0, 0)
	if !first.Key && a.breaks(a.begun, u.independent()) {
		a.spoil(DropAwaitingKey)
		a.waiting = a.waiting || a.begun.TID == 0
	}
	if a.bad {
		return p, false
	}
	var ok bool
	if a.layers.out, ok = u.join(a.layers.out[:0], a.layers.count > 1, refs); !ok {
		a.spoil(DropMalformed)
		return p, false
	}
	if a.layers.count > 1 {
		a.buf, a.layers.out = a.layers.out, a.buf
	}
	a.measure(first.Key, int(u.largest.Width), int(u.largest.Height))
	if first.Key && !a.bad {
		size := u.shown
		if u.last < 0 { // nothing is: later pictures are predicted from it
			size = u.largest
		}
		p = picture{key: true, width: uint16(size.Width), height: uint16(size.Height)}
	}
	return p, u.independent()
}

func (a *vp9Assembler) restart() {
	if a.open {
		a.spoil(DropIncomplete)
		a.finish()
	}
	a.forget()
	a.before, a.vp9Losses = vp9.Descriptor{}, vp9Losses{harmed: allLayers}
}

func (a *vp9Assembler) black() (data []byte, width, height uint16) {
	a.refs.FollowBlack()
	return vp9.AppendBlack(nil), vp9.BlackWidth, vp9.BlackHeight
}

func (a *vp9Assembler) adoptKeyFrame(key []byte) (width, height uint16, err error) {
	h, err := vp9.ParseHeader(key)
	if err != nil {
		return 0, 0, err
	}
	size, _ := a.refs.Size(h)
	if err := mayAdopt(h.Key && h.Show, len(key), int(size.Width), int(size.Height)); err != nil {
		return 0, 0, err
	}
	a.refs.Follow(h)
	return uint16(size.Width), uint16(size.Height), nil
}

func (a *vp9Assembler) repeat() []byte {
	data, _ := a.refs.AppendRepeat(nil)
	return data
}
