package h264

import "errors"

var (
	// ErrTruncated tells that the bytes end inside what was to be read.
	ErrTruncated = errors.New("truncated")
	// ErrInvalid tells that the bytes are not what they claim to be.
	ErrInvalid = errors.New("not H.264")
	// ErrUnsupported tells that the bytes use what no browser sends and no decoder of one takes.
	ErrUnsupported = errors.New("unsupported H.264")
	// ErrNoSet tells that a slice refers to a parameter set that is not known.
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

// Reference tells whether other pictures may decode from the one with a slice of this first byte: nal_ref_idc is not 0.
func Reference(header byte) bool { return header&maskRef != 0 }

// IsSlice tells whether a NAL unit is a slice, which ParseSlice takes.
func (t NALType) IsSlice() bool { return t == TypeSlice || t == TypeIDR }

// AppendStartCode begins a NAL unit of a byte stream (Annex B).
func AppendStartCode(dst []byte) []byte { return append(dst, 0, 0, 0, 1) }
