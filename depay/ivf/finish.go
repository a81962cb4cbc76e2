package ivf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// lengthOffset is where the file header has the length of the file. libvpx writes the number of frames there and ffmpeg the duration, in
// units of the time base; players that read it, ffprobe too, take it for the duration.
const lengthOffset = 24

// File is a file that has been written and can be changed in place.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// WriteDuration writes the duration into the header of a file whose frames are all written; one beyond 32 bits is left out. w is the
// file from its first byte on.
func (w *Writer) WriteDuration(file io.WriterAt) error {
	if w.err != nil || !w.begun {
		return w.err
	}
	return writeDuration(file, w.last+w.step)
}

func writeDuration(file io.WriterAt, duration int64) error {
	if duration < 0 || duration > math.MaxUint32 {
		duration = 0
	}
	if _, err := file.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(duration)), lengthOffset); err != nil {
		return fmt.Errorf("write duration of IVF: %w", err)
	}
	return nil
}

// Repair cuts what is left of a frame from the end of a file whose writer was killed, and writes the duration into its header. The error
// wraps ErrInvalid when the file, of so many bytes, does not begin as IVF does.
func Repair(file File, size int64) error {
	header, err := NewReader(io.NewSectionReader(file, 0, size))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	w, end := Writer{}, int64(header.size)
	var frame [frameHeaderSize]byte
	for {
		n, err := file.ReadAt(frame[:], end)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("repair IVF: %w", err)
		}
		after := end + frameHeaderSize + int64(binary.LittleEndian.Uint32(frame[:]))
		if n < frameHeaderSize || after > size {
			break
		}
		w.note(int64(binary.LittleEndian.Uint64(frame[4:])))
		end = after
	}
	if end < size {
		if err := file.Truncate(end); err != nil {
			return fmt.Errorf("repair IVF: %w", err)
		}
	}
	return w.WriteDuration(file)
}
