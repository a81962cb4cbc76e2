package cmaf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	errShort = errors.New("shorter than its fields")
	errSize  = errors.New("size does not fit")
)

// kind is a box's four-character code.
type kind [4]byte

func (k kind) String() string { return fmt.Sprintf("%q", k[:]) }

// box is one ISO BMFF box of a buffer.
type box struct {
	kind   kind
	at     int64 // offset of its first byte in the file
	body   []byte
	bodyAt int64 // offset of the body's first byte
}

// fault says which box is wrong, and where.
func (b box) fault(err error) error { return boxFault(b.kind, b.at, err) }

func boxFault(k kind, at int64, err error) error {
	return fmt.Errorf("box %v at %d: %w", k, at, err)
}

// header is the start of a box: ISO/IEC 14496-12 §4.2.
type header struct {
	kind kind
	len  int64 // of the header itself: 8 or 16 bytes
	size int64 // of the whole box
}

// maxHeader is the longest header: a 32-bit size, a kind and a 64-bit size.
const maxHeader = 16

// parseHeader reads a header; ok is false while b holds too little of it. A size of 0 (to the end of the file) has no
// meaning in a file that grows, and comes out as too small.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < 8 {
		return h, false
	}
	h = header{kind: kind(b[4:8]), len: 8, size: int64(binary.BigEndian.Uint32(b))}
	if h.size != 1 {
		return h, true
	}
	if len(b) < maxHeader {
		return h, false
	}
	h.len = maxHeader
	h.size = int64(binary.BigEndian.Uint64(b[8:])) // above 2^63: negative, so too small
	return h, true
}

// nextBox cuts the first box off b, whose first byte has the offset at.
func nextBox(b []byte, at int64) (first box, rest []byte, err error) {
	h, ok := parseHeader(b)
	if !ok {
		return box{}, nil, fmt.Errorf("box at %d: %w", at, errShort)
	}
	if h.size < h.len || h.size > int64(len(b)) {
		return box{}, nil, boxFault(h.kind, at, errSize)
	}
	return box{h.kind, at, b[h.len:h.size], at + h.len}, b[h.size:], nil
}

// each calls do for every box inside the body of b, and says which one failed.
func each(b box, do func(box) error) error {
	for at, rest := b.bodyAt, b.body; len(rest) > 0; {
		child, after, err := nextBox(rest, at)
		if err != nil {
			return err
		}
		if err := do(child); err != nil {
			return child.fault(err)
		}
		at += int64(len(rest) - len(after))
		rest = after
	}
	return nil
}

// fields reads big-endian fields off a payload. Past the end it reads zeros and remembers that it did.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) next(n int) []byte {
	if n > len(f.b) {
		f.b, f.short = nil, true
		return make([]byte, 8)[:min(n, 8)]
	}
	head := f.b[:n]
	f.b = f.b[n:]
	return head
}

func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.next(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.next(8)) }

// full reads the version and the flags of a full box.
func (f *fields) full() (version uint8, flags uint32) {
	word := f.u32()
	return uint8(word >> 24), word & 0xffffff
}

// err is errShort when something was read past the end.
func (f *fields) err() error {
	if f.short {
		return errShort
	}
	return nil
}
