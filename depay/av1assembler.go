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

// maxUnitFrames bounds the frames of a temporal unit: one shown frame for each of four spatial layers, and hidden ones.
const maxUnitFrames = 16

// av1Unit is what is known of the open picture.
type av1Unit struct {
	begins  bool // its first OBU is a sequence header
	obus    int
	headers [maxUnitFrames]av1.Header
	frames  int
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
		a.partial, a.unit.begins, a.unit.obus, a.unit.frames = false, false, 0, 0
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
		switch {
		case !a.known:
			a.spoil(DropAwaitingKey)
		case a.unit.frames == maxUnitFrames:
			a.spoil(DropMalformed)
		default:
			a.unit.headers[a.unit.frames], err = a.sequence.ParseHeader(o)
			a.unit.frames++
		}
	}
	if err != nil {
		a.spoil(DropMalformed)
	}
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
	p := a.unit.picture(&a.sequence)
	a.measure(p.key, int(a.sequence.Width), int(a.sequence.Height))
	if a.close(p, true) {
		a.unit.follow(&a.refs, &a.sequence)
	}
}

// picture tells whether the picture is a key frame and its size. Of spatial layers the highest is shown, which has it not in its
// header.
func (u *av1Unit) picture(sequence *av1.Sequence) picture {
	h := u.headers[0]
	switch {
	case u.frames == 0 || !h.Key() || !u.begins:
		return picture{}
	case u.frames > 1:
		return picture{key: true, width: uint16(sequence.Width), height: uint16(sequence.Height)}
	}
	return picture{key: true, width: uint16(h.Width), height: uint16(h.Height)}
}

// follow lets refs follow the frames. Of those that are shown only the last is seen: the others are lower spatial layers
// (AV1 §7.18.1).
func (u *av1Unit) follow(refs *av1.References, sequence *av1.Sequence) {
	last := 0
	for i, h := range u.headers[:u.frames] {
		if h.Show {
			last = i
		}
	}
	for i, h := range u.headers[:u.frames] {
		h.Show = h.Show && i == last
		refs.Follow(sequence, h)
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

func (a *av1Assembler) stand(key []byte) (width, height uint16, err error) {
	sequence, h, err := readAV1(key)
	if err == nil {
		err = mayStand(h.Key(), len(key), int(h.Width), int(h.Height))
	}
	if err != nil {
		return 0, 0, err
	}
	a.refs.Follow(&sequence, h)
	return uint16(h.Width), uint16(h.Height), nil
}

// readAV1 returns what the first frame of a temporal unit says, and its sequence header.
func readAV1(unit []byte) (sequence av1.Sequence, h av1.Header, err error) {
	known := false
	for len(unit) > 0 {
		o, n, err := av1.ParseOBU(unit)
		if err != nil {
			return sequence, h, err
		}
		unit = unit[n:]
		switch {
		case o.Type == av1.SequenceHeaderType:
			if sequence, err = av1.ParseSequence(o.Payload); err != nil {
				return sequence, h, err
			}
			known = true
		case known && (o.Type == av1.FrameHeaderType || o.Type == av1.FrameType):
			h, err = sequence.ParseHeader(o)
			return sequence, h, err
		}
	}
	return sequence, h, errNoKeyFrame
}

func (a *av1Assembler) repeat() []byte {
	data, _ := a.refs.AppendRepeat(nil)
	return data
}
