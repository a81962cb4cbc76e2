package webm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Reader reads tracks and blocks. It is not safe for concurrent use.
type Reader struct {
	r       *bufio.Reader
	place   place
	lost    bool   // Resume was called, and no Cluster is found yet
	err     error  // the last one, returned again until Resume
	scale   uint64 // ns
	scaled  bool   // Info was read
	tracks  []Track
	entries int    // TrackEntry elements, also those that are not in tracks
	listed  bool   // Tracks was read to its end
	cluster uint64 // Timestamp of the Cluster at hand, in units of scale
	timed   bool   // cluster is set
	buf     []byte // reused for block data; grows up to maxBlock
	block   Block  // the one at hand, of which frames[next:] are still to be returned
	frames  [][]byte
	next    int
	damaged uint64 // blocks that were passed over
}

// place is where among the top elements the Reader is.
type place int

const (
	beforeHeader place = iota
	beforeSegment
	beforeCluster
	inCluster
)

var (
	errSecond   = errors.New("a second recording begins")
	errNoTracks = errors.New("read cluster: there are no tracks before it")
)

// NewReader returns a Reader that has read nothing yet.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReader(r), scale: defaultScale}
}

// Tracks reads to the end of the Tracks element, unless that has been read, and not further, so that it does not wait
// for the first frame. With an error it returns the tracks found so far; the error is that of Next. Tracks of other
// types than audio and video are left out, and so are their blocks.
func (r *Reader) Tracks() ([]Track, error) {
	for !r.listed && r.err == nil {
		r.err = prefixed(r.step()) // no block comes before the tracks are listed
	}
	if r.listed {
		return r.tracks, nil
	}
	return r.tracks, r.err
}

// Next returns the next frame of a track that Tracks lists; damaged blocks are passed over. At an end between elements the error is io.EOF, inside one
// it wraps io.ErrUnexpectedEOF, and it wraps an error of the underlying reader. After any error every call returns the
// same, until Resume.
func (r *Reader) Next() (Block, error) {
	for r.err == nil {
		if b, found := r.takeFrame(); found {
			return b, nil
		}
		r.err = prefixed(r.step())
	}
	return Block{}, r.err
}

// Held is how many bytes the Reader keeps.
func (r *Reader) Held() int { return cap(r.buf) }

// prefixed is the border of the package: inside it errors have no prefix.
func prefixed(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("webm: %w", err)
}

// step reads one element, or of one with children that are read side by side, its ID and size.
func (r *Reader) step() error {
	if r.lost {
		if err := r.findCluster(); err != nil {
			return err
		}
		r.lost = false
	}
	e, err := r.readElement()
	if err != nil {
		return err
	}
	if r.place >= beforeCluster && (e.id == idSimple || e.id == idBlock) {
		return r.readBlock(e)
	}
	return r.enter(e)
}

func (r *Reader) enter(e element) error {
	switch r.place {
	case beforeHeader:
		return r.readHeader(e)
	case beforeSegment:
		return r.enterSegment(e)
	default:
		return r.enterChild(e)
	}
}

// readHeader checks that the stream begins with the header of a WebM or Matroska document (RFC 8794 §11.2).
func (r *Reader) readHeader(e element) error {
	if e.id != idHeader {
		return fmt.Errorf("read header: the first element is %#x, not the EBML header", e.id)
	}
	if e.size > maxHeader {
		return fmt.Errorf("read header of %d bytes: more than %d", e.size, maxHeader)
	}
	kind := ""
	err := r.readChildren(e, func(e element) (err error) {
		if e.id != idDocType {
			return r.skip(e.size)
		}
		kind, err = r.readString(e)
		return err
	})
	if err != nil {
		return err
	}
	if kind != "webm" && kind != "matroska" {
		return fmt.Errorf("read header: document type %q is neither webm nor matroska", kind)
	}
	r.place = beforeSegment
	return nil
}

// enterSegment passes over what may stand between the header and the Segment, such as Void.
func (r *Reader) enterSegment(e element) error {
	switch e.id {
	case idSegment:
		r.place = beforeCluster
		return nil
	case idHeader:
		return errSecond
	case idCluster:
		return errors.New("read cluster: there is no segment before it")
	default:
		return r.skip(e.size)
	}
}

// enterChild reads an element in the Segment, a Cluster or a BlockGroup. Info and Tracks that recur repeat what was read
// (RFC 9559 §5.1.2 and §5.1.4) and are passed over.
func (r *Reader) enterChild(e element) error {
	switch {
	case e.id == idHeader || e.id == idSegment:
		return errSecond
	case e.id == idInfo && !r.scaled:
		return r.readInfo(e)
	case e.id == idTracks && !r.listed:
		return r.readTracks(e)
	case e.id == idCluster:
		return r.enterCluster()
	case e.id == idTimestamp && r.place == inCluster:
		return r.readTimestamp(e)
	case e.id == idGroup:
		return nil
	default:
		return r.skip(e.size)
	}
}

func (r *Reader) enterCluster() error {
	if !r.listed {
		return errNoTracks
	}
	r.place, r.timed = inCluster, false
	return nil
}
