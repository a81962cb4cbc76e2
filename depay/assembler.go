package depay

import (
	"errors"
	"fmt"
	"time"
)

const (
	maxFrameSize   = 4 << 20     // bytes of one coded picture
	maxFramePixels = 4096 * 4096 // what a decoder would allocate for
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
	// push takes the next packet. It passes a picture on as soon as its last packet is there.
	push(p packet)
	// restart forgets the source: the next picture that is passed on is a key frame. An open picture is dropped, since its
	// end will not come.
	restart()
	// black returns a key frame of a black picture, of blackWidth and blackHeight or whatever size it returns. It counts as passed
	// on, so that repeat may follow. The data belongs to the caller.
	black() (data []byte, width, height uint16)
	// stand counts a key frame that was made elsewhere as passed on, so that repeat may follow, and returns its size. The data
	// stays the caller's. The error says that it is no key frame of the codec, or too large.
	stand(key []byte) (width, height uint16, err error)
	// repeat returns a frame that shows the picture passed on last once more, and leaves a decoder as if it had not been
	// there. Nil: the stream does not allow that. The data belongs to the caller.
	repeat() []byte
	// keys returns the state that reports whether a key frame is needed.
	keys() *keyState
}

// errNoKeyFrame is what a picture meets that was to stand alone.
var errNoKeyFrame = errors.New("no key frame")

// mayStand refuses what a decoder would not take from a publisher, either.
func mayStand(key bool, bytes, width, height int) error {
	switch {
	case !key:
		return errNoKeyFrame
	case bytes > maxFrameSize || width*height > maxFramePixels:
		return fmt.Errorf("%d bytes for %dx%d pixels are too much", bytes, width, height)
	}
	return nil
}

// newAssembler returns that of the codec of pictures in the options, whose emit and stats it is given.
func newAssembler(o Options, emit func(picture), stats *TrackStats) assembler {
	d := draft{emit: emit, stats: stats, keyState: keyState{waiting: true}}
	switch o.Video {
	case VP8:
		return &vp8Assembler{draft: d}
	case VP9:
		return &vp9Assembler{draft: d, vp9Losses: vp9Losses{harmed: allLayers}}
	case AV1:
		return &av1Assembler{draft: d}
	case H264:
		return &h264Assembler{draft: d, sets: newH264Sets(o.H264ParameterSets)}
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

// draft is the picture that is being assembled, with the rules that hold for all codecs.
type draft struct {
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
}

// miss accounts for what is missing directly before the packet.
func (d *draft) miss(p packet) {
	d.lost += p.lost
	d.lossy = d.lossy || p.lossy || p.lost > 0
}

// malformed counts a packet that cannot be read, which is as good as lost.
func (d *draft) malformed() {
	d.stats.Malformed++
	d.lost, d.lossy = d.lost+1, true
}

// begin opens the picture that the packet belongs to.
func (d *draft) begin(p packet) {
	d.open, d.bad, d.buf = true, false, d.buf[:0]
	d.timestamp, d.instant = p.timestamp, p.instant
}

// append adds bytes to the open picture.
func (d *draft) append(data ...byte) {
	if !d.bad && len(d.buf)+len(data) > maxFrameSize {
		d.spoil(DropTooLarge)
	}
	if !d.bad {
		d.buf = append(d.buf, data...)
	}
}

// spoil makes the open picture one that is dropped.
func (d *draft) spoil(r DropReason) {
	if !d.bad {
		d.bad, d.reason = true, r
	}
}

// measure spoils a picture that has too many pixels for a decoder, or comes before the key frame that is waited for.
func (d *draft) measure(key bool, width, height int) {
	switch {
	case width*height > maxFramePixels:
		d.spoil(DropTooLarge)
	case !key && d.waiting:
		d.spoil(DropAwaitingKey)
	}
}

// close ends the open picture, which is p but for what the draft knows: it is passed on or dropped. Others decode from it if
// it is a reference. It reports whether it was passed on.
func (d *draft) close(p picture, reference bool) bool {
	d.open = false
	if !d.bad {
		d.waiting, d.wanted = false, false
		p.instant, p.timestamp, p.data = d.instant, d.timestamp, d.buf
		d.emit(p)
		return true
	}
	d.stats.drop(d.reason, 1)
	d.waiting = d.waiting || reference
	d.wanted = d.waiting
	return false
}

// forget is what restart does for all codecs, once an open picture is closed.
func (d *draft) forget() {
	d.waiting, d.wanted = true, false
	d.lost, d.lossy = 0, false
}
