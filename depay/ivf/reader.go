package ivf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	Header Header

	r     io.Reader
	size  uint16 // of the file header, bytes
	frame [frameHeaderSize]byte
	buf   []byte // reused
}

// NewReader reads the file header. The error wraps ErrInvalid when it is not one.
func NewReader(r io.Reader) (*Reader, error) {
	var b [fileHeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, fmt.Errorf("read IVF header: %w", err)
	}
	size := binary.LittleEndian.Uint16(b[6:])
	if string(b[:4]) != signature || size < fileHeaderSize {
		return nil, fmt.Errorf("read IVF header: %w", ErrInvalid)
	}
	h := Header{
		FourCC: string(b[8:12]),
		Width:  binary.LittleEndian.Uint16(b[12:]),
		Height: binary.LittleEndian.Uint16(b[14:]),
		Rate:   binary.LittleEndian.Uint32(b[16:]),
		Scale:  binary.LittleEndian.Uint32(b[20:]),
	}
	if h.Rate == 0 || h.Scale == 0 {
		return nil, fmt.Errorf("read IVF header: time base %d/%d: %w", h.Scale, h.Rate, ErrInvalid)
	}
	if _, err := io.CopyN(io.Discard, r, int64(size-fileHeaderSize)); err != nil {
		return nil, fmt.Errorf("read IVF header: %w", err)
	}
	return &Reader{Header: h, r: r, size: size}, nil
}

// Next returns the next frame, valid until the next call, and its PTS in units of Header.Scale/Header.Rate seconds.
// At the end the error is io.EOF, inside a frame it wraps io.ErrUnexpectedEOF, and it wraps ErrTooLarge for a frame
// longer than MaxFrameSize.
func (r *Reader) Next() (pts int64, data []byte, err error) {
	h := r.frame[:]
	if _, err := io.ReadFull(r.r, h); err == io.EOF {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, fmt.Errorf("read IVF frame header: %w", err)
	}
	size := binary.LittleEndian.Uint32(h)
	if size > MaxFrameSize {
		return 0, nil, fmt.Errorf("read IVF frame of %d bytes: %w", size, ErrTooLarge)
	}
	if uint32(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	data = r.buf[:size]
	if _, err := io.ReadFull(r.r, data); err != nil {
		return 0, nil, fmt.Errorf("read IVF frame: %w", noEOF(err))
	}
	return int64(binary.LittleEndian.Uint64(h[4:])), data, nil
}

// noEOF makes of an end that comes too early the error that says so.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
