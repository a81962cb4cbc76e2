package h264

import (
	"bytes"
	"errors"
	"iter"
)

var (
	// ErrTruncated reports that the bytes end inside what was to be read.
	ErrTruncated = errors.New("truncated")
	// ErrInvalid reports that the bytes are not what they claim to be.
	ErrInvalid = errors.New("not H.264")
	// ErrUnsupported reports that the bytes use what no browser sends and no decoder of one takes.
	ErrUnsupported = errors.New("unsupported H.264")
	// ErrNoSet reports that a slice refers to a parameter set that is not known.
	ErrNoSet = errors.New("unknown parameter set")
)

// NALType is the type of a NAL unit (Table 7-1).
type NALType uint8

// The types that are told apart.
const (
	TypeSlice      NALType = 1
	TypePartitionA NALType = 2 // to 4: data partitions, Extended profile only
	TypePartitionC NALType = 4
	TypeIDR        NALType = 5
	TypeSEI        NALType = 6
	TypeSPS        NALType = 7
	TypePPS        NALType = 8
	TypeDelimiter  NALType = 9
	TypeMaximum    NALType = 23 // of a NAL unit; those above exist in RTP only (RFC 6184 §5.2)
)

const (
	maskForbidden = 0x80 // forbidden_zero_bit
	maskRef       = 0x60 // nal_ref_idc
	maskType      = 0x1f
)

// Type returns the type that a NAL unit's first byte tells.
func Type(header byte) NALType { return NALType(header & maskType) }

// Reference reports whether other pictures may decode from the one with a slice of this first byte: nal_ref_idc is not 0.
func Reference(header byte) bool { return header&maskRef != 0 }

// IsSlice reports whether a NAL unit is a slice, which ParseSlice takes.
func (t NALType) IsSlice() bool { return t == TypeSlice || t == TypeIDR }

const startCode = 4 // bytes

// AppendStartCode begins a NAL unit of a byte stream (Annex B).
func AppendStartCode(dst []byte) []byte { return append(dst, 0, 0, 0, 1) }

// NextUnit returns the first NAL unit of a byte stream (Annex B), without start code and trailing zeros, and the stream from
// the next start code on. Both are empty when there is none.
func NextUnit(stream []byte) (nal, rest []byte) {
	begin := bytes.Index(stream, shortStartCode[:])
	if begin < 0 {
		return nil, nil
	}
	nal = stream[begin+len(shortStartCode):]
	if end := bytes.Index(nal, shortStartCode[:]); end >= 0 {
		nal, rest = nal[:end], nal[end:]
	}
	return bytes.TrimRight(nal, "\x00"), rest
}

// Units yields the NAL units of a byte stream (Annex B), without start codes, trailing zeros and what is before the first start
// code. It leaves out empty ones.
func Units(stream []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := stream; len(rest) > 0; {
			var nal []byte
			if nal, rest = NextUnit(rest); len(nal) > 0 && !yield(nal) {
				return
			}
		}
	}
}

// shortStartCode is start_code_prefix_one_3bytes. Nothing writes to it.
var shortStartCode = [3]byte{2: 1}
