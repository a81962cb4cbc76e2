package transcode

import (
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/h264"
)

const (
	// offPlace is how far from its time, in places, a picture may be put so that it follows on the one before.
	offPlace = 0.7
	// maxAhead is how far ahead of their time, in places, pictures may get that are too many.
	maxAhead = 8
	// extraParts: a picture for which there is no place comes that part of a place after the one before, so close to it that the
	// encoded rungs leave it out.
	extraParts = 8
	// askEvery is how long a key frame may take before it is asked for again, or pictures may be missing before nobody can be
	// blamed for one that does not come.
	askEvery = 500 * time.Millisecond
	// slackPlaces is how much later than Options.LateKeyFrames, in places, a key frame may be: one that comes each second is not always
	// exactly a second after the one before, once pictures were repeated or too many.
	slackPlaces = 3
)

// copiedFrames writes H.264 that ffmpeg copies. It makes of pictures that come when they like a stream of constant rate that
// begins at media time 0 and can be cut into segments, or says why it cannot: see the package comment. All times are in ticks of
// 1/90000 s.
type copiedFrames struct {
	ivf           ivfFrames
	place, part   int64
	segment, late int64
	keys, again   int64 // between key frames, and between requests for one
	ask           func()
	extras        *atomic.Int64 // how many pictures had no place

	sets  h264.Sets
	state h264.State
	first []byte // the first key frame, until another picture has come

	begun    bool
	last     int64 // the last picture that has a place
	extra    bool  // there is one after it that has none
	fragment int64 // begin of the fragment that the last picture is in
	cut      int64 // the next segment begins with the first key frame from here on
	due      int64 // when the next key frame is asked for
	heard    int64 // the last picture that came
	key      int64 // the last key frame
}

func newCopiedFrames(w ivfFrames, j *Job) *copiedFrames {
	o, rate := j.opts, depay.H264.ClockRate()
	ticks := func(d time.Duration) int64 { return int64(d) * rate / int64(time.Second) }
	c := &copiedFrames{
		ivf: w, place: rate / int64(o.Copy.FPS), part: ticks(o.Part), segment: ticks(o.Segment), late: ticks(o.LateKeyFrames),
		keys: ticks(o.KeyFrames), again: ticks(askEvery), ask: o.RequestKeyFrame, extras: &j.extras,
	}
	if c.ask == nil {
		c.ask = func() {}
	}
	return c
}

func (c *copiedFrames) Close() error { return nil }

// WriteFrame writes a picture, and before it those that fill the places that were left empty. Pictures before the first key
// frame are left out. The error is a CopyError, or that of the pipe.
func (c *copiedFrames) WriteFrame(f depay.Frame) error {
	slice, changed, err := firstSlice(&c.sets, f.Data)
	if slice.IDR {
		f.Data = c.timed(f.Data)
	}
	switch {
	case !c.begun && (err != nil || !slice.IDR):
		return nil
	case !c.begun:
		c.begun, c.first = true, f.Data
		return c.add(slice, 0, f)
	case err != nil:
		return fault(PicturesUnreadable, f.PTS)
	case changed:
		return fault(ParametersChanged, f.PTS)
	case slice.Type == h264.B, c.state.Reordered(&slice):
		return fault(PicturesReordered, f.PTS)
	}
	pts := c.last + c.place
	switch off := float64(f.PTS-pts) / float64(c.place); {
	case off > offPlace:
		if pts, err = c.fill(f.PTS); err != nil {
			return err
		}
	case off < -maxAhead:
		return fault(PicturesTooMany, f.PTS)
	case off < -offPlace && !slice.IDR && !c.extra && !c.closes():
		pts = c.last + c.place/extraParts
	}
	c.first = nil
	return c.add(slice, pts, f)
}

// timed returns a key frame whose parameter sets say how long pictures last: of others ffmpeg takes the last of a segment for one of
// 1/90000 s, and aborts on the first where it decodes pictures too (5.1).
func (c *copiedFrames) timed(picture []byte) []byte {
	timed := make([]byte, 0, len(picture)+32)
	for nal, rest := h264.NextUnit(picture); len(nal) > 0; nal, rest = h264.NextUnit(rest) {
		if h264.Type(nal[0]) == h264.TypeSPS {
			if with, err := h264.AppendTimed(timed, nal, uint32(depay.H264.ClockRate()/c.place)); err == nil {
				timed = with
				continue
			}
		}
		timed = append(h264.AppendStartCode(timed), nal...)
	}
	return timed
}

// add writes a picture that came.
func (c *copiedFrames) add(slice h264.Slice, pts int64, f depay.Frame) error {
	if !f.Filler {
		c.heard = pts
	}
	c.state.Follow(&slice)
	return c.write(pts, slice.IDR, f.Data)
}

// fill repeats the last picture in all places before the one that is nearest to a time, and returns that. As long as the only
// picture is the first key frame, that is repeated itself where a segment begins: so media that begin late begin at 0 as well.
func (c *copiedFrames) fill(until int64) (pts int64, err error) {
	last := (until + c.place/2) / c.place * c.place
	for pts = c.last + c.place; pts < last; pts += c.place {
		key := c.first != nil && pts >= c.cut
		picture := c.first
		if !key {
			picture = c.state.AppendRepeat(nil)
		}
		if err := c.write(pts, key, picture); err != nil {
			return 0, err
		}
	}
	return pts, nil
}

// closes tells whether the last picture is the last of its fragment. The next one must not be close to it: the muxer has said
// by then that the last one lasts as long as the one before.
func (c *copiedFrames) closes() bool { return c.last+c.place-c.fragment >= c.part }

// write writes a picture, unless it is too late for a segment to begin, and asks for the next key frame in time.
func (c *copiedFrames) write(pts int64, key bool, picture []byte) error {
	if pts > c.cut+c.late+slackPlaces*c.place {
		return fault(c.blame(pts), pts)
	}
	switch cuts := key && pts >= c.cut; {
	case cuts:
		c.cut += c.segment
		c.fragment = pts
	case c.closes():
		c.fragment = pts
	}
	switch {
	case key:
		c.due, c.key = (pts/c.keys+1)*c.keys, pts
	case pts >= c.due:
		c.due = pts + c.again
		c.ask()
	}
	if c.extra = pts < c.last+c.place && pts > 0; c.extra {
		c.extras.Add(1)
	} else {
		c.last = pts
	}
	return c.ivf.WriteFrame(depay.Frame{Codec: depay.H264, PTS: pts, Data: picture})
}

// blame returns why there is no key frame.
func (c *copiedFrames) blame(pts int64) CopyCause {
	switch {
	case pts-c.heard > c.again:
		return KeyFrameMissing
	case pts-c.key <= c.segment+slackPlaces*c.place:
		return KeyFrameMisplaced
	}
	return KeyFrameLate
}

func fault(cause CopyCause, pts int64) error {
	return &CopyError{Cause: cause, At: depay.Frame{Codec: depay.H264, PTS: pts}.Time()}
}
