package depay

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay/h264"
)

// h264Assembler makes access units of H.264 in packetization modes 0 and 1 (RFC 6184), in Annex B. Each IDR picture has its
// parameter sets directly before it, once, wherever they came from; one that changes in between goes before the next picture.
//
// An access unit is what has one time stamp; a slice that begins another picture (ITU-T H.264 §7.4.1.2.4)
// ends it, too. Nothing tells how many pictures a gap in the sequence numbers takes away, but frame_num reports whether one of
// them was a reference: if none was, or only padding was lost, pictures go on; otherwise the next IDR picture is waited for.
// No other picture is a key frame, a recovery point neither (package h264). B-frames are kept where time stamps are of decoding, as a
// decoder puts them in order; where they are of showing, and so go back, B-frames are dropped, as are interlaced pictures.
type h264Assembler struct {
	partialFrame
	sets h264Sets
	seen h264.State // of the pictures that came, for what is missing
	hole int        // packets lost since the last slice header

	first  h264.Slice // of the open picture
	begun  bool       // first is set
	before h264.Slice // of the picture before
	torn   bool       // that has the same time stamp, and was passed on at a marker
	free   bool       // no other picture decodes from it
	newest uint32     // time stamp of the newest picture, if
	dated  bool       // there is one
	back   bool       // the open picture has an earlier one
	sink   sink       // where the unfinished NAL unit goes, if there is one
	header byte       // of that

	shown   h264.State // of the pictures passed on
	frame   []byte     // a repeat frame for repeats
	repeats h264.State
}

// unknownLoss is how many packets are taken for lost where another sequence begins.
const unknownLoss = 1 << 20

// sink tells what becomes of a NAL unit.
type sink uint8

const (
	nowhere sink = iota // none is open
	ignored             // it is left out: delimiters, filler, extensions
	kept                // it is part of the picture
	stored              // it is a parameter set
)

func (a *h264Assembler) push(p packet) {
	a.miss(p)
	if p.lossy {
		a.lost += unknownLoss
	}
	if len(p.payload) == 0 {
		a.stats.Padding++
		return
	}
	units := h264.NewPayload(p.payload)
	for u, ok := units.Next(); ok; u, ok = units.Next() {
		a.place(p)
		a.addUnit(u, p)
	}
	if units.Err() != nil {
		a.malformed()
		return
	}
	if p.marker && (a.mark(p) || a.begun && a.waiting && !a.first.IDR) && (a.sink == nowhere || a.bad) {
		a.finish()
	}
}

func (a *h264Assembler) settle(deadline time.Duration) {
	if a.overdue(deadline) {
		a.finish()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *h264Assembler) place(p packet) {
	a.tear(p.timestamp != a.timestamp)
	if p.timestamp != a.timestamp {
		a.another()
	}
	if a.open && p.timestamp != a.timestamp {
		a.finish() // its marker was lost, or never set: whole if nothing is missing up to here
	}
	if a.lossy {
		a.hole += a.lost
	}
	if a.open && a.begun && a.sink == nowhere && !a.marked {
		a.plain = true // a slice has ended without one
	}
	torn := a.marked && !a.lossy && !a.open && p.timestamp == a.timestamp
	a.lost, a.lossy = 0, false
	if !a.open {
		a.start(p)
		a.torn = torn
	}
}

// start opens a picture of which nothing is known yet.
func (a *h264Assembler) start(p packet) {
	a.beginPicture(p)
	a.before = a.first
	a.first, a.begun, a.free, a.torn, a.sink = h264.Slice{}, false, false, false, nowhere
	if a.back = a.dated && int32(p.timestamp-a.newest) < 0; !a.back {
		a.newest, a.dated = p.timestamp, true
	}
	a.sets.start()
}

// addUnit adds a NAL unit, or a fragment of one.
func (a *h264Assembler) addUnit(u h264.Unit, p packet) {
	if u.Start {
		if a.sink != nowhere {
			a.spoil(DropIncomplete) // the end of the one before is missing
		}
		a.sink, a.header = a.enter(u, p), u.Header
	} else if a.sink == nowhere || u.Header != a.header {
		a.spoil(DropIncomplete) // its start is missing
		a.guess(u)
		return
	}
	if !u.Start && a.marked {
		a.goOn()
	}
	switch a.sink {
	case kept:
		a.append(u.Body...)
	case stored:
		if !a.sets.collect(u.Body) {
			a.spoil(DropTooLarge)
			a.sink = ignored
		}
	}
	if u.End {
		a.leave()
	}
}

// enter begins a NAL unit.
func (a *h264Assembler) enter(u h264.Unit, p packet) sink {
	switch t := u.Type(); {
	case t.IsSlice():
		return a.enterSlice(u, p)
	case t == h264.TypeSPS || t == h264.TypePPS:
		a.sets.open(u.Header)
		return stored
	case t == h264.TypeSEI:
		a.append(0, 0, 0, 1, u.Header)
		return kept
	case t >= h264.TypePartitionA && t <= h264.TypePartitionC:
		a.spoil(DropMalformed)
	}
	return ignored
}

// leave ends a NAL unit.
func (a *h264Assembler) leave() {
	if a.sink == stored {
		switch ok := a.sets.store(); {
		case !ok:
			a.stats.Malformed++
		case len(a.sets.pending) > maxPending:
			a.sets.drain(len(a.sets.pending))
			a.waiting = true // an IDR picture has all of them with it
		}
	}
	a.sink = nowhere
}

// enterSlice begins a slice. Its header is all in its first fragment: no packet is that small.
func (a *h264Assembler) enterSlice(u h264.Unit, p packet) sink {
	s, err := a.sets.known.ParseSlice(u.Header, u.Body)
	if err != nil {
		a.guess(u)
		a.spoil(reasonOf(err))
		return ignored
	}
	switch begins := s.FirstMacroblock == 0 && s.RedundantPicture == 0; {
	case a.begun && (begins || !s.SamePicture(&a.first)):
		a.another()
		a.finish()
		a.start(p)
	case a.begun:
		a.goOn()
	case a.torn && !begins && s.SamePicture(&a.before):
		a.markers, a.waiting = markersNothing, true
	}
	if !a.begun {
		a.enterPicture(&s)
	}
	if s.Type == h264.B && a.back {
		a.spoil(DropBFrames)
	}
	a.append(0, 0, 0, 1, u.Header)
	return kept
}

// guess takes what can be known of a picture from a unit that cannot be read.
func (a *h264Assembler) guess(u h264.Unit) {
	if !a.begun && u.Type().IsSlice() {
		a.free = !h264.Reference(u.Header)
	}
}

// reasonOf tells why a slice could not be read. Parameter sets come with key frames.
func reasonOf(err error) DropReason {
	if errors.Is(err, h264.ErrNoSet) {
		return DropAwaitingKey
	}
	return DropMalformed
}

// enterPicture begins the open picture with its first slice, and puts parameter sets before it.
func (a *h264Assembler) enterPicture(s *h264.Slice) {
	a.first, a.begun = *s, true
	a.free = !s.Reference
	switch {
	case !s.SPS.Progressive:
		a.spoil(DropInterlaced)
	case s.FirstMacroblock != 0, s.IDR && a.hole > 0 && !a.sets.complete(): // its start is missing
		a.spoil(DropIncomplete)
	case a.back && a.hole == 0 && a.seen.Reordered(s):
		a.spoil(DropBFrames)
	case s.Type == h264.B && !a.back:
		a.stats.BFrames++
	}
	a.countMissing(s)
	if sets := a.sets.before(s); !a.bad {
		a.buf = slices.Insert(a.buf, 0, sets...)
	}
}

// countMissing accounts for pictures of which nothing came, between the newest and s.
func (a *h264Assembler) countMissing(s *h264.Slice) {
	if a.hole > 0 && !s.IDR {
		gap := int(a.seen.Gap(s))
		a.stats.drop(DropMissing, uint64(min(gap, a.hole)))
		// So many pictures would take frame_num once around.
		a.waiting = a.waiting || gap > 0 || a.hole >= 1<<s.SPS.FrameNumBits
	}
	a.hole = 0
	a.seen.Follow(s)
}

// finish closes the open picture, if there is one. Without a slice it is none, only what comes before one.
func (a *h264Assembler) finish() {
	if a.open && a.sink != nowhere {
		a.spoil(DropIncomplete)
	}
	if !a.open || !a.begun && !a.bad {
		a.open = false
		return
	}
	p := picture{key: a.begun && a.first.IDR}
	if a.begun {
		a.measure(p.key, 16*int(a.first.SPS.Columns), 16*int(a.first.SPS.Rows))
	} else if !a.free {
		a.seen = h264.State{} // its number is not known
	}
	if p.key {
		p.width, p.height = a.first.SPS.Width, a.first.SPS.Height
	}
	if a.close(p, !a.free) {
		a.shown.Follow(&a.first)
		a.sets.drain(a.sets.sent)
	}
}

func (a *h264Assembler) restart() {
	if a.open && a.begun {
		a.spoil(DropIncomplete)
	}
	a.finish()
	a.forget()
	a.sets.forget()
	a.seen, a.hole, a.dated = h264.State{}, 0, false
}

func (a *h264Assembler) black() (data []byte, width, height uint16) {
	data, a.shown = h264.AppendBlack(nil, blackWidth, blackHeight)
	return data, blackWidth, blackHeight
}

func (a *h264Assembler) adoptKeyFrame(key []byte) (width, height uint16, err error) {
	slice, err := readH264(key)
	if err != nil {
		return 0, 0, err
	}
	width, height = slice.SPS.Width, slice.SPS.Height
	if err := mayAdopt(slice.IDR, len(key), 16*int(slice.SPS.Columns), 16*int(slice.SPS.Rows)); err != nil {
		return 0, 0, err
	}
	a.shown.Follow(&slice)
	return width, height, nil
}

func (a *h264Assembler) repeat() []byte {
	if a.repeats != a.shown {
		a.frame, a.repeats = a.shown.AppendRepeat(a.frame[:0]), a.shown
	}
	if len(a.frame) == 0 {
		return nil
	}
	return bytes.Clone(a.frame)
}
