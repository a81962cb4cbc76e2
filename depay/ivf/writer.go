package ivf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
)

// Writer writes frames, each in one Write of the underlying writer (the first together with the file header), so that
// the reader of a pipe never waits for the rest of a frame that was handed over. It is not safe for concurrent use.
type Writer struct {
	w      io.Writer
	header Header
	buf    []byte // reused; begins with the file header until that is written
	err    error  // the first failed write: what follows an incomplete frame could not be read

	begun      bool  // a frame has been written
	last, step int64 // PTS of the last frame, and by how much it is later than the one before
}

// NewWriter returns a Writer of which nothing reaches w before the first frame.
func NewWriter(w io.Writer, h Header) *Writer {
	return &Writer{w: w, header: h, buf: appendFileHeader(nil, h), err: h.Validate()}
}

// WriteFrame writes one frame; pts is in units of the header's time base, 1/90000 s by default. A frame longer than
// MaxFrameSize is refused (ErrTooLarge) and the Writer goes on; after a failed write every call returns that error.
func (w *Writer) WriteFrame(pts int64, data []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(data) > MaxFrameSize {
		return fmt.Errorf("write IVF frame of %d bytes: %w", len(data), ErrTooLarge)
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(data)))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(pts))
	w.buf = append(w.buf, data...)
	if _, err := w.w.Write(w.buf); err != nil {
		w.err = fmt.Errorf("write IVF frame: %w", err)
	}
	w.buf = w.buf[:0]
	w.note(pts)
	return w.err
}

// note remembers when frames are, for WriteDuration.
func (w *Writer) note(pts int64) {
	if w.begun {
		w.step = max(pts-w.last, 0)
	}
	w.begun, w.last = true, pts
}

func appendFileHeader(b []byte, h Header) []byte {
	le := binary.LittleEndian
	b = append(b, signature...)
	b = le.AppendUint16(b, 0) // version
	b = le.AppendUint16(b, fileHeaderSize)
	b = append(b, h.FourCC...)
	b = le.AppendUint16(b, h.Width)
	b = le.AppendUint16(b, h.Height)
	b = le.AppendUint32(b, cmp.Or(h.Rate, defaultRate))
	b = le.AppendUint32(b, cmp.Or(h.Scale, 1))
	return le.AppendUint64(b, 0) // length, unknown yet; unused
}
