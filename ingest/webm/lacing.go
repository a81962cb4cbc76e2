package webm

import (
	"errors"
	"math/bits"
)

// How a block is laced (RFC 9559 §10.2).
const (
	lacingMask  = 0x06
	lacingXiph  = 0x02
	lacingFixed = 0x04
)

var errLacing = errors.New("the sizes of a laced block do not fit it")

// unlace appends the frames of a block to those given; none of them is empty. At most 256 frames are in a block.
func unlace(frames [][]byte, flags byte, data []byte) ([][]byte, error) {
	lacing := flags & lacingMask
	if lacing == 0 {
		return appendFrame(frames, data)
	}
	if len(data) == 0 {
		return frames, errLacing
	}
	count, data := int(data[0])+1, data[1:]
	switch lacing {
	case lacingFixed:
		return unlaceFixed(frames, count, data)
	case lacingXiph:
		return unlaceSized(frames, count, data, xiphSize)
	}
	previous := int64(-1)
	return unlaceSized(frames, count, data, func(b []byte) (int64, int) {
		size, n := ebmlSize(b, previous)
		previous = size
		return size, n
	})
}

func appendFrame(frames [][]byte, frame []byte) ([][]byte, error) {
	if len(frame) == 0 {
		return frames, errLacing
	}
	return append(frames, frame[:len(frame):len(frame)]), nil
}

// unlaceFixed parts data into frames of one size (RFC 9559 §10.3.4).
func unlaceFixed(frames [][]byte, count int, data []byte) (_ [][]byte, err error) {
	if len(data)%count != 0 {
		return frames, errLacing
	}
	size := len(data) / count
	for i := range count {
		if frames, err = appendFrame(frames, data[i*size:(i+1)*size]); err != nil {
			return frames, err
		}
	}
	return frames, nil
}

// unlaceSized parts data that begins with the sizes of all frames but the last. next reads one of them and says how many bytes it
// took; 0 is an error.
func unlaceSized(frames [][]byte, count int, data []byte, next func([]byte) (size int64, n int)) (_ [][]byte, err error) {
	var sizes [255]int64
	total := int64(0)
	for i := range count - 1 {
		size, n := next(data)
		if n == 0 || size < 0 || size > maxBlock {
			return frames, errLacing
		}
		sizes[i], data = size, data[n:]
		total += size
	}
	if total > int64(len(data)) {
		return frames, errLacing
	}
	for _, size := range sizes[:count-1] {
		if frames, err = appendFrame(frames, data[:size]); err != nil {
			return frames, err
		}
		data = data[size:]
	}
	return appendFrame(frames, data)
}

// xiphSize reads a sum of bytes, of which the first below 255 is the last (RFC 9559 §10.3.2).
func xiphSize(data []byte) (size int64, n int) {
	for n < len(data) {
		b := data[n]
		size += int64(b)
		n++
		if b < 255 {
			return size, n
		}
	}
	return 0, 0
}

// ebmlSize reads the first size, or by how much one differs from the one before it (RFC 9559 §10.3.3).
func ebmlSize(data []byte, previous int64) (size int64, n int) {
	if len(data) == 0 {
		return 0, 0
	}
	n = bits.LeadingZeros8(data[0]) + 1
	if n > maxSizeLength || n > len(data) {
		return 0, 0
	}
	var raw uint64
	for _, b := range data[:n] {
		raw = raw<<8 | uint64(b)
	}
	size = int64(value(raw, n))
	if previous < 0 {
		return size, n
	}
	return previous + size - (1<<(7*n-1) - 1), n
}
