package transcode

import (
	"bytes"
	"errors"

	"github.com/sluice-live/sluice/depay/av1"
)

// passthroughAV1 reads temporal units in the low-overhead bitstream format. Its repeat frame is show_existing_frame of the slot that holds
// the last picture, or after a key frame, which cannot be shown again, a picture that copies it and that nothing refers to (AV1
// bitstream specification §6.8.2).
type passthroughAV1 struct {
	refs          av1.References
	header        []byte // payload of the sequence header, which all key frames share; nil before the first
	sequence      av1.Sequence
	width, height uint32 // of key frames
	unit          av1.Unit
}

func (c *passthroughAV1) next(picture []byte) passthroughPicture {
	p := passthroughPicture{data: picture}
	c.unit.Reset()
	if c.unit.Read(picture, &c.sequence) != nil || c.unit.Frames() == 0 {
		p.fault = PicturesUnreadable
		return p
	}
	width, height := c.unit.Size(&c.sequence)
	if p.key = c.unit.Key(); p.key && c.header == nil {
		c.header, c.width, c.height = c.unit.SequenceHeader, width, height
	}
	switch {
	case !c.unit.Shows():
		p.fault = PicturesReordered
	case p.key && (width != c.width || height != c.height),
		c.unit.SequenceHeader != nil && !bytes.Equal(c.unit.SequenceHeader, c.header):
		p.fault = ParametersChanged
	case p.key && !c.unit.ShowsKey():
		p.fault = KeyFrameHidden
	}
	c.refs.FollowUnit(&c.sequence, &c.unit)
	return p
}

func (c *passthroughAV1) repeat() passthroughPicture {
	picture, _ := c.refs.AppendRepeat(nil)
	return passthroughPicture{data: picture}
}

func (c *passthroughAV1) describe(key []byte) (width, height int, err error) {
	if err := c.next(key).beginning(av1.ErrInvalid); err != nil {
		return 0, 0, err
	}
	if !c.sequence.Plain() {
		err = errors.New(notPlain)
	}
	return int(c.width), int(c.height), err
}
