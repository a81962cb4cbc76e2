package depay

import (
	"errors"
	"time"

	"github.com/sluice-live/sluice/depay/av1"
)

// av1Assembler makes pictures of AV1 (RTP Payload Format For AV1, version 1.0.0). A picture is passed on as a temporal unit in
// the low-overhead bitstream format: a temporal delimiter first and a size in every OBU (AV1 §5.2, §7.5), without what
// operating point 0 has not.
//
// Nothing in a packet tells how many pictures were lost or what decodes from them: after a loss a key frame is waited for.
type av1Assembler struct {
	partialFrame
	part    []byte // of an OBU that goes on in the next packet; reused
	partial bool   // there is one
	unit    av1.Unit

	sequence av1.Sequence   // the newest that has come
	refs     av1.References // after the picture passed on last
}

func (a *av1Assembler) push(p packet) {
	a.miss(p)
	if len(p.payload) <= 1 { // padding, or an aggregation header without media
		a.stats.Padding++
		return
	}
	var g av1.Aggregation
	if err := g.Unmarshal(p.payload); err != nil {
		a.malformed()
		return
	}
	a.place(p)
	a.addElements(&g)
	if p.marker && a.mark(p) && (!a.partial || a.bad) {
		a.finish()
	}
}

func (a *av1Assembler) settle(deadline time.Duration) {
	if a.overdue(deadline) {
		a.finish()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *av1Assembler) place(p packet) {
	opens, torn := a.enter(p.timestamp != a.timestamp)
	if opens {
		if a.open {
			a.finish() // its marker was lost, or never set: whole if nothing is missing up to here
		}
		a.waiting = a.waiting || a.lossy
		a.beginPicture(p)
		if torn {
			a.spoil(DropIncomplete)
		}
		a.partial = false
		a.unit.Reset()
	}
	a.lost, a.lossy = 0, false
}

// addElements adds the OBU elements of a packet to the open picture.
func (a *av1Assembler) addElements(g *av1.Aggregation) {
	for first := true; g.More() && !a.bad; first = false {
		element, err := g.Next()
		switch {
		case err != nil:
			a.spoil(DropMalformed)
			return
		case a.partial != (first && g.Continues): // the beginning or the end of an OBU is not there
			a.spoil(DropIncomplete)
			return
		}
		a.element(element, !g.More() && g.Continued)
	}
	if !g.Whole() {
		a.spoil(DropMalformed)
	}
}

// element takes an OBU, or a part of one.
func (a *av1Assembler) element(data []byte, continued bool) {
	if a.partial || continued {
		if !a.partial {
			a.part = a.part[:0]
		}
		if len(a.part)+len(data) > maxFrameSize {
			a.spoil(DropTooLarge)
			return
		}
		a.part = append(a.part, data...)
		data = a.part
	}
	if a.partial = continued; !continued {
		a.whole(data)
	}
}

// whole adds a whole OBU to the open picture.
func (a *av1Assembler) whole(data []byte) {
	if len(data) == 0 {
		return
	}
	o, _, err := av1.ParseOBU(data)
	if err != nil {
		a.spoil(DropMalformed)
		return
	}
	if !a.wants(o) {
		return
	}
	if len(a.buf)+len(o.Payload) > maxFrameSize {
		a.spoil(DropTooLarge)
		return
	}
	if a.unit.Empty() {
		a.buf = av1.AppendTemporalDelimiter(a.buf)
	}
	a.read(o)
	a.buf = av1.AppendOBU(a.buf, o)
}

// wants reports whether the OBU is passed on (RTP Payload Format For AV1 §5, AV1 §5.3.1).
func (a *av1Assembler) wants(o av1.OBU) bool {
	switch o.Type {
	case av1.SequenceHeaderType:
		return true
	case av1.FrameHeaderType, av1.FrameType, av1.RedundantFrameHeaderType, av1.TileGroupType, av1.MetadataType:
		return a.sequence.Decodes(o)
	}
	return false
}

// read takes what the sequence and frame headers of the open picture say.
func (a *av1Assembler) read(o av1.OBU) {
	switch err := a.unit.Add(o, &a.sequence); {
	case errors.Is(err, av1.ErrNoSequence):
		a.spoil(DropAwaitingKey)
	case err != nil:
		a.spoil(DropMalformed)
	}
}

// finish closes the open picture.
func (a *av1Assembler) finish() {
	switch {
	case a.partial:
		a.spoil(DropIncomplete)
	case a.unit.Frames() == 0:
		a.spoil(DropMalformed)
	}
	a.partial = false
	p := a.picture()
	size := a.unit.Largest()
	a.measure(p.key, int(size.Width), int(size.Height))
	if a.close(p, true) {
		a.refs.FollowUnit(&a.sequence, &a.unit)
	}
}

// picture reports whether the open picture is a key frame, and its size.
func (a *av1Assembler) picture() picture {
	if !a.unit.Key() {
		return picture{}
	}
	width, height := a.unit.Size(&a.sequence)
	return picture{key: true, width: uint16(width), height: uint16(height)}
}

func (a *av1Assembler) restart() {
	if a.open {
		a.spoil(DropIncomplete)
		a.finish()
	}
	a.forget()
}

func (a *av1Assembler) black() (data []byte, width, height uint16) {
	a.refs.FollowBlack()
	return av1.AppendBlack(nil), av1.BlackWidth, av1.BlackHeight
}

func (a *av1Assembler) adoptKeyFrame(key []byte) (width, height uint16, err error) {
	var sequence av1.Sequence
	var unit av1.Unit
	if err := unit.Read(key, &sequence); err != nil {
		return 0, 0, err
	}
	w, h := unit.Size(&sequence)
	size := unit.Largest()
	if err := mayAdopt(unit.Key(), len(key), int(size.Width), int(size.Height)); err != nil {
		return 0, 0, err
	}
	a.refs.FollowUnit(&sequence, &unit)
	return uint16(w), uint16(h), nil
}

func (a *av1Assembler) repeat() []byte {
	data, _ := a.refs.AppendRepeat(nil)
	return data
}
