package h264

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Bounds of a Config.
const (
	maxConfigSPS = 31
	maxConfigPPS = 255
)

// sampleLength is how many bytes there are of the length before each NAL unit of a sample that AppendSample makes.
const sampleLength = 4

// Values of profile_idc with 8 bits and 4:2:0 (§A.2), which is what players take.
const (
	ProfileBaseline uint8 = 66
	ProfileMain     uint8 = 77
	ProfileExtended uint8 = 88
	ProfileHigh     uint8 = 100
)

// Config is what a file says of its H.264: an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
type Config struct {
	Profile, Constraints, Level uint8
	LengthSize                  int      // bytes of the length before each NAL unit of a sample: 1 to 4
	SPS, PPS                    [][]byte // NAL units without start codes
}

var errConfig = fmt.Errorf("read H.264 configuration: %w", ErrTruncated)

// ParseConfig reads an AVCDecoderConfigurationRecord, of which it keeps nothing. The error wraps ErrTruncated or ErrInvalid.
func ParseConfig(record []byte) (Config, error) {
	if len(record) < 7 {
		return Config{}, errConfig
	}
	if record[0] != 1 {
		return Config{}, fmt.Errorf("read H.264 configuration of version %d: %w", record[0], ErrInvalid)
	}
	c := Config{Profile: record[1], Constraints: record[2], Level: record[3], LengthSize: int(record[4]&3) + 1}
	sps, rest, err := parseSets(record[6:], int(record[5]&0x1f))
	if err != nil || len(rest) == 0 {
		return Config{}, errConfig
	}
	pps, _, err := parseSets(rest[1:], int(rest[0]))
	if err != nil {
		return Config{}, errConfig
	}
	c.SPS, c.PPS = sps, pps
	return c, nil
}

// parseSets reads parameter sets, each behind its length in two bytes.
func parseSets(b []byte, count int) (sets [][]byte, rest []byte, err error) {
	for range count {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, nil, errConfig
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		sets, b = append(sets, bytes.Clone(b[2:end])), b[end:]
	}
	return sets, b, nil
}

// NewConfig returns the configuration that the parameter sets in a key frame in Annex B make. It shares the bytes of the key frame.
// The error wraps ErrNoSet when there are none, or more than a record holds.
func NewConfig(keyFrame []byte) (Config, error) {
	c := Config{LengthSize: sampleLength}
	for nal := range Units(keyFrame) {
		switch Type(nal[0]) {
		case TypeSPS:
			c.SPS = addSet(c.SPS, nal)
		case TypePPS:
			c.PPS = addSet(c.PPS, nal)
		}
	}
	if len(c.SPS) == 0 || len(c.PPS) == 0 || len(c.SPS) > maxConfigSPS || len(c.PPS) > maxConfigPPS || len(c.SPS[0]) < 4 {
		return Config{}, fmt.Errorf("H.264 key frame without SPS and PPS: %w", ErrNoSet)
	}
	c.Profile, c.Constraints, c.Level = c.SPS[0][1], c.SPS[0][2], c.SPS[0][3]
	return c, nil
}

// addSet adds a parameter set that is not there yet, if its length fits two bytes.
func addSet(sets [][]byte, set []byte) [][]byte {
	same := func(other []byte) bool { return bytes.Equal(set, other) }
	if len(set) > 1<<16-1 || slices.ContainsFunc(sets, same) {
		return sets
	}
	return append(sets, set)
}

// Append appends the AVCDecoderConfigurationRecord. Only for a profile whose SPS says its chroma format is that read: the error
// is that of ParseSPS.
func (c Config) Append(dst []byte) ([]byte, error) {
	dst = append(dst, 1, c.Profile, c.Constraints, c.Level, 0xfc|byte(c.LengthSize-1))
	dst = appendSets(append(dst, 0xe0|byte(len(c.SPS))), c.SPS)
	dst = appendSets(append(dst, byte(len(c.PPS))), c.PPS)
	switch c.Profile {
	case ProfileBaseline, ProfileMain, ProfileExtended:
		return dst, nil
	}
	sps, err := ParseSPS(c.SPS[0])
	if err != nil {
		return nil, err
	}
	return append(dst, 0xfc|sps.ChromaFormat, 0xf8|(sps.BitDepthLuma-8), 0xf8|(sps.BitDepthChroma-8), 0), nil // no SPS extension
}

func appendSets(dst []byte, sets [][]byte) []byte {
	for _, set := range sets {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(set)))
		dst = append(dst, set...)
	}
	return dst
}

// AppendSample appends an access unit in Annex B as a sample is stored (ISO/IEC 14496-15 §5.3.3): each NAL unit behind its length in
// four bytes. Bytes without a start code are one unit.
func AppendSample(dst, stream []byte) []byte {
	begin := len(dst)
	for nal := range Units(stream) {
		dst = appendLength(dst, nal)
	}
	if len(dst) == begin && !bytes.Contains(stream, shortStartCode[:]) {
		if nal := bytes.TrimRight(stream, "\x00"); len(nal) > 0 {
			dst = appendLength(dst, nal)
		}
	}
	return dst
}

func appendLength(dst, nal []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
	return append(dst, nal...)
}

// AppendAnnexB appends the NAL units of a sample with start codes, and the parameter sets before those of an IDR picture. The error
// wraps ErrTruncated.
func (c *Config) AppendAnnexB(dst, sample []byte) ([]byte, error) {
	complete := false
	for len(sample) > 0 {
		nal, rest, err := c.nextUnit(sample)
		if err != nil {
			return nil, err
		}
		sample = rest
		if len(nal) > 0 && Type(nal[0]) == TypeIDR && !complete {
			dst = appendStream(appendStream(dst, c.SPS), c.PPS)
			complete = true
		}
		dst = append(AppendStartCode(dst), nal...)
	}
	return dst, nil
}

// nextUnit cuts the first NAL unit from a sample.
func (c *Config) nextUnit(sample []byte) (nal, rest []byte, err error) {
	if len(sample) < c.LengthSize {
		return nil, nil, errSample
	}
	size := 0
	for _, b := range sample[:c.LengthSize] {
		size = size<<8 | int(b)
	}
	if sample = sample[c.LengthSize:]; size > len(sample) {
		return nil, nil, errSample
	}
	return sample[:size], sample[size:], nil
}

var errSample = fmt.Errorf("read H.264 sample: %w", ErrTruncated)

func appendStream(dst []byte, sets [][]byte) []byte {
	for _, set := range sets {
		dst = append(AppendStartCode(dst), set...)
	}
	return dst
}
