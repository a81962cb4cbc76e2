package webm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
)

// Types of NAL units (ITU-T H.264 table 7-1).
const (
	nalSPS = 7
	nalPPS = 8
)

// Bounds of an AVCDecoderConfigurationRecord.
const (
	maxSPS       = 31
	maxPPS       = 255
	maxParameter = 1<<16 - 1 // bytes
)

var startCode = []byte{0, 0, 1}

// nalUnits yields the NAL units of a byte stream (ITU-T H.264 §B.1) without what pads them. Bytes without a start code are one.
func nalUnits(stream []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if at := bytes.Index(stream, startCode); at >= 0 {
			stream = stream[at+len(startCode):]
		}
		for more := true; more; {
			var unit []byte
			unit, stream, more = bytes.Cut(stream, startCode)
			unit = bytes.TrimRight(unit, "\x00") // of the next start code, or trailing_zero_8bits: a unit ends with a 1 bit
			if len(unit) > 0 && !yield(unit) {
				return
			}
		}
	}
}

// appendH264 appends an access unit as a sample is stored (ISO/IEC 14496-15 §5.3.3): each NAL unit after its length in 4 bytes.
func appendH264(b, stream []byte) []byte {
	for unit := range nalUnits(stream) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(unit)))
		b = append(b, unit...)
	}
	return b
}

// avcC returns the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1) for the parameter sets in a key frame.
func avcC(keyFrame []byte) ([]byte, error) {
	var sps, pps [][]byte
	for unit := range nalUnits(keyFrame) {
		switch unit[0] & 0x1f {
		case nalSPS:
			sps = addParameter(sps, unit)
		case nalPPS:
			pps = addParameter(pps, unit)
		}
	}
	if len(sps) == 0 || len(pps) == 0 || len(sps) > maxSPS || len(pps) > maxPPS || len(sps[0]) < 4 {
		return nil, errors.New("H.264 key frame without SPS and PPS")
	}
	b := []byte{1, sps[0][1], sps[0][2], sps[0][3], 0xfc | 3} // version, profile, constraints, level, bytes of a length - 1
	b = appendParameters(append(b, 0xe0|byte(len(sps))), sps)
	b = appendParameters(append(b, byte(len(pps))), pps)
	return appendHigh(b, sps[0]), nil
}

// addParameter adds a parameter set that is not there yet.
func addParameter(sets [][]byte, set []byte) [][]byte {
	same := func(other []byte) bool { return bytes.Equal(set, other) }
	if len(set) > maxParameter || slices.ContainsFunc(sets, same) {
		return sets
	}
	return append(sets, set)
}

func appendParameters(b []byte, sets [][]byte) []byte {
	for _, set := range sets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(set)))
		b = append(b, set...)
	}
	return b
}

// appendHigh appends the chroma format and the bit depths, for profiles whose SPS has them (ITU-T H.264 §7.3.2.1.1).
func appendHigh(b, sps []byte) []byte {
	switch sps[1] {
	case 66, 77, 88: // Baseline, Main, Extended
		return b
	}
	r := bits{data: bytes.ReplaceAll(sps[4:], []byte{0, 0, 3}, []byte{0, 0})} // without emulation prevention (§7.4.1)
	r.ue()                                                                    // seq_parameter_set_id
	chroma := r.ue()
	if chroma == 3 {
		r.u(1) // separate_colour_plane_flag
	}
	luma, depth := r.ue(), r.ue()
	return append(b, 0xfc|byte(chroma)&3, 0xf8|byte(luma)&7, 0xf8|byte(depth)&7, 0) // no SPS extension
}
