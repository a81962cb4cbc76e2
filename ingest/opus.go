package ingest

import (
	"errors"
	"time"
)

// maxOpusFrame is the longest frame in bytes (RFC 6716 §3.2.1). It fits an RTP packet.
const maxOpusFrame = 1275

var errOpus = errors.New("a packet of its sound is not Opus")

// opusFrames are the frames of a packet (RFC 6716 §3.2). Each plays for the same time, and is a packet behind opusSingle.
func opusFrames(packet []byte) ([][]byte, error) {
	if len(packet) == 0 {
		return nil, errOpus
	}
	rest := packet[1:]
	switch packet[0] & 3 {
	case 0:
		return cutOpus(rest, nil, 1)
	case 1:
		return cutOpus(rest, nil, 2)
	case 2:
		length, rest, err := opusLength(rest)
		if err != nil {
			return nil, err
		}
		return cutOpus(rest, []int{length}, 2)
	}
	return manyOpusFrames(rest)
}

// manyOpusFrames reads a packet of any number of frames (RFC 6716 §3.2.5).
func manyOpusFrames(rest []byte) ([][]byte, error) {
	if len(rest) == 0 || rest[0]&0x3f == 0 {
		return nil, errOpus
	}
	head, count := rest[0], int(rest[0]&0x3f)
	rest = rest[1:]
	padding := 0
	for more := head&0x40 != 0; more; {
		if len(rest) == 0 {
			return nil, errOpus
		}
		n := int(rest[0])
		if more = n == 255; more {
			n--
		}
		padding, rest = padding+n, rest[1:]
	}
	var lengths []int
	for head&0x80 != 0 && len(lengths) < count-1 {
		length, behind, err := opusLength(rest)
		if err != nil {
			return nil, err
		}
		lengths, rest = append(lengths, length), behind
	}
	if padding > len(rest) {
		return nil, errOpus
	}
	return cutOpus(rest[:len(rest)-padding], lengths, count)
}

// cutOpus cuts frames of those lengths, the last being what is left; without lengths they are all of one.
func cutOpus(data []byte, lengths []int, count int) ([][]byte, error) {
	if lengths == nil {
		if len(data)%count != 0 {
			return nil, errOpus
		}
		for range count - 1 {
			lengths = append(lengths, len(data)/count)
		}
	}
	var frames [][]byte
	for _, length := range lengths {
		if length > len(data) || length > maxOpusFrame {
			return nil, errOpus
		}
		frames, data = append(frames, data[:length]), data[length:]
	}
	if len(data) > maxOpusFrame {
		return nil, errOpus
	}
	return append(frames, data), nil
}

// opusLength reads the length of a frame (RFC 6716 §3.2.1).
func opusLength(b []byte) (length int, rest []byte, err error) {
	switch {
	case len(b) > 0 && b[0] < 252:
		return int(b[0]), b[1:], nil
	case len(b) > 1:
		return int(b[1])*4 + int(b[0]), b[2:], nil
	}
	return 0, nil, errOpus
}

// opusSingle begins a packet of one frame like those of packet.
func opusSingle(packet []byte) byte { return packet[0] &^ 3 }

// opusDuration is how long a packet plays (RFC 6716 §3.1); 0 for one that is cut short.
func opusDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 0
	}
	config, frames := packet[0]>>3, 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		frames = int(packet[1] & 0x3f)
	}
	var frame time.Duration // in units of 2.5 ms
	switch {
	case config < 12: // SILK
		frame = [...]time.Duration{4, 8, 16, 24}[config%4]
	case config < 16: // hybrid
		frame = [...]time.Duration{4, 8}[config%2]
	default: // CELT
		frame = [...]time.Duration{1, 2, 4, 8}[config%4]
	}
	return time.Duration(frames) * frame * 2500 * time.Microsecond
}
