package bandwidth

import (
	"encoding/binary"
	"errors"
	"time"
)

// errFeedback reports feedback that ends inside what was to be read.
var errFeedback = errors.New("read transport-wide feedback: truncated")

// Fields of a feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const (
	feedbackBase      = 12 // first sequence number, and how many packets are told of
	feedbackReference = 16 // 24 bits, in 64 ms
	feedbackChunks    = 20
	referenceUnit     = 64 * time.Millisecond
	deltaUnit         = 250 * time.Microsecond
)

// IsFeedback reports whether an RTCP packet is transport-wide feedback.
func IsFeedback(packet []byte) bool {
	return len(packet) >= feedbackChunks && packet[0]&0x1f == 15 && packet[1] == 205
}

// statuses reads the chunks of a feedback packet (§3.1.2): what is told of one packet after the other.
type statuses struct {
	chunks []byte
	chunk  uint16
	run    uint16 // packets that the chunk still tells of
}

// Symbols of a status (§3.1.1).
const (
	notReceived = iota
	smallDelta
	largeDelta
)

func (s *statuses) next() (symbol uint16, ok bool) {
	if s.run == 0 && !s.nextChunk() {
		return 0, false
	}
	s.run--
	switch {
	case s.chunk>>15 == 0: // run length
		return s.chunk >> 13 & 3, true
	case s.chunk>>14&1 == 0: // 14 symbols of a bit
		return s.chunk >> s.run & 1, true
	}
	return s.chunk >> (2 * s.run) & 3, true // 7 of two
}

func (s *statuses) nextChunk() bool {
	for s.run == 0 {
		if len(s.chunks) < 2 {
			return false
		}
		s.chunk, s.chunks = binary.BigEndian.Uint16(s.chunks), s.chunks[2:]
		switch {
		case s.chunk>>15 == 0:
			s.run = s.chunk & 0x1fff
		case s.chunk>>14&1 == 0:
			s.run = 14
		default:
			s.run = 7
		}
	}
	return true
}

// readFeedback tells of each packet in its order whether it has come, and when on the client's clock, which begins anew every 2^24 × 64 ms.
// Nothing is told of a packet that is malformed.
func readFeedback(packet []byte, each func(sequence uint16, received bool, arrival time.Duration)) error {
	if !IsFeedback(packet) {
		return errFeedback
	}
	base, count := binary.BigEndian.Uint16(packet[feedbackBase:]), int(binary.BigEndian.Uint16(packet[feedbackBase+2:]))
	deltas, err := checkFeedback(packet[feedbackChunks:], count)
	if err != nil {
		return err
	}
	reference := uint32(packet[feedbackReference])<<16 | uint32(packet[feedbackReference+1])<<8 | uint32(packet[feedbackReference+2])
	arrival := time.Duration(reference) * referenceUnit
	s := statuses{chunks: packet[feedbackChunks:]}
	for i := range count {
		symbol, _ := s.next()
		switch symbol {
		case smallDelta:
			arrival += time.Duration(deltas[0]) * deltaUnit
			deltas = deltas[1:]
		case largeDelta:
			arrival += time.Duration(int16(binary.BigEndian.Uint16(deltas))) * deltaUnit
			deltas = deltas[2:]
		}
		each(base+uint16(i), symbol == smallDelta || symbol == largeDelta, arrival)
	}
	return nil
}

// checkFeedback returns the deltas, of which there are enough.
func checkFeedback(chunks []byte, count int) (deltas []byte, err error) {
	s, needed := statuses{chunks: chunks}, 0
	for range count {
		symbol, ok := s.next()
		if !ok {
			return nil, errFeedback
		}
		if symbol == smallDelta || symbol == largeDelta {
			needed += int(symbol)
		}
	}
	if len(s.chunks) < needed {
		return nil, errFeedback
	}
	return s.chunks, nil
}
