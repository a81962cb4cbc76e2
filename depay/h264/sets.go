package h264

import (
	"bytes"
	"fmt"
)

// maxSetSize bounds what is kept of one parameter set, in bytes: one with all scaling lists has about 500.
const maxSetSize = 4096

// Sets keeps the parameter sets of one stream. The zero value has none. What it hands out is never changed afterwards: a set
// that comes anew takes the place of the old one.
type Sets struct {
	sps [32]*sequence
	pps [256]*pictures
}

type sequence struct {
	SPS
	nal []byte
}

type pictures struct {
	PPS
	nal []byte
}

// Add keeps a copy of a sequence or picture parameter set, a NAL unit without start code, and reports whether it is another
// one than was known by its number. The error is that of ParseSPS or ParsePPS, or ErrInvalid. It allocates nothing for a
// set that is known.
func (s *Sets) Add(nal []byte) (changed bool, err error) {
	switch {
	case len(nal) == 0:
		return false, fmt.Errorf("read H.264 parameter set: %w", ErrTruncated)
	case len(nal) > maxSetSize:
		return false, fmt.Errorf("read H.264 parameter set: %d bytes, more than %d: %w", len(nal), maxSetSize, ErrInvalid)
	case Type(nal[0]) == TypeSPS:
		return s.addSPS(nal)
	case Type(nal[0]) == TypePPS:
		return s.addPPS(nal)
	}
	return false, fmt.Errorf("read H.264 parameter set: NAL unit type %d: %w", Type(nal[0]), ErrInvalid)
}

func (s *Sets) addSPS(nal []byte) (changed bool, err error) {
	sps, err := ParseSPS(nal)
	if err != nil {
		return false, err
	}
	if known := s.sps[sps.ID]; known != nil && bytes.Equal(known.nal, nal) {
		return false, nil
	}
	s.sps[sps.ID] = newSequence(sps, nal)
	return true, nil
}

func (s *Sets) addPPS(nal []byte) (changed bool, err error) {
	pps, err := ParsePPS(nal)
	if err != nil {
		return false, err
	}
	if known := s.pps[pps.ID]; known != nil && bytes.Equal(known.nal, nal) {
		return false, nil
	}
	s.pps[pps.ID] = newPictures(pps, nal)
	return true, nil
}

// newSequence and newPictures take their first argument to the heap only when they are called.
func newSequence(sps SPS, nal []byte) *sequence { return &sequence{sps, bytes.Clone(nal)} }
func newPictures(pps PPS, nal []byte) *pictures { return &pictures{pps, bytes.Clone(nal)} }

// Append appends the sequence parameter set with that number and all picture parameter sets that go with it, each with a
// start code: what has to stand before an IDR picture for a decoder to begin there.
func (s *Sets) Append(dst []byte, id uint8) []byte {
	sps := s.sps[id&31]
	if sps == nil {
		return dst
	}
	dst = append(AppendStartCode(dst), sps.nal...)
	for _, pps := range s.pps {
		if pps != nil && pps.SPS == id {
			dst = append(AppendStartCode(dst), pps.nal...)
		}
	}
	return dst
}

// find returns a picture parameter set and its sequence parameter set.
func (s *Sets) find(pps uint32) (*PPS, *SPS, error) {
	if pps < uint32(len(s.pps)) && s.pps[pps] != nil {
		p := &s.pps[pps].PPS
		if sps := s.sps[p.SPS]; sps != nil {
			return p, &sps.SPS, nil
		}
	}
	return nil, nil, errNoSet
}

var errNoSet = fmt.Errorf("read H.264 slice header: %w", ErrNoSet)
