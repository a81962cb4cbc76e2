package webm

import (
	"fmt"
	"io"
	"time"
)

// Writer writes one file. It is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	options Options
	store   func(b, frame []byte) []byte // of the video
	at      layout
	written int64 // bytes
	cluster cluster
	cues    cues
	last    int64 // latest time written, ms
	err     error // the first failed write, or ErrClosed: what follows an incomplete cluster could not be read
}

// NewWriter returns a Writer, after it has written the file's header to w. The error is that of Options.Validate or of w.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	header, at := appendHeader(nil, o)
	f := &Writer{w: w, options: o, store: o.storage(), at: at}
	return f, f.write(header)
}

// WriteFrame adds one frame. It is buffered until its cluster ends, which is at the next video key frame, after a second, or
// where time steps that far; frames of both tracks may come in any order within a cluster. The time is kept to the
// millisecond and must not be negative. A frame longer than MaxFrameSize is refused (ErrTooLarge) and the Writer goes on;
// after a failed write every call returns that error.
func (f *Writer) WriteFrame(t Track, pts time.Duration, key bool, data []byte) error {
	switch {
	case f.err != nil:
		return f.err
	case len(data) > MaxFrameSize:
		return fmt.Errorf("write WebM frame of %d bytes: %w", len(data), ErrTooLarge)
	case pts < 0:
		return fmt.Errorf("write WebM frame: negative time %v", pts)
	case !f.options.has(t):
		return fmt.Errorf("write WebM frame: no track %d", t)
	}
	ms := milliseconds(pts)
	if f.cluster.ends(t, ms, key, len(data)) {
		if err := f.Flush(); err != nil {
			return err
		}
	}
	store := appendAsIs
	if t == Video {
		store = f.store
	}
	f.cluster.add(t, ms, key, data, store)
	return nil
}

// Flush writes the cluster in the making, if it has frames. Call it when no frame is expected for a while: nothing else
// brings the last ones to the file before Close.
func (f *Writer) Flush() error {
	if f.err != nil || len(f.cluster.blocks) == 0 {
		return f.err
	}
	f.addCue()
	f.last = max(f.last, f.cluster.last)
	err := f.write(f.cluster.bytes())
	f.cluster.reset()
	return err
}

// addCue notes where the cluster will lie if a player can begin there.
func (f *Writer) addCue() {
	position := f.written - f.at.segment
	switch {
	case f.cluster.key:
		f.cues.add(f.cluster.keyTime, position)
	case f.options.Video == nil:
		f.cues.add(f.cluster.first, position)
	}
}

// Close writes what is buffered and, when the underlying writer can seek, the cues, the duration and the segment's size. It
// does not close the underlying writer.
func (f *Writer) Close() error {
	if err := f.Flush(); err != nil {
		return err
	}
	f.err = ErrClosed
	if s, ok := f.w.(io.WriteSeeker); ok {
		return f.finish(s)
	}
	return nil
}

func (f *Writer) write(b []byte) error {
	n, err := f.w.Write(b)
	f.written += int64(n)
	if err != nil {
		f.err = fmt.Errorf("write WebM: %w", err)
	}
	return f.err
}
