package webm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

const (
	blockHead   = 3    // bytes between track number and frame: relative timestamp and flags (RFC 9559 §10.1)
	lacingFlags = 0x06 // RFC 9559 §10.1 and §10.2: no lacing is 0
	minBuffer   = 16 << 10
)

var errUntimed = errors.New("read block: its cluster has no timestamp before it")

// readTimestamp reads the time of a Cluster, in units of the TimestampScale (RFC 9559 §5.1.3.1).
func (r *Reader) readTimestamp(e element) (err error) {
	r.cluster, err = r.readNumber(e, 0)
	r.timed = err == nil
	return err
}

// readBlock reads a SimpleBlock or Block, or passes over it when its track is not known.
func (r *Reader) readBlock(e element) (b Block, found bool, err error) {
	if !r.timed {
		return Block{}, false, errUntimed
	}
	raw, n, err := r.readVint(maxSizeLength)
	if err != nil {
		return Block{}, false, fmt.Errorf("read track of block: %w", noEOF(err))
	}
	if e.size < uint64(n+blockHead) {
		return Block{}, false, fmt.Errorf("read block of %d bytes: less than %d", e.size, n+blockHead)
	}
	track := value(raw, n)
	if !r.known(track) {
		return Block{}, false, r.skip(e.size - uint64(n))
	}
	if e.size > maxBlock {
		return Block{}, false, fmt.Errorf("read block of %d bytes: more than %d", e.size, maxBlock)
	}
	b, err = r.readFrame(track, int(e.size)-n)
	return b, err == nil, err
}

// readFrame reads the n bytes that follow the track number (RFC 9559 §10.1).
func (r *Reader) readFrame(track uint64, n int) (Block, error) {
	data, err := r.fill(n)
	if err != nil {
		return Block{}, fmt.Errorf("read block of track %d: %w", track, err)
	}
	if data[2]&lacingFlags != 0 {
		return Block{}, fmt.Errorf("read block of track %d: it holds several frames (lacing)", track)
	}
	at, err := r.timeOf(int16(binary.BigEndian.Uint16(data)))
	if err != nil {
		return Block{}, fmt.Errorf("read block of track %d: %w", track, err)
	}
	return Block{Track: track, Time: at, Data: data[blockHead:]}, nil
}

// timeOf adds a block's relative timestamp to that of its Cluster (RFC 9559 §11.2).
func (r *Reader) timeOf(relative int16) (time.Duration, error) {
	if limit := math.MaxInt64/r.scale - math.MaxInt16; r.cluster > limit {
		return 0, fmt.Errorf("cluster timestamp %d is more than %d", r.cluster, limit)
	}
	return time.Duration((int64(r.cluster) + int64(relative)) * int64(r.scale)), nil
}

// fill reads n bytes, at most maxBlock, into the buffer, which grows as they arrive: a size that is only claimed takes no
// memory.
func (r *Reader) fill(n int) ([]byte, error) {
	for have := 0; have < n; {
		if have == len(r.buf) {
			r.grow()
		}
		end := min(n, len(r.buf))
		if _, err := io.ReadFull(r.r, r.buf[have:end]); err != nil {
			return nil, noEOF(err)
		}
		have = end
	}
	return r.buf[:n:n], nil
}

func (r *Reader) grow() {
	b := make([]byte, min(maxBlock, max(minBuffer, 2*len(r.buf))))
	copy(b, r.buf)
	r.buf = b
}
