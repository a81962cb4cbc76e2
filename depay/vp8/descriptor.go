package vp8

import (
	"errors"
	"fmt"
)

// ErrTruncated reports that the bytes end inside what was to be read.
var ErrTruncated = errors.New("truncated")

// Bits of the descriptor's first octets (RFC 7741 §4.2).
const (
	bitExtended   = 0x80 // X, and I of the extension octet, and M of the PictureID
	bitTL0PicIdx  = 0x40 // L
	bitNonRef     = 0x20 // N, and T of the extension octet, and Y of the TID octet
	bitStart      = 0x10 // S, and K of the extension octet
	maskPartition = 0x07
	maskKeyIdx    = 0x1f
)

// Descriptor is the VP8 payload descriptor that begins the payload of every RTP packet (RFC 7741 §4.2).
type Descriptor struct {
	Start         bool  // S: the packet begins a VP8 partition; with PartitionID 0 it begins a frame
	NonReference  bool  // N: no other frame needs this one
	PartitionID   uint8 // PID, 0 to 7
	PictureIDBits uint8 // 7 or 15, the width at which PictureID wraps; 0 when it is absent
	PictureID     int32 // -1 when absent
	TL0PicIdx     int16 // 0 to 255; -1 when absent
	TID           int8  // temporal layer, 0 to 3; -1 when absent
	LayerSync     bool  // Y: the frame needs only the base layer; meaningful when TID is present
	KeyIdx        int8  // temporal key frame index, 0 to 31; -1 when absent
}

// Unmarshal reads the descriptor at the start of an RTP payload and returns its length in bytes, which may be all of
// the payload. It overwrites every field, also when it fails (ErrTruncated), and allocates nothing.
func (d *Descriptor) Unmarshal(payload []byte) (n int, err error) {
	*d = Descriptor{PictureID: -1, TL0PicIdx: -1, TID: -1, KeyIdx: -1}
	if len(payload) == 0 {
		return 0, errDescriptor
	}
	d.NonReference = payload[0]&bitNonRef != 0
	d.Start = payload[0]&bitStart != 0
	d.PartitionID = payload[0] & maskPartition
	if payload[0]&bitExtended == 0 {
		return 1, nil
	}
	if len(payload) < 2 {
		return 0, errDescriptor
	}
	return d.unmarshalExtension(payload[1], payload)
}

var errDescriptor = fmt.Errorf("read VP8 payload descriptor: %w", ErrTruncated)

// unmarshalExtension reads the fields that the extension octet ext announces; they begin at payload[2].
func (d *Descriptor) unmarshalExtension(ext byte, payload []byte) (n int, err error) {
	n = 2
	if ext&bitExtended != 0 {
		size := d.unmarshalPictureID(payload[n:])
		if size == 0 {
			return 0, errDescriptor
		}
		n += size
	}
	if ext&bitTL0PicIdx != 0 {
		if n >= len(payload) {
			return 0, errDescriptor
		}
		d.TL0PicIdx = int16(payload[n])
		n++
	}
	if ext&(bitNonRef|bitStart) != 0 {
		if n >= len(payload) {
			return 0, errDescriptor
		}
		d.unmarshalLayer(ext, payload[n])
		n++
	}
	return n, nil
}

// unmarshalPictureID returns the number of bytes that it read, 0 when they are not there.
func (d *Descriptor) unmarshalPictureID(b []byte) int {
	switch {
	case len(b) >= 1 && b[0]&bitExtended == 0:
		d.PictureID, d.PictureIDBits = int32(b[0]), 7
		return 1
	case len(b) >= 2:
		d.PictureID, d.PictureIDBits = int32(b[0]&0x7f)<<8|int32(b[1]), 15
		return 2
	}
	return 0
}

// unmarshalLayer reads the octet that T and K share; the half that was not announced means nothing.
func (d *Descriptor) unmarshalLayer(ext, b byte) {
	if ext&bitNonRef != 0 {
		d.TID, d.LayerSync = int8(b>>6), b&bitNonRef != 0
	}
	if ext&bitStart != 0 {
		d.KeyIdx = int8(b & maskKeyIdx)
	}
}
