package webm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
)

const (
	clusterIDLength = 4
	clusterIDFirst  = 0x1F
	crcLength       = 4 // bytes of data of a CRC-32 element (RFC 8794 §11.3.1)

	notVint = math.MaxUint64 // no variable-size integer is as large
)

// Resume goes on after a hole in the bytes: the next call of Next looks for the next Cluster, and goes on from there with
// the tracks that are known. It forgets an error that was returned. The caller makes the underlying reader return an
// error at the hole, since the Reader takes what comes behind it for the rest of the element at hand otherwise.
//
// While no Cluster is found, the end of the input is io.EOF, or io.ErrUnexpectedEOF when what may be one is cut off.
func (r *Reader) Resume() {
	r.lost, r.timed, r.err, r.frames = true, false, nil, r.frames[:0]
	r.next = 0
	r.place = beforeCluster
}

// findCluster discards bytes up to a Cluster. Those that an error of the underlying reader cuts off are dropped, so that
// they are not joined to what comes after another hole.
func (r *Reader) findCluster() error {
	for {
		found, err := r.atCluster()
		if err != nil {
			return r.dropBuffered(err)
		}
		if found {
			return nil
		}
		if err := r.skipToCandidate(); err != nil {
			return err
		}
	}
}

func (r *Reader) dropBuffered(cause error) error {
	if _, err := r.r.Discard(r.r.Buffered()); err != nil {
		return err
	}
	if cause == io.EOF {
		return io.EOF
	}
	return fmt.Errorf("find cluster: %w", cause)
}

// skipToCandidate discards at least one byte, and stops before one that may begin a Cluster. Bytes are buffered.
func (r *Reader) skipToCandidate() error {
	b, err := r.r.Peek(r.r.Buffered())
	if err != nil {
		return err
	}
	n := len(b)
	if i := bytes.IndexByte(b[1:], clusterIDFirst); i >= 0 {
		n = 1 + i
	}
	_, err = r.r.Discard(n)
	return err
}

// atCluster reports whether the next bytes are a Cluster whose first child, or second after a CRC-32, is its Timestamp
// (RFC 9559 §5.1.3.1). It discards nothing, and waits for no more bytes than it looks at.
func (r *Reader) atCluster() (bool, error) {
	b, err := r.r.Peek(clusterIDLength)
	if err != nil || binary.BigEndian.Uint32(b) != idCluster {
		return false, err
	}
	size, at, err := r.peekVint(clusterIDLength)
	if err != nil || size == notVint {
		return false, err
	}
	at, err = r.passCRC(at)
	if err != nil {
		return false, err
	}
	if b, err = r.peek(at + 1); err != nil || b[at] != idTimestamp {
		return false, err
	}
	size, _, err = r.peekVint(at + 1)
	return err == nil && size <= maxNumber, err
}

// passCRC returns the offset after a CRC-32 element (RFC 8794 §11.3.1) when there is one at the offset.
func (r *Reader) passCRC(at int) (int, error) {
	b, err := r.peek(at + 1)
	if err != nil || b[at] != idCRC32 {
		return at, err
	}
	size, end, err := r.peekVint(at + 1)
	if err != nil || size != crcLength {
		return at, err
	}
	return end + crcLength, nil
}

// peekVint returns the variable-size integer at the offset, or notVint, and the offset after it.
func (r *Reader) peekVint(at int) (v uint64, end int, err error) {
	b, err := r.peek(at + 1)
	if err != nil {
		return 0, 0, err
	}
	n := bits.LeadingZeros8(b[at]) + 1
	if n > maxSizeLength {
		return notVint, at, nil
	}
	if b, err = r.peek(at + n); err != nil {
		return 0, 0, err
	}
	for _, c := range b[at:] {
		v = v<<8 | uint64(c)
	}
	return value(v, n), at + n, nil
}

// peek looks at n bytes in the middle of an element.
func (r *Reader) peek(n int) ([]byte, error) {
	b, err := r.r.Peek(n)
	return b, noEOF(err)
}
