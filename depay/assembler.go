package depay

import (
	"errors"
	"fmt"
	"time"
)

const (
	maxFrameSize   = 4 << 20     // bytes of one coded picture
	maxFramePixels = 4096 * 4096 // that a decoder would make room for
)

// Size in pixels of the black picture that stands for a camera that does not come.
const (
	blackWidth  = 640
	blackHeight = 360
)

// assembler is what differs between the codecs of pictures: it makes pictures of packets, and pictures to stand in.
//
// What lost a packet is never glued: a picture is passed on only if every one of its packets was there and all that it decodes
// from was passed on, too.
type assembler interface {
	// push takes the next packet. It passes a picture on as soon as its last packet is there, as far as markers tell.
	push(p packet)
	// settle passes on the open picture if it has ended with a marker before the deadline and nothing has followed.
	settle(deadline time.Duration)
	// restart forgets the source: the next picture that is passed on is a key frame. An open picture is dropped, since its
	// end will not come.
	restart()
	// black returns a key frame of a black picture, of blackWidth and blackHeight or whatever size it returns. It counts as passed
	// on, so that repeat may follow. The data belongs to the caller.
	black() (data []byte, width, height uint16)
	// adoptKeyFrame counts a key frame that was made elsewhere as passed on, so that repeat may follow, and returns its size. The data
	// stays the caller's. The error says that it is no key frame of the codec, or too large.
	adoptKeyFrame(key []byte) (width, height uint16, err error)
	// repeat returns a frame that shows the picture passed on last once more, and leaves a decoder as if it had not been
	// there. Nil: the stream does not allow that. The data belongs to the caller.
	repeat() []byte
	// keys returns the state that reports whether a key frame is needed.
	keys() *keyState
}

// errNoKeyFrame refuses a frame that others cannot decode from.
var errNoKeyFrame = errors.New("no key frame")

// exceeds reports whether a decoder would have to make room for too many pixels: for the largest frame of a picture, as it is coded. Sizes
// come in many places, and what is cropped, hidden or of a lower layer is decoded, too.
func exceeds(width, height int) bool { return width*height > maxFramePixels }

// mayAdopt refuses a key frame that would not be accepted from a publisher either.
func mayAdopt(key bool, bytes, width, height int) error {
	switch {
	case !key:
		return errNoKeyFrame
	case bytes > maxFrameSize || exceeds(width, height):
		return fmt.Errorf("%d bytes for %dx%d pixels are too much", bytes, width, height)
	}
	return nil
}

// newAssembler returns that of the codec of pictures in the options, whose emit and stats it is given.
func newAssembler(o Options, emit func(picture), stats *TrackStats) assembler {
	d := partialFrame{emit: emit, stats: stats, keyState: keyState{waiting: true}}
	switch o.Video {
	case VP8:
		return &vp8Assembler{partialFrame: d}
	case VP9:
		return &vp9Assembler{partialFrame: d, vp9Losses: vp9Losses{harmed: allLayers}}
	case AV1:
		return &av1Assembler{partialFrame: d}
	case H264:
		return &h264Assembler{partialFrame: d, sets: newH264Sets(o.H264ParameterSets)}
	}
	return nil
}

// picture is one whole coded picture. Its data is valid until the next packet is pushed.
type picture struct {
	key           bool
	width, height uint16 // pixels of a key frame; 0 in others
	instant       time.Duration
	timestamp     uint32
	data          []byte
}

// keyState reports whether a key frame is needed.
type keyState struct {
	waiting bool // for a key frame: what comes before it cannot be decoded
	wanted  bool // a picture was dropped for that: somebody has to ask for a key frame
}

func (k *keyState) keys() *keyState { return k }

// partialFrame is the picture that is being assembled, with the rules that hold for all codecs.
type partialFrame struct {
	emit  func(picture)
	stats *TrackStats
	keyState

	open      bool // a picture is being assembled
	bad       bool // and will be dropped, for this reason:
	reason    DropReason
	timestamp uint32
	instant   time.Duration
	buf       []byte // reused

	lost  int  // packets lost since the last one with media
	lossy bool // something is missing since then

	markers  markers
	marked   bool          // the newest packet of the newest picture has a marker, whether that is still open or not;
	markedAt time.Duration // it arrived then
	plain    bool          // a part of the open picture has ended without a marker, and another has followed
}

// markers is what a sender's markers say. The end of a picture is what they are for, but only time stamps decide (RFC 6184 §5.1): some
// senders set them on each slice, layer or packet, and some never do. A marker is believed once one picture has shown what it means: by parts
// without a marker before it, or by what follows. Until then pictures are kept that may go on.
type markers uint8

const (
	markersUnknown markers = iota
	markersEnd             // pictures
	markersNothing         // they are set within pictures
)

// mark notes a marker on the newest packet, and reports whether it ends the open picture.
func (f *partialFrame) mark(p packet) bool {
	f.marked, f.markedAt = true, p.arrival
	if f.plain && f.markers == markersUnknown {
		f.markers = markersEnd
	}
	return f.markers == markersEnd || f.bad
}

// goOn notes that the packet is of the same picture as the one before it. If that had a marker, others say nothing from now on; a picture
// that was passed on at it has lost its end.
func (f *partialFrame) goOn() {
	if !f.marked {
		f.plain = true
		return
	}
	f.marked, f.markers = false, markersNothing
	f.waiting = f.waiting || !f.open
}

// tear spoils the open picture if what is missing may be of it; other tells whether the packet after that is of another one. What has ended
// with a marker is whole, unless markers say nothing.
func (f *partialFrame) tear(other bool) {
	whole := other && f.marked && f.markers != markersNothing
	if f.open && f.lossy && !whole {
		f.spoil(DropIncomplete)
	}
}

// another notes that the packet is not of the same picture as the one before it.
func (f *partialFrame) another() {
	if f.marked && !f.lossy && f.markers == markersUnknown {
		f.markers = markersEnd
	}
}

// enter accounts for what a packet says of the pictures, before it is put into one: other tells whether it is of another one than the packet
// before. It reports whether the packet opens a picture, and whether that is torn: its beginning was passed on by itself, at a marker.
func (f *partialFrame) enter(other bool) (opens, torn bool) {
	f.tear(other)
	torn = !other && !f.lossy && !f.open && f.marked
	if other {
		f.another()
	} else if !f.lossy {
		f.goOn()
	}
	return other || !f.open, torn
}

// overdue reports whether the open picture has ended with a marker before the deadline.
func (f *partialFrame) overdue(deadline time.Duration) bool {
	return f.open && f.marked && f.markedAt < deadline
}

// miss accounts for what is missing directly before the packet.
func (f *partialFrame) miss(p packet) {
	f.lost += p.lost
	f.lossy = f.lossy || p.lossy || p.lost > 0
}

// malformed counts a packet that cannot be read, which is as good as lost.
func (f *partialFrame) malformed() {
	f.stats.Malformed++
	f.lost, f.lossy = f.lost+1, true
}

// beginPicture opens the picture that the packet belongs to.
func (f *partialFrame) beginPicture(p packet) {
	f.open, f.bad, f.marked, f.plain, f.buf = true, false, false, false, f.buf[:0]
	f.timestamp, f.instant = p.timestamp, p.instant
}

// append adds bytes to the open picture.
func (f *partialFrame) append(data ...byte) {
	if !f.bad && len(f.buf)+len(data) > maxFrameSize {
		f.spoil(DropTooLarge)
	}
	if !f.bad {
		f.buf = append(f.buf, data...)
	}
}

// spoil makes the open picture one that is dropped.
func (f *partialFrame) spoil(r DropReason) {
	if !f.bad {
		f.bad, f.reason = true, r
	}
}

// measure spoils a picture that has too many pixels for a decoder, or comes before the key frame that is waited for.
func (f *partialFrame) measure(key bool, width, height int) {
	switch {
	case exceeds(width, height):
		f.spoil(DropTooLarge)
	case !key && f.waiting:
		f.spoil(DropAwaitingKey)
	}
}

// close ends the open picture, which is p but for what the partial frame knows: it is passed on or dropped. Others decode from it if
// it is a reference. It reports whether it was passed on.
func (f *partialFrame) close(p picture, reference bool) bool {
	f.open = false
	if !f.bad {
		f.waiting, f.wanted = false, false
		p.instant, p.timestamp, p.data = f.instant, f.timestamp, f.buf
		f.emit(p)
		return true
	}
	f.stats.drop(f.reason, 1)
	f.waiting = f.waiting || reference
	f.wanted = f.waiting
	return false
}

// forget is what restart does for all codecs, once an open picture is closed.
func (f *partialFrame) forget() {
	f.waiting, f.wanted = true, false
	f.lost, f.lossy = 0, false
	f.markers, f.marked = markersUnknown, false
}
