package mp4

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const minBuffer = 16 << 10

var errSecond = errors.New("a second recording begins")

// Reader reads tracks and samples. It is not safe for concurrent use.
type Reader struct {
	r       *bufio.Reader
	err     error  // the last one, returned again until Resume
	lost    bool   // Resume was called, and no fragment is found yet
	resumed bool   // at is not what the file says
	at      uint64 // bytes to the end of the box at hand
	entries []*entry
	tracks  []Track
	listed  bool // the tracks are known
	places  []place
	begin   uint64 // where the moof at hand begins
	ready   bool   // the data of places is in buf, from next on
	next    int
	damaged uint64
	buf     []byte // reused; grows up to maxFragment
}

// NewReader returns a Reader that has read nothing yet.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// Tracks reads to the end of the moov, unless that has been read, and not further. The error is that of Next. Tracks of other types than
// audio and video are left out, and so are their samples.
func (r *Reader) Tracks() ([]Track, error) {
	for !r.listed && r.err == nil {
		r.err = prefixed(r.step()) // no sample comes before the tracks are listed
	}
	if r.listed {
		return r.tracks, nil
	}
	return nil, r.err
}

// Next returns the next sample; damaged ones are passed over. At an end between boxes the error is io.EOF, inside one it wraps
// io.ErrUnexpectedEOF, and it wraps an error of the underlying reader. After any error every call returns the same, until Resume.
func (r *Reader) Next() (Sample, error) {
	for r.err == nil {
		if r.ready && r.next < len(r.places) {
			p := r.places[r.next]
			r.next++
			return Sample{Track: p.track, Time: p.time, Data: r.buf[p.begin:p.end:p.end]}, nil
		}
		r.err = prefixed(r.step())
	}
	return Sample{}, r.err
}

// Damaged counts the samples that were passed over because they were empty, or not where they should have been.
func (r *Reader) Damaged() uint64 { return r.damaged }

// Held is how many bytes the Reader keeps.
func (r *Reader) Held() int { return cap(r.buf) }

// prefixed is the border of the package: inside it errors have no prefix.
func prefixed(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("mp4: %w", err)
}

// step reads one box.
func (r *Reader) step() error {
	if r.lost {
		if err := r.findFragment(); err != nil {
			return err
		}
		r.lost = false
	}
	begin := r.at
	h, err := r.readHead()
	if err != nil {
		return err
	}
	switch h.kind {
	case "moov":
		if r.listed {
			return errSecond
		}
		data, err := r.readBox(h, maxMovie)
		if err != nil {
			return err
		}
		return r.readMovie(data)
	case "moof":
		if !r.listed {
			return errors.New("read fragment: there are no tracks before it")
		}
		r.ready = false
		data, err := r.readBox(h, maxHead)
		if err != nil {
			return err
		}
		return r.readFragment(data, begin)
	case "mdat":
		return r.enterMedia(h, begin+h.head)
	}
	return r.skip(h)
}

// enterMedia reads the data of a fragment, or passes over what belongs to none.
func (r *Reader) enterMedia(h head, begin uint64) error {
	if !r.listed {
		return errWhole
	}
	if r.ready || len(r.places) == 0 {
		return r.skip(h)
	}
	data, err := r.readBox(h, maxFragment)
	if err != nil {
		return err
	}
	r.readMedia(data, begin)
	return nil
}

// skip discards the data of a box.
func (r *Reader) skip(h head) error {
	if h.size > maxSkipped {
		return fmt.Errorf("skip box %q of %d bytes: more than %d", h.kind, h.size, maxSkipped)
	}
	if _, err := r.r.Discard(int(h.size)); err != nil {
		return fmt.Errorf("skip box %q of %d bytes: %w", h.kind, h.size, noEOF(err))
	}
	return nil
}

// fill reads n bytes into the buffer, which grows as they arrive: a size that is only claimed takes no memory.
func (r *Reader) fill(n int) error {
	for have := 0; have < n; {
		if have == len(r.buf) {
			b := make([]byte, min(maxFragment, max(minBuffer, 2*len(r.buf))))
			copy(b, r.buf)
			r.buf = b
		}
		end := min(n, len(r.buf))
		if _, err := io.ReadFull(r.r, r.buf[have:end]); err != nil {
			return noEOF(err)
		}
		have = end
	}
	return nil
}

// Resume goes on after a hole in the bytes: the next call of Next looks for the next fragment, and goes on from there with the tracks that
// are known. It forgets an error that was returned. The caller makes the underlying reader return an error at the hole.
func (r *Reader) Resume() {
	r.lost, r.resumed, r.err, r.ready = true, true, nil, false
	r.places, r.next = r.places[:0], 0
}

// What a fragment begins with: a moof whose first box is an mfhd (ISO/IEC 14496-12 §8.8.4).
const (
	fragmentHead = 16
	mfhdSize     = 16
)

// findFragment discards bytes up to a fragment. Those that an error of the underlying reader cuts off are dropped, so that they are not
// joined to what comes after another hole.
func (r *Reader) findFragment() error {
	for {
		b, err := r.r.Peek(fragmentHead)
		if err != nil {
			_, _ = r.r.Discard(r.r.Buffered())
			if err == io.EOF {
				return io.EOF
			}
			return fmt.Errorf("find fragment: %w", err)
		}
		size := binary.BigEndian.Uint32(b)
		if string(b[4:8]) == "moof" && size >= fragmentHead && size <= maxHead && binary.BigEndian.Uint32(b[8:]) == mfhdSize && string(b[12:]) == "mfhd" {
			return nil
		}
		b, _ = r.r.Peek(r.r.Buffered())
		n := len(b) - fragmentHead + 1 // at least 1
		if i := bytes.Index(b[5:], []byte("moof")); i >= 0 {
			n = min(n, i+1)
		}
		_, _ = r.r.Discard(n)
	}
}
