package vp8

import (
	"errors"
	"fmt"
)

const (
	tagSize      = 3  // frame tag (RFC 6386 §9.1)
	keyTagSize   = 10 // with start code and dimensions, key frames only
	maxDimension = 1<<14 - 1
)

// ErrInvalid reports that the bytes are not a VP8 frame.
var ErrInvalid = errors.New("not a VP8 frame")

// Header is what the beginning of a frame says about it (RFC 6386 §9.1 to §9.3).
type Header struct {
	Key            bool
	Show           bool   // false for a frame that is decoded only to be referenced
	Segmentation   bool   // segmentation_enabled, which a repeat frame has to mirror
	Version        uint8  // bitstream profile, 0 to 3 (higher values are reserved)
	Width, Height  uint16 // pixels, upscaling hints removed; 0 in inter frames
	FirstPartition uint32 // bytes
}

// ParseHeader reads the header of a whole frame. The error wraps ErrTruncated when the frame is shorter than its header
// or its first partition, and ErrInvalid when no decoder would take it. It allocates nothing on success.
func ParseHeader(frame []byte) (Header, error) {
	if len(frame) < tagSize {
		return Header{}, errHeader
	}
	tag := uint32(frame[0]) | uint32(frame[1])<<8 | uint32(frame[2])<<16
	h := Header{Key: tag&1 == 0, Version: uint8(tag >> 1 & 7), Show: tag>>4&1 == 1, FirstPartition: tag >> 5}
	body := frame[tagSize:]
	if h.Key {
		if len(frame) < keyTagSize {
			return Header{}, errHeader
		}
		if err := h.parseKey(body); err != nil {
			return Header{}, err
		}
		body = frame[keyTagSize:]
	}
	if h.FirstPartition == 0 {
		return Header{}, fmt.Errorf("read VP8 header: empty first partition: %w", ErrInvalid)
	}
	if int(h.FirstPartition) > len(body) {
		return Header{}, errHeader
	}
	h.Segmentation = parseSegmentation(body[:h.FirstPartition], h.Key)
	return h, nil
}

var errHeader = fmt.Errorf("read VP8 header: %w", ErrTruncated)

// parseKey reads start code and dimensions; the upper two bits of each dimension are an upscaling hint.
func (h *Header) parseKey(b []byte) error {
	if b[0] != 0x9d || b[1] != 0x01 || b[2] != 0x2a {
		return fmt.Errorf("read VP8 header: no key frame start code: %w", ErrInvalid)
	}
	h.Width = (uint16(b[3]) | uint16(b[4])<<8) & maxDimension
	h.Height = (uint16(b[5]) | uint16(b[6])<<8) & maxDimension
	if h.Width == 0 || h.Height == 0 {
		return fmt.Errorf("read VP8 header: %dx%d pixels: %w", h.Width, h.Height, ErrInvalid)
	}
	return nil
}

// parseSegmentation reads segmentation_enabled, which only color_space and clamping_type precede, in key frames
// (RFC 6386 §9.2 and §9.3).
func parseSegmentation(partition []byte, key bool) bool {
	r := newBoolReader(partition)
	if key {
		r.literal(2)
	}
	return r.literal(1) == 1
}
