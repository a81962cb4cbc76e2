package webm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

const (
	blockHead = 3 // bytes between track number and frames: relative timestamp and flags (RFC 9559 §10.1)
	minBuffer = 16 << 10
)

var errUntimed = errors.New("read block: its cluster has no timestamp before it")

// readTimestamp reads the time of a Cluster, in units of the TimestampScale (RFC 9559 §5.1.3.1).
func (r *Reader) readTimestamp(e element) (err error) {
	r.cluster, err = r.readNumber(e, 0)
	r.timed = err == nil
	return err
}

// readBlock reads a SimpleBlock or Block, or passes over it when its track is not known, or when it is damaged: that is counted. Its frames
// are then in r.frames.
func (r *Reader) readBlock(e element) error {
	if !r.timed {
		return errUntimed
	}
	n, err := r.peekTrack(e)
	if err != nil {
		return fmt.Errorf("read track of block: %w", noEOF(err))
	}
	if n == 0 {
		r.damaged++
		return r.skip(e.size)
	}
	raw, _, err := r.readVint(maxSizeLength)
	if err != nil {
		return fmt.Errorf("read track of block: %w", noEOF(err))
	}
	track := value(raw, n)
	if !r.known(track) {
		return r.skip(e.size - uint64(n))
	}
	if e.size > maxBlock {
		return fmt.Errorf("read block of %d bytes: more than %d", e.size, maxBlock)
	}
	return r.readFrames(track, int(e.size)-n)
}

// peekTrack returns how many bytes the track number of a block takes; 0 when the block is too small for one.
func (r *Reader) peekTrack(e element) (length int, err error) {
	if e.size == 0 {
		return 0, nil
	}
	first, err := r.r.Peek(1)
	if err != nil {
		return 0, err
	}
	length = bits.LeadingZeros8(first[0]) + 1
	if length > maxSizeLength || e.size < uint64(length+blockHead) {
		return 0, nil
	}
	return length, nil
}

// readFrames reads the n bytes that follow the track number (RFC 9559 §10.1).
func (r *Reader) readFrames(track uint64, n int) error {
	data, err := r.fill(n)
	if err != nil {
		return fmt.Errorf("read block of track %d: %w", track, err)
	}
	at, err := r.timeOf(int16(binary.BigEndian.Uint16(data)))
	if err != nil {
		return fmt.Errorf("read block of track %d: %w", track, err)
	}
	frames, err := unlace(r.frames[:0], data[2], data[blockHead:])
	if err != nil {
		r.damaged++
		return nil
	}
	r.frames, r.next, r.block = frames, 0, Block{Track: track, Time: at}
	return nil
}

// takeFrame returns the next frame of the block at hand.
func (r *Reader) takeFrame() (b Block, found bool) {
	if r.next == len(r.frames) {
		return Block{}, false
	}
	b = r.block
	b.Data, b.Laced = r.frames[r.next], r.next > 0
	r.next++
	return b, true
}

// Damaged counts the blocks that were passed over because they were empty, cut short, or not laced by the rules.
func (r *Reader) Damaged() uint64 { return r.damaged }

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
