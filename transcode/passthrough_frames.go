package transcode

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
)

const (
	// offPlace is how far from its time, in places, a picture may be put so that it follows on the one before.
	offPlace = 0.7
	// maxAhead is how far ahead of their time, in places, pictures may get that are too many.
	maxAhead = 8
	// extraParts: a picture for which there is no place comes that part of a place after the one before, so close to it that the
	// encoded renditions leave it out.
	extraParts = 8
	// askEvery is how long a key frame may take before it is asked for again, or pictures may be missing before nobody can be
	// blamed for one that does not come.
	askEvery = 500 * time.Millisecond
	// slackPlaces is how much later than Options.LateKeyFrames, in places, a key frame may be: one that comes each second is not always
	// exactly a second after the one before, once pictures were repeated or too many.
	slackPlaces = 3
)

// passthroughCodec is what of copying depends on the codec. It knows what a decoder has been given.
type passthroughCodec interface {
	// next reads the picture that comes next, and takes it for decoded.
	next(picture []byte) passthroughPicture
	// repeat makes a picture that shows the last one again, and leaves the decoder as it was; one without data where there is none.
	repeat() passthroughPicture
	// describe reads the key frame that a run is to begin with: its size in pixels, and in words what players do not take of it.
	describe(key []byte) (width, height int, err error)
}

// passthroughPicture is what is to be known of a picture.
type passthroughPicture struct {
	data   []byte           // to be written
	key    bool             // it needs no other
	twice  bool             // it is a key frame, and may be written again as long as it was only repeated
	echoes bool             // it repeats a key frame, and ffmpeg's decoder takes it for one
	fault  PassthroughCause // why it cannot be passed through; 0: it can
}

// beginning tells why passthrough cannot begin with the picture; of one that cannot be read, that is invalid.
func (p passthroughPicture) beginning(invalid error) error {
	switch {
	case p.fault == PicturesUnreadable:
		return fmt.Errorf("read key frame: %w", invalid)
	case !p.key:
		return errNoKeyFrame
	case p.fault != 0:
		return errors.New(p.fault.String())
	}
	return nil
}

// newPassthroughCodec returns what passes pictures of c through that are so many ticks apart; nil where that is not done.
func newPassthroughCodec(c depay.Codec, place int64) passthroughCodec {
	switch c {
	case depay.H264:
		return &passthroughH264{place: place}
	case depay.VP9:
		return &passthroughVP9{}
	case depay.AV1:
		return &passthroughAV1{}
	}
	return nil
}

// passthroughFrames writes pictures that ffmpeg does not decode. It makes of pictures that come when they like a stream of constant rate that
// begins at media time 0 and can be cut into segments, or says why it cannot: see the package comment. All times are in ticks of
// 1/90000 s.
type passthroughFrames struct {
	out           frameWriter
	codec         passthroughCodec
	place, part   int64
	segment, late int64
	keys, again   int64 // between key frames, and between requests for one
	ask           func()
	extras        *atomic.Int64 // how many pictures had no place

	lone []byte // the key frame that all pictures since have only repeated, if that may be written again; else nil
	held []byte // a picture without a place that is written, at newest, before the next one; nil: there is none

	begun    bool
	last     int64 // the last picture that has a place
	extra    bool  // there is one after it that has none
	fragment int64 // begin of the fragment that the last picture is in
	cut      int64 // the next segment begins with the first key frame from here on
	due      int64 // when the next key frame is asked for
	newest   int64 // the last picture that was written
	cuts     int   // how many segments have begun
	cutAt    int64 // where the last of them has
	heard    int64 // the last picture that came
	key      int64 // the last key frame

	stamp, keyStamp uint32 // of RTP, of the last picture that came and of the last key frame: these are of the publisher's clock
}

func newPassthroughFrames(w frameWriter, j *Job) *passthroughFrames {
	o, rate := j.opts, j.opts.Video.ClockRate()
	ticks := func(d time.Duration) int64 { return int64(d) * rate / int64(time.Second) }
	c := &passthroughFrames{
		out: w, place: rate / int64(o.Passthrough.FPS), part: ticks(o.Part), segment: ticks(o.Segment), late: ticks(o.LateKeyFrames),
		keys: ticks(o.KeyFrames), again: ticks(askEvery), ask: o.RequestKeyFrame, extras: &j.extras,
	}
	c.codec = newPassthroughCodec(o.Video, c.place)
	if c.ask == nil {
		c.ask = func() {}
	}
	return c
}

func (c *passthroughFrames) Close() error { return c.release() }

// WriteFrame writes a picture, and before it those that fill the places that were left empty. Pictures before the first key
// frame are left out. The error is a PassthroughError, or that of the pipe.
func (c *passthroughFrames) WriteFrame(f depay.Frame) error {
	if c.begun {
		if err := c.fill(f.PTS); err != nil {
			return err
		}
	}
	if !f.Filler {
		c.stamp = f.RTPTime
	}
	p := c.codec.next(f.Data)
	switch {
	case !c.begun && !p.key:
		return nil
	case !c.begun:
		return c.writeFirst(p)
	case p.fault != 0:
		return fault(p.fault, f.PTS)
	}
	pts := c.last + c.place
	switch off := c.off(f.PTS); {
	case off < -maxAhead:
		return fault(PicturesTooMany, f.PTS)
	case off < -offPlace && !p.key && !c.extra && !c.closes():
		pts = c.last + c.place/extraParts
	}
	if f.Filler && !p.key {
		return c.repeat(pts, p)
	}
	return c.add(pts, p, f.Filler)
}

// off is how far the next place is before a time, in places.
func (c *passthroughFrames) off(pts int64) float64 {
	return float64(pts-c.last-c.place) / float64(c.place)
}

// writeFirst writes the first key frame.
func (c *passthroughFrames) writeFirst(p passthroughPicture) error {
	c.begun, c.lone = true, p.data
	return c.write(0, p)
}

// add writes a picture that shows something new.
func (c *passthroughFrames) add(pts int64, p passthroughPicture, filler bool) error {
	if !filler {
		c.heard = pts
	}
	if c.lone = nil; p.twice {
		c.lone = p.data
	}
	return c.write(pts, p)
}

// fill repeats the last picture in all places before the one that is nearest to a time, if that is too far for the next one.
func (c *passthroughFrames) fill(until int64) error {
	if c.off(until) <= offPlace {
		return nil
	}
	for last := (until + c.place/2) / c.place * c.place; c.last+c.place < last; {
		if err := c.repeat(c.last+c.place, c.codec.repeat()); err != nil {
			return err
		}
	}
	return nil
}

// repeat writes a picture that shows the last one again. As long as that is the only one, or a key frame whose repeats are taken for key
// frames, it is written again itself where a segment may begin: so media that begin late begin at 0 as well, and all renditions begin
// their segments together.
func (c *passthroughFrames) repeat(pts int64, p passthroughPicture) error {
	switch {
	case c.lone != nil && pts >= c.cut:
		p = passthroughPicture{data: c.lone, key: true}
	case len(p.data) == 0:
		return fault(PicturesUnrepeatable, pts)
	}
	return c.write(pts, p)
}

// closes reports whether the last picture is the last of its fragment. The next one must not be close to it: the muxer has said
// by then that the last one lasts as long as the one before.
func (c *passthroughFrames) closes() bool { return c.last+c.place-c.fragment >= c.part }

// write writes a picture, unless it is too late for a segment to begin, and asks for the next key frame in time.
//
// One that has no place waits for the next one, and is left out when that is a key frame: nothing refers to it then. ffmpeg lets the
// last picture of a segment last for a whole place, so that the key frame would come before its end, and be moved.
func (c *passthroughFrames) write(pts int64, p passthroughPicture) error {
	switch {
	case pts > c.cut+c.late+slackPlaces*c.place:
		return fault(c.blame(pts), pts)
	case pts >= c.cut && p.echoes: // a segment would begin, but not in this rendition
		return fault(KeyFrameMisplaced, pts)
	}
	switch cuts := p.key && pts >= c.cut; {
	case cuts:
		c.cuts, c.cutAt = c.cuts+1, pts
		c.cut += c.segment
		c.fragment = pts
	case c.closes():
		c.fragment = pts
	}
	switch {
	case p.key:
		c.due, c.key, c.keyStamp = (pts/c.keys+1)*c.keys, pts, c.stamp
	case pts >= c.due:
		c.due = pts + c.again
		c.ask()
	}
	if p.key {
		c.held = nil
	}
	if err := c.release(); err != nil {
		return err
	}
	c.newest = pts
	if c.extra = pts < c.last+c.place && pts > 0; c.extra {
		c.held = p.data
		return nil
	}
	c.last = pts
	return c.out.WriteFrame(depay.Frame{PTS: pts, Data: p.data})
}

// release writes the picture that waits for the next one.
func (c *passthroughFrames) release() error {
	if c.held == nil {
		return nil
	}
	data := c.held
	c.held = nil
	c.extras.Add(1)
	return c.out.WriteFrame(depay.Frame{PTS: c.newest, Data: data})
}

// blame returns why there is no key frame. Pictures that have come late, because their way or their publisher had stood still, do not make a key
// frame late that is not due by the publisher's clock.
func (c *passthroughFrames) blame(pts int64) PassthroughCause {
	since := min(pts-c.key, int64(int32(c.stamp-c.keyStamp)))
	switch {
	case pts-c.heard > c.again:
		return KeyFrameMissing
	case since <= c.segment+slackPlaces*c.place:
		return KeyFrameMisplaced
	}
	return KeyFrameLate
}

func fault(cause PassthroughCause, pts int64) error {
	return &PassthroughError{Cause: cause, At: depay.Frame{Codec: depay.H264, PTS: pts}.Time()}
}
