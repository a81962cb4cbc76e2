package cmaf

import (
	"errors"
	"fmt"
	"io"
)

// window is how many bytes a Scanner reads at once: the headers of an ordinary fragment and its moof, but little media.
const window = 2048

// Fragment is one whole CMAF chunk of a segment file: [styp] [prft] moof mdat.
type Fragment struct {
	Offset, Size int64  // bytes, from its first box (styp and prft belong to the fragment they precede)
	Moof         int64  // bytes into the fragment at which its moof begins
	DecodeTime   uint64 // ticks of the track's time scale, from the Scanner's origin: when its first sample is decoded (tfdt)
	Duration     uint64 // ticks
	Sequence     uint32 // mfhd's number
	Samples      int
	// CompositionOffset is how much later than DecodeTime the first sample is shown, ticks; 0 without B-frames.
	CompositionOffset int32
	Key               bool // the first sample is a sync sample: decoding can start here
	HasProducerTime   bool // a prft precedes the moof
}

// End is the decode time of whatever follows, in ticks.
func (f Fragment) End() uint64 { return f.DecodeTime + f.Duration }

// Scanner finds the fragments of one segment file that grows. Its zero value scans a track whose init segment has no
// defaults; it is not safe for concurrent use, and allocates nothing once its buffer has grown to the largest moof.
type Scanner struct {
	defaults Defaults
	origin   uint64
	next     int64 // offset of the first box not yet read
	whole    int64 // end of the last whole fragment
	prft     bool  // a prft waits for its moof
	moof     moof  // the moof that waits for its mdat
	moofAt   int64 // where that begins
	pending  bool  // moof is set

	buf   []byte // bytes of the file from offset bufAt on
	bufAt int64
}

// NewScanner scans segments of the track that has these defaults (see [Init]). Decode times are those that the segments tell.
func NewScanner(defaults Defaults) *Scanner { return NewScannerFrom(defaults, 0) }

// NewScannerFrom is a NewScanner that counts decode times from an origin, in ticks, which no fragment may begin before.
func NewScannerFrom(defaults Defaults, origin uint64) *Scanner {
	return &Scanner{defaults: defaults, origin: origin}
}

// Reset prepares for the next file of the same track.
func (s *Scanner) Reset() { *s = Scanner{defaults: s.defaults, origin: s.origin, buf: s.buf[:0]} }

// Offset is where the last whole fragment ends, bytes: a file cut there is a valid segment.
func (s *Scanner) Offset() int64 { return s.whole }

// Scan appends to dst the fragments that have become whole since the last call. The file r has size bytes by now and is
// only ever appended to. An incomplete last fragment is no error: it comes with a later call. An error says which box at
// which offset is wrong, and is final for this file; the fragments found before it are returned with it.
func (s *Scanner) Scan(r io.ReaderAt, size int64, dst []Fragment) ([]Fragment, error) {
	for {
		head, ok, err := s.header(r, size)
		if err != nil || !ok {
			return dst, err
		}
		if s.next+head.size > size {
			return dst, nil
		}
		if head.kind == (kind{'m', 'd', 'a', 't'}) {
			f, err := s.finish(head)
			if err != nil {
				return dst, boxFault(head.kind, s.next, err)
			}
			dst = append(dst, f)
		} else if err := s.box(r, size, head); err != nil {
			return dst, err
		}
		s.next += head.size
	}
}

// header reads the next box's header and checks its size; ok is false when it is not there yet.
func (s *Scanner) header(r io.ReaderAt, size int64) (head header, ok bool, err error) {
	b, err := s.read(r, s.next, min(maxHeader, size-s.next), size)
	if err != nil {
		return head, false, err
	}
	if head, ok = parseHeader(b); !ok {
		return head, false, nil
	}
	if head.size < head.len || head.size > limit(head.kind) {
		return head, false, boxFault(head.kind, s.next, fmt.Errorf("%w: %d bytes", errSize, head.size))
	}
	return head, true, nil
}

func limit(k kind) int64 {
	switch string(k[:]) {
	case "mdat":
		return MaxMdat
	case "moof":
		return MaxMoof
	}
	return MaxOther
}

var (
	errNoMoof = errors.New("no moof before it")
	errNoMdat = errors.New("follows a moof that has no mdat")
	errOut    = errors.New("samples outside of it")
	errEarly  = errors.New("time is before the epoch's first")
)

// box takes in a whole box that is not an mdat.
func (s *Scanner) box(r io.ReaderAt, size int64, head header) error {
	if s.pending {
		return boxFault(head.kind, s.next, errNoMdat)
	}
	switch string(head.kind[:]) {
	case "prft":
		s.prft = true
	case "moof":
		b, err := s.read(r, s.next, head.size, size)
		if err != nil {
			return err
		}
		s.moof = moof{defaults: s.defaults, size: head.size}
		if err := s.moof.parse(box{head.kind, s.next, b[head.len:], s.next + head.len}); err != nil {
			return boxFault(head.kind, s.next, err)
		}
		if s.moof.decodeTime < s.origin {
			return boxFault(head.kind, s.next, errEarly)
		}
		s.pending, s.moofAt = true, s.next
	}
	return nil // styp, emsg and what is unknown belong to the fragment that follows
}

// finish makes the fragment that the mdat at s.next completes.
func (s *Scanner) finish(mdat header) (Fragment, error) {
	if !s.pending {
		return Fragment{}, errNoMoof
	}
	// ISO/IEC 23000-19 §7.3.2.3: all samples of a chunk are in its own mdat.
	m := &s.moof
	if m.samples > 0 && (m.dataStart < m.size+mdat.len || m.dataEnd > m.size+mdat.size) {
		return Fragment{}, errOut
	}
	end := s.next + mdat.size
	f := Fragment{
		Offset: s.whole, Size: end - s.whole, Moof: s.moofAt - s.whole,
		DecodeTime: m.decodeTime - s.origin, Duration: m.duration, Sequence: m.sequence, Samples: m.samples,
		CompositionOffset: m.composition, Key: m.key, HasProducerTime: s.prft,
	}
	s.whole, s.pending, s.prft = end, false, false
	return f, nil
}

// read returns n bytes of the file at offset off, from the buffer when they are there. The result is valid until the
// next read.
func (s *Scanner) read(r io.ReaderAt, off, n, size int64) ([]byte, error) {
	if from := off - s.bufAt; from >= 0 && from+n <= int64(len(s.buf)) {
		return s.buf[from : from+n], nil
	}
	want := min(max(n, window), size-off)
	if int64(cap(s.buf)) < want {
		s.buf = make([]byte, 0, max(want, window))
	}
	s.buf, s.bufAt = s.buf[:0], off
	got, err := r.ReadAt(s.buf[:want], off)
	if int64(got) < want {
		return nil, fmt.Errorf("read %d bytes at %d: %w", want, off, errors.Join(err, io.ErrUnexpectedEOF))
	}
	s.buf = s.buf[:want]
	return s.buf[:n], nil
}
