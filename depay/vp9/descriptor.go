package vp9

import (
	"errors"
	"fmt"
)

var (
	// ErrTruncated reports that the bytes end inside what was to be read.
	ErrTruncated = errors.New("truncated")
	// ErrInvalid reports that the bytes are not VP9.
	ErrInvalid = errors.New("not VP9")
)

// Bits of the descriptor's first octet (RFC 9628 §4.2).
const (
	bitPictureID  = 0x80 // I
	bitPredicted  = 0x40 // P
	bitLayer      = 0x20 // L
	bitFlexible   = 0x10 // F
	bitBegin      = 0x08 // B
	bitEnd        = 0x04 // E
	bitStructure  = 0x02 // V
	bitNotForward = 0x01 // Z
)

const (
	maxReferences = 3 // P_DIFF at most (RFC 9628 §4.2)
	maxLayers     = 8 // that N_S can tell
)

// Descriptor is the VP9 payload descriptor that begins the payload of every RTP packet (RFC 9628 §4.2).
type Descriptor struct {
	Begin         bool // B: the packet begins a frame, which is one spatial layer of a picture
	End           bool // E: the packet ends a frame
	Predicted     bool // P: the frame needs another picture
	Flexible      bool // F: flexible mode
	NotForward    bool // Z: no higher spatial layer of this picture needs the frame
	PictureIDBits uint8
	PictureID     int32 // -1 when absent; PictureIDBits, 7 or 15, is the width at which it wraps, 0 when it is absent

	Layered     bool  // L: the next five mean something
	TID, SID    uint8 // temporal and spatial layer, 0 to 7
	SwitchingUp bool  // U: after this picture, higher temporal layers need no earlier picture of a layer above TID
	InterLayer  bool  // D: the frame needs the spatial layer below it
	TL0PicIdx   int16 // 0 to 255; -1 when absent, as it is in flexible mode

	References uint8                // how many of PDiff are set, in flexible mode
	PDiff      [maxReferences]uint8 // by how much PictureID differs from those of the pictures that the frame needs, 0 to 127

	Structure Structure // V: what the picture is made of
}

// Structure is the scalability structure (RFC 9628 §4.2.1). Its picture group is read over: nothing here relies on it.
type Structure struct {
	Layers        uint8             // spatial layers, 1 to 8; 0 when the structure is absent
	Sized         bool              // Y: Width and Height are there
	Width, Height [maxLayers]uint16 // pixels of each spatial layer
	Group         uint8             // N_G: pictures in the group
}

var errDescriptor = fmt.Errorf("read VP9 payload descriptor: %w", ErrTruncated)

// Unmarshal reads the descriptor at the start of an RTP payload and returns its length in bytes, which may be all of
// the payload. It overwrites every field, also when it fails (ErrTruncated, ErrInvalid), and allocates nothing.
func (d *Descriptor) Unmarshal(payload []byte) (n int, err error) {
	*d = Descriptor{PictureID: -1, TL0PicIdx: -1}
	r := byteReader{data: payload}
	b := r.next()
	d.Predicted, d.Flexible = b&bitPredicted != 0, b&bitFlexible != 0
	d.Begin, d.End, d.NotForward = b&bitBegin != 0, b&bitEnd != 0, b&bitNotForward != 0
	if b&bitPictureID != 0 {
		d.unmarshalPictureID(&r)
	}
	if b&bitLayer != 0 {
		d.unmarshalLayer(&r)
	}
	if d.Flexible && d.Predicted && !d.unmarshalReferences(&r) {
		return 0, fmt.Errorf("read VP9 payload descriptor: more than %d references: %w", maxReferences, ErrInvalid)
	}
	if b&bitStructure != 0 {
		d.Structure.unmarshal(&r)
	}
	if r.short {
		return 0, errDescriptor
	}
	return len(payload) - len(r.data), nil
}

func (d *Descriptor) unmarshalPictureID(r *byteReader) {
	b := r.next()
	d.PictureID, d.PictureIDBits = int32(b&0x7f), 7
	if b&0x80 != 0 {
		d.PictureID, d.PictureIDBits = d.PictureID<<8|int32(r.next()), 15
	}
}

func (d *Descriptor) unmarshalLayer(r *byteReader) {
	b := r.next()
	d.Layered, d.TID, d.SwitchingUp, d.SID, d.InterLayer = true, b>>5, b&0x10 != 0, b>>1&7, b&1 != 0
	if !d.Flexible {
		d.TL0PicIdx = int16(r.next())
	}
}

// unmarshalReferences reads P_DIFF until N is not set; false when there are too many.
func (d *Descriptor) unmarshalReferences(r *byteReader) bool {
	for d.References < maxReferences {
		b := r.next()
		d.PDiff[d.References] = b >> 1
		d.References++
		if b&1 == 0 {
			return true
		}
	}
	return false
}

func (s *Structure) unmarshal(r *byteReader) {
	b := r.next()
	s.Layers, s.Sized = b>>5+1, b&0x10 != 0
	if s.Sized {
		for i := range s.Layers {
			s.Width[i], s.Height[i] = r.next16(), r.next16()
		}
	}
	if b&0x08 != 0 { // G
		s.Group = r.next()
		for range s.Group {
			r.skip(int(r.next() >> 2 & 3)) // R octets of P_DIFF
		}
	}
}

// byteReader reads octets. Past the end it reads zeros and sets short.
type byteReader struct {
	data  []byte
	short bool
}

func (r *byteReader) next() byte {
	if len(r.data) == 0 {
		r.short = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *byteReader) next16() uint16 { return uint16(r.next())<<8 | uint16(r.next()) }

func (r *byteReader) skip(n int) {
	for range n {
		r.next()
	}
}
