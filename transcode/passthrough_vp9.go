package transcode

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/vp9"
)

// passthroughVP9 reads pictures of one frame, or of several in a superframe. Its repeat frame is show_existing_frame of the slot that holds
// the last picture (VP9 bitstream specification §7.2).
type passthroughVP9 struct {
	refs    vp9.References
	profile uint8
	size    vp9.Size // of all pictures; that of the first key frame
}

func (c *passthroughVP9) next(picture []byte) passthroughPicture {
	p := passthroughPicture{data: picture, fault: PicturesUnreadable}
	unit, err := vp9.Split(picture)
	if err != nil {
		return p
	}
	var first, last vp9.Header // of the frames, and of those that are shown
	var size vp9.Size          // of last
	shown := 0
	for i, frame := range unit.Frames[:unit.Count] {
		h, err := vp9.ParseHeader(frame)
		own, known := c.refs.Size(h)
		if err != nil || !known {
			return p
		}
		if i == 0 {
			first = h
		}
		if h.Show {
			last, size = h, own
			shown++
		}
		c.refs.Follow(h)
	}
	p.key = first.Key
	p.twice, p.echoes = first.Key && unit.Count == 1, last.ShowExisting && c.refs.ShowsKey()
	p.fault = c.judge(first, last, size, shown)
	return p
}

// judge compares a picture with the first key frame. One that shows nothing is there for a later one. A picture in several spatial layers shows the
// highest, which is no key frame where the lowest is one.
func (c *passthroughVP9) judge(first, last vp9.Header, size vp9.Size, shown int) PassthroughCause {
	if first.Key && c.size == (vp9.Size{}) {
		c.profile, c.size = first.Profile, size
	}
	switch {
	case shown != 1:
		return PicturesReordered
	case first.Profile != c.profile || size != c.size:
		return ParametersChanged
	case first.Key && !last.Key:
		return KeyFrameHidden
	}
	return 0
}

func (c *passthroughVP9) repeat() passthroughPicture {
	picture, _ := c.refs.AppendRepeat(nil)
	return passthroughPicture{data: picture, echoes: c.refs.ShowsKey()}
}

func (c *passthroughVP9) describe(key []byte) (width, height int, err error) {
	if err := c.next(key).beginning(vp9.ErrInvalid); err != nil {
		return 0, 0, err
	}
	width, height = int(c.size.Width), int(c.size.Height)
	if c.profile != 0 {
		return width, height, fmt.Errorf("profile %d: %s", c.profile, notPlain)
	}
	return width, height, nil
}
