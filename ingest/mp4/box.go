package mp4

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	shortHead = 8  // bytes of size and type (ISO/IEC 14496-12 §4.2)
	longHead  = 16 // the same with a size of 64 bits
)

// head is the size and the type of a box; its data is still to be read.
type head struct {
	kind string
	size uint64 // bytes of data
	head uint64 // bytes of size and type
}

// readHead reads a size and a type. The error is io.EOF only before the first byte.
func (r *Reader) readHead() (head, error) {
	var b [longHead]byte
	if _, err := io.ReadFull(r.r, b[:shortHead]); err != nil {
		if err == io.EOF {
			return head{}, io.EOF
		}
		return head{}, fmt.Errorf("read head of box: %w", err)
	}
	h := head{kind: string(b[4:8]), size: uint64(binary.BigEndian.Uint32(b[:])), head: shortHead}
	switch h.size {
	case 0:
		return head{}, fmt.Errorf("read box %q: it has no end", h.kind)
	case 1:
		if _, err := io.ReadFull(r.r, b[shortHead:]); err != nil {
			return head{}, fmt.Errorf("read size of box %q: %w", h.kind, noEOF(err))
		}
		h.size, h.head = binary.BigEndian.Uint64(b[shortHead:]), longHead
	}
	if h.size < h.head {
		return head{}, fmt.Errorf("read box %q of %d bytes: its head alone has %d", h.kind, h.size, h.head)
	}
	r.at += h.size
	h.size -= h.head
	return h, nil
}

// readBox reads the data of a box.
func (r *Reader) readBox(h head, limit uint64) ([]byte, error) {
	if h.size > limit {
		return nil, fmt.Errorf("read box %q of %d bytes: more than %d", h.kind, h.size, limit)
	}
	if err := r.fill(int(h.size)); err != nil {
		return nil, fmt.Errorf("read box %q of %d bytes: %w", h.kind, h.size, noEOF(err))
	}
	return r.buf[:h.size], nil
}

// walk calls visit for every box in data.
func walk(parent string, data []byte, visit func(kind string, data []byte) error) error {
	for len(data) > 0 {
		if len(data) < shortHead {
			return fmt.Errorf("read boxes in %q: %d bytes are left", parent, len(data))
		}
		size, kind := uint64(binary.BigEndian.Uint32(data)), string(data[4:8])
		begin := uint64(shortHead)
		switch {
		case size == 0: // to the end
			size = uint64(len(data))
		case size == 1 && len(data) >= longHead:
			size, begin = binary.BigEndian.Uint64(data[shortHead:]), longHead
		}
		if size < begin || size > uint64(len(data)) {
			return fmt.Errorf("read box %q of %d bytes in %q: there are %d", kind, size, parent, len(data))
		}
		if err := visit(kind, data[begin:size]); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}

// decode has mp4ff read a box that holds fields, not boxes.
func decode[T mp4.Box](kind string, data []byte, read func(mp4.BoxHeader, uint64, bits.SliceReader) (mp4.Box, error)) (box T, err error) {
	defer func() { // what was sent is no reason to end the program
		if p := recover(); p != nil {
			err = fmt.Errorf("read box %q of %d bytes: %v", kind, len(data), p)
		}
	}()
	sr := bits.NewFixedSliceReader(data)
	read1, err := read(mp4.BoxHeader{Name: kind, Size: uint64(len(data)) + shortHead, Hdrlen: shortHead}, 0, sr)
	if err == nil {
		err = sr.AccError()
	}
	if err != nil {
		return box, fmt.Errorf("read box %q of %d bytes: %w", kind, len(data), err)
	}
	return read1.(T), nil
}

// noEOF makes of an end that comes too early the error that says so.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
