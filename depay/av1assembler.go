package depay

import "github.com/sluice-live/sluice/depay/av1"

// av1Assembler makes pictures of AV1 (RTP Payload Format For AV1, version 1.0.0). A picture is passed on as a temporal unit in
// the low-overhead bitstream format: a temporal delimiter first and a size in every OBU (AV1 §5.2, §7.5), without what
// operating point 0 has not.
//
// Nothing in a packet tells how many pictures were lost or what decodes from them: after a loss a key frame is waited for.
type av1Assembler struct {
	draft
	part    []byte // of an OBU that goes on in the next packet; reused
	partial bool   // there is one
	unit    av1Unit

	sequence av1.Sequence
	known    bool           // a sequence header has come
	refs     av1.References // after the picture passed on last
}

// av1Unit is what is known of the open picture.
type av1Unit struct {
	refs   av1.References // after its frames
	begins bool           // its first OBU is a sequence header
	obus   int
	frames int
	key    bool
	width  uint32 // pixels of the key frame
	height uint32
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
	a.take(&g)
	if p.marker {
		a.finish()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *av1Assembler) place(p packet) {
	if a.open && a.torn {
		a.spoil(DropIncomplete)
	}
	if !a.open || p.timestamp != a.timestamp {
		if a.open {
			a.finish() // its marker was lost, or never set: whole if nothing is missing up to here
		}
		a.waiting = a.waiting || a.torn
		a.begin(p)
		a.partial, a.unit = false, av1Unit{refs: a.refs}
	}
	a.lost, a.torn = 0, false
}

// take adds the OBU elements of a packet to the open picture.
func (a *av1Assembler) take(g *av1.Aggregation) {
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
	a.read(o)
	if a.unit.obus == 0 {
		a.buf = av1.AppendTemporalDelimiter(a.buf)
	}
	a.buf = av1.AppendOBU(a.buf, o)
	a.unit.obus++
}

// wants tells whether the OBU is passed on (RTP Payload Format For AV1 §5, AV1 §5.3.1).
func (a *av1Assembler) wants(o av1.OBU) bool {
	switch o.Type {
	case av1.SequenceHeaderType:
		return true
	case av1.FrameHeaderType, av1.FrameType, av1.RedundantFrameHeaderType, av1.TileGroupType, av1.MetadataType:
		return !a.known || a.sequence.Decodes(o)
	}
	return false
}

// read takes what the sequence and frame headers of the open picture say.
func (a *av1Assembler) read(o av1.OBU) {
	var err error
	switch o.Type {
	case av1.SequenceHeaderType:
		a.sequence, err = av1.ParseSequence(o.Payload)
		a.known = err == nil
		a.unit.begins = a.unit.begins || a.unit.obus == 0
	case av1.FrameHeaderType, av1.FrameType:
		if !a.known {
			a.spoil(DropAwaitingKey)
			return
		}
		var h av1.Header
		if h, err = a.sequence.ParseHeader(o); err == nil {
			a.unit.follow(&a.sequence, h)
		}
	}
	if err != nil {
		a.spoil(DropMalformed)
	}
}

// follow takes a frame of the picture. Of spatial layers the highest is the picture, and its size not in its header.
func (u *av1Unit) follow(sequence *av1.Sequence, h av1.Header) {
	switch {
	case u.frames == 0 && h.Key() && u.begins:
		u.key, u.width, u.height = true, h.Width, h.Height
	case h.Show && !h.ShowExisting:
		u.width, u.height = sequence.Width, sequence.Height
	}
	u.frames++
	u.refs.Follow(sequence, h)
}

// finish closes the open picture.
func (a *av1Assembler) finish() {
	switch {
	case a.partial:
		a.spoil(DropIncomplete)
	case a.unit.frames == 0:
		a.spoil(DropMalformed)
	}
	a.partial = false
	u := &a.unit
	a.measure(u.key, int(a.sequence.Width), int(a.sequence.Height))
	var p picture
	if u.key {
		p = picture{key: true, width: uint16(u.width), height: uint16(u.height)}
	}
	if a.close(p, true) {
		a.refs = u.refs
	}
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

func (a *av1Assembler) repeat() []byte {
	data, _ := a.refs.AppendRepeat(nil)
	return data
}
