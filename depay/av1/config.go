package av1

import "fmt"

// AppendConfig appends the AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding §2.3) of the first sequence header in
// a key frame, a temporal unit in the low-overhead format. The error wraps ErrNoSequence when there is none, or is that of
// ParseSequence.
func AppendConfig(dst, keyFrame []byte) ([]byte, error) {
	o, n, err := ParseOBU(keyFrame)
	for err == nil && o.Type != SequenceHeaderType {
		keyFrame = keyFrame[n:]
		o, n, err = ParseOBU(keyFrame)
	}
	if err != nil {
		return nil, fmt.Errorf("AV1 key frame without sequence header: %w", ErrNoSequence)
	}
	s, err := ParseSequence(o.Payload)
	if err != nil {
		return nil, err
	}
	dst = append(dst, 0x81, s.Profile<<5|s.Level, s.configColor(), 0) // marker and version; no presentation delay
	return AppendOBU(dst, o), nil
}

// configColor returns the record's byte of tier, depth and sampling.
func (s *Sequence) configColor() byte {
	return bit(s.Tier, 7) | bit(s.HighBitDepth, 6) | bit(s.TwelveBit, 5) | bit(s.Monochrome, 4) |
		bit(s.SubsamplingX, 3) | bit(s.SubsamplingY, 2) | s.ChromaPosition
}

func bit(set bool, position uint8) byte {
	if set {
		return 1 << position
	}
	return 0
}

// AppendSample appends a temporal unit as a sample is stored, without temporal delimiters (Binding §2.4). What is no OBU stays as it
// is.
func AppendSample(dst, temporalUnit []byte) []byte {
	for len(temporalUnit) > 0 {
		o, n, err := ParseOBU(temporalUnit)
		if err != nil {
			return append(dst, temporalUnit...)
		}
		if o.Type != TemporalDelimiterType {
			dst = append(dst, temporalUnit[:n]...)
		}
		temporalUnit = temporalUnit[n:]
	}
	return dst
}
