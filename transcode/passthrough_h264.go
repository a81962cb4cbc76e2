package transcode

import (
	"errors"
	"fmt"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/h264"
)

// passthroughH264 reads access units in Annex B. Its repeat frame is a picture of skipped macroblocks that nothing refers to.
type passthroughH264 struct {
	place int64 // ticks from one picture to the next
	begun bool  // a key frame has come
	sets  h264.Sets
	state h264.State
}

func (c *passthroughH264) next(picture []byte) passthroughPicture {
	p := passthroughPicture{data: picture}
	slice, changed, err := firstSlice(&c.sets, picture)
	switch {
	case err != nil:
		p.fault = PicturesUnreadable
		return p
	case changed:
		p.fault = ParametersChanged
	case slice.Type == h264.B, c.state.Reordered(&slice):
		p.fault = PicturesReordered
	}
	if p.key = slice.IDR; p.key {
		c.begun, p.data = true, c.timed(picture)
	}
	if c.begun {
		c.state.Follow(&slice)
	}
	return p
}

func (c *passthroughH264) repeat() passthroughPicture {
	return passthroughPicture{data: c.state.AppendRepeat(nil)}
}

// timed returns a key frame whose parameter sets say how long pictures last: of others ffmpeg takes the last of a segment for one of
// 1/90000 s, and aborts on the first where it decodes pictures too (5.1).
func (c *passthroughH264) timed(picture []byte) []byte {
	timed := make([]byte, 0, len(picture)+32)
	for nal := range h264.Units(picture) {
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

func (c *passthroughH264) describe(key []byte) (width, height int, err error) {
	slice, _, err := firstSlice(&c.sets, key)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("read key frame: %w", err)
	case !slice.IDR:
		return 0, 0, errNoKeyFrame
	}
	c.state.Follow(&slice)
	return int(slice.SPS.Width), int(slice.SPS.Height), passable(slice.SPS)
}

// Bounds of what players take, by Apple's authoring specification (1.3) and the decoders of browsers.
const (
	maxPassthroughLevel = 52 // ten times the level
)

// passable says in words what of a stream players do not take, or cannot be repeated.
func passable(sps *h264.SPS) error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(sps.Profile != h264.ProfileBaseline && sps.Profile != h264.ProfileMain && sps.Profile != h264.ProfileHigh, "profile %d is none of baseline, main and high", sps.Profile)
	refuse(sps.Level > maxPassthroughLevel, "level %d.%d is above 5.2", sps.Level/10, sps.Level%10)
	refuse(sps.ChromaFormat != 1 || sps.BitDepthLuma != 8 || sps.BitDepthChroma != 8, notPlain)
	refuse(!sps.Progressive, "it may be interlaced")
	refuse(sps.MaxReorderFrames > 0, "pictures may not be in the order in which they are shown")
	refuse(sps.SampleAspect[0] != sps.SampleAspect[1], "samples are not square")
	return errors.Join(faults...)
}

// firstSlice reads a picture up to the header of its first slice. Parameter sets before it go into sets; changed reports whether one of
// them is new.
func firstSlice(sets *h264.Sets, picture []byte) (slice h264.Slice, changed bool, err error) {
	for nal := range h264.Units(picture) {
		switch kind := h264.Type(nal[0]); {
		case kind == h264.TypeSPS, kind == h264.TypePPS:
			other, err := sets.Add(nal)
			if err != nil {
				return h264.Slice{}, false, err
			}
			changed = changed || other
		case kind.IsSlice():
			slice, err = sets.ParseSlice(nal[0], nal[1:])
			return slice, changed, err
		}
	}
	return h264.Slice{}, changed, fmt.Errorf("no slice: %w", h264.ErrInvalid)
}
