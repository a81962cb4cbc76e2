package av1

import (
	"errors"
	"fmt"
)

var (
	// ErrTruncated reports that the bytes end inside what was to be read.
	ErrTruncated = errors.New("truncated")
	// ErrInvalid reports that the bytes are not AV1.
	ErrInvalid = errors.New("not AV1")
)

// Type tells what is in an OBU (AV1 §6.2.2).
type Type uint8

// The types that matter here.
const (
	SequenceHeaderType       Type = 1
	TemporalDelimiterType    Type = 2
	FrameHeaderType          Type = 3
	TileGroupType            Type = 4
	MetadataType             Type = 5
	FrameType                Type = 6
	RedundantFrameHeaderType Type = 7
	TileListType             Type = 8
	PaddingType              Type = 15
)

// Bits of the OBU header (AV1 §5.3.2).
const (
	bitForbidden = 0x80
	bitExtension = 0x04
	bitHasSize   = 0x02
)

// maxLEB128 bounds a length (AV1 §4.10.5).
const maxLEB128 = 1<<32 - 1

// OBU is an open bitstream unit (AV1 §5.3).
type OBU struct {
	Type                  Type
	Extended              bool // TemporalID and SpatialID are there
	TemporalID, SpatialID uint8
	Payload               []byte // without header and size; shares the bytes that were parsed
}

// ParseOBU reads the OBU at the start of data and returns its length in bytes. Without a size field it takes all of data.
// The error wraps ErrTruncated or ErrInvalid. It allocates nothing on success.
func ParseOBU(data []byte) (o OBU, n int, err error) {
	if len(data) == 0 {
		return OBU{}, 0, errOBU
	}
	header := data[0]
	if header&bitForbidden != 0 {
		return OBU{}, 0, fmt.Errorf("read OBU: forbidden bit: %w", ErrInvalid)
	}
	o.Type, o.Extended = headerType(header), header&bitExtension != 0
	rest := data[1:]
	if o.Extended {
		if len(rest) == 0 {
			return OBU{}, 0, errOBU
		}
		o.TemporalID, o.SpatialID, rest = rest[0]>>5, rest[0]>>3&3, rest[1:]
	}
	if header&bitHasSize == 0 {
		o.Payload = rest
		return o, len(data), nil
	}
	size, used, err := parseLEB128(rest)
	if err != nil {
		return OBU{}, 0, fmt.Errorf("read OBU: %w", err)
	}
	if size > uint64(len(rest)-used) {
		return OBU{}, 0, errOBU
	}
	o.Payload = rest[used : used+int(size)]
	return o, len(data) - len(rest) + used + int(size), nil
}

var errOBU = fmt.Errorf("read OBU: %w", ErrTruncated)

// headerType returns the type that an OBU's first byte tells.
func headerType(header byte) Type { return Type(header >> 3 & 0xf) }

// AppendOBU appends the OBU to dst with a size field, as the low-overhead bitstream format has it (AV1 §5.2), and returns dst.
func AppendOBU(dst []byte, o OBU) []byte {
	header := byte(o.Type)<<3 | bitHasSize
	if o.Extended {
		dst = append(dst, header|bitExtension, o.TemporalID<<5|o.SpatialID<<3)
	} else {
		dst = append(dst, header)
	}
	return append(appendLEB128(dst, len(o.Payload)), o.Payload...)
}

// AppendTemporalDelimiter appends the OBU that begins every temporal unit (AV1 §7.5).
func AppendTemporalDelimiter(dst []byte) []byte {
	return append(dst, byte(TemporalDelimiterType)<<3|bitHasSize, 0)
}

// parseLEB128 reads a number of at most 8 bytes and 32 bits, and returns how many bytes it took (AV1 §4.10.5).
func parseLEB128(data []byte) (v uint64, n int, err error) {
	for n < 8 {
		if n == len(data) {
			return 0, 0, fmt.Errorf("read LEB128: %w", ErrTruncated)
		}
		b := data[n]
		v |= uint64(b&0x7f) << (7 * n)
		n++
		if v > maxLEB128 {
			break
		}
		if b&0x80 == 0 {
			return v, n, nil
		}
	}
	return 0, 0, fmt.Errorf("read LEB128: more than 32 bits: %w", ErrInvalid)
}

func appendLEB128(dst []byte, v int) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}
