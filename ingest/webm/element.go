package webm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// skipStep is how many bytes are discarded at once: an int of any platform holds it.
const skipStep = 1 << 30

var errUnknownChild = errors.New("read element: a cluster or segment of unknown size lies inside another element")

// element is an ID and a size; the data is still to be read.
type element struct {
	id      uint64
	head    uint64 // bytes that ID and size took
	size    uint64 // bytes of data; 0 when unknown
	unknown bool   // size (RFC 8794 §6.2); of Segment and Cluster only
}

// readElement reads an ID and a size (RFC 8794 §5 and §6). The error is io.EOF only before the first byte.
func (r *Reader) readElement() (element, error) {
	id, n, err := r.readVint(maxIDLength)
	if err == io.EOF {
		return element{}, io.EOF
	}
	if err != nil {
		return element{}, fmt.Errorf("read element ID: %w", err)
	}
	raw, m, err := r.readVint(maxSizeLength)
	if err != nil {
		return element{}, fmt.Errorf("read size of element %#x: %w", id, noEOF(err))
	}
	e := element{id: id, head: uint64(n + m), size: value(raw, m)}
	if e.size != 1<<(7*m)-1 {
		return e, nil
	}
	if id != idSegment && id != idCluster {
		return element{}, fmt.Errorf("read size of element %#x: it is unknown, and the element is neither segment nor cluster", id)
	}
	e.size, e.unknown = 0, true
	return e, nil
}

// readVint reads a variable-size integer (RFC 8794 §4) of at most limit bytes, with the marker bit left in it. The error
// is io.EOF only before the first byte.
func (r *Reader) readVint(limit int) (raw uint64, length int, err error) {
	first, err := r.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	length = bits.LeadingZeros8(first) + 1
	if length > limit {
		return 0, 0, fmt.Errorf("first byte %#02x begins an integer longer than %d bytes", first, limit)
	}
	raw = uint64(first)
	for range length - 1 {
		b, err := r.r.ReadByte()
		if err != nil {
			return 0, 0, noEOF(err)
		}
		raw = raw<<8 | uint64(b)
	}
	return raw, length, nil
}

// value is a variable-size integer without its marker bit.
func value(raw uint64, length int) uint64 {
	return raw ^ 1<<(7*length)
}

// readChildren calls visit for every child; visit reads the data of the child to its end.
func (r *Reader) readChildren(parent element, visit func(element) error) error {
	for left := parent.size; left > 0; {
		e, err := r.readElement()
		if err == io.EOF {
			return fmt.Errorf("read children of element %#x: %w", parent.id, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		if e.unknown {
			return errUnknownChild
		}
		if e.head+e.size > left {
			return fmt.Errorf("read element %#x of %d bytes: its parent has %d left", e.id, e.head+e.size, left)
		}
		left -= e.head + e.size
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// readNumber reads an unsigned integer. An element without data has its default value.
func (r *Reader) readNumber(e element, byDefault uint64) (uint64, error) {
	if e.size > maxNumber {
		return 0, fmt.Errorf("read element %#x of %d bytes: more than %d", e.id, e.size, maxNumber)
	}
	if e.size == 0 {
		return byDefault, nil
	}
	var v uint64
	for range e.size {
		b, err := r.r.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("read element %#x: %w", e.id, noEOF(err))
		}
		v = v<<8 | uint64(b)
	}
	return v, nil
}

// readSmall reads an unsigned integer that counts pixels or channels.
func (r *Reader) readSmall(e element, byDefault uint64) (int, error) {
	v, err := r.readNumber(e, byDefault)
	if err != nil {
		return 0, err
	}
	if v > maxSmall {
		return 0, fmt.Errorf("read element %#x: %d is more than %d", e.id, v, maxSmall)
	}
	return int(v), nil
}

// readString reads a string, which ends at its first zero byte (RFC 8794 §13).
func (r *Reader) readString(e element) (string, error) {
	b, err := r.readBytes(e, maxString)
	if err != nil {
		return "", err
	}
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b), nil
}

func (r *Reader) readBytes(e element, limit uint64) ([]byte, error) {
	if e.size > limit {
		return nil, fmt.Errorf("read element %#x of %d bytes: more than %d", e.id, e.size, limit)
	}
	b := make([]byte, e.size)
	if _, err := io.ReadFull(r.r, b); err != nil {
		return nil, fmt.Errorf("read element %#x of %d bytes: %w", e.id, e.size, noEOF(err))
	}
	return b, nil
}

// skip discards n bytes.
func (r *Reader) skip(n uint64) error {
	for n > 0 {
		step := min(n, skipStep)
		if _, err := r.r.Discard(int(step)); err != nil {
			return fmt.Errorf("skip %d bytes: %w", n, noEOF(err))
		}
		n -= step
	}
	return nil
}

// noEOF makes of an end that comes too early the error that says so.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
