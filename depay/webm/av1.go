package webm

import (
	"encoding/binary"
	"errors"
)

// Types of OBUs (AV1 §6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
)

const obuHasSize = 0x02 // obu_has_size_field

// obu is an open bitstream unit (AV1 §5.3).
type obu struct {
	kind          byte
	header        []byte // one byte, or two with the extension
	payload, rest []byte // rest is what follows the unit
}

// cutOBU takes the first unit from the low-overhead format (AV1 §5.2).
func cutOBU(b []byte) (u obu, ok bool) {
	if len(b) == 0 {
		return obu{}, false
	}
	size := 1 + int(b[0]>>2&1) // obu_extension_flag
	if len(b) < size {
		return obu{}, false
	}
	u = obu{kind: b[0] >> 3 & 0xf, header: b[:size], payload: b[size:]}
	if b[0]&obuHasSize == 0 {
		return u, true
	}
	length, n := binary.Uvarint(u.payload) // leb128 (§4.10.5)
	if n <= 0 || length > uint64(len(u.payload)-n) {
		return obu{}, false
	}
	u.payload, u.rest = u.payload[n:n+int(length)], u.payload[n+int(length):]
	return u, true
}

// appendAV1 appends a temporal unit as a block is stored: without temporal delimiters. What is no OBU stays as it is.
func appendAV1(b, temporalUnit []byte) []byte {
	for {
		u, ok := cutOBU(temporalUnit)
		if !ok {
			return append(b, temporalUnit...)
		}
		if u.kind != obuTemporalDelimiter {
			b = append(b, temporalUnit[:len(temporalUnit)-len(u.rest)]...)
		}
		temporalUnit = u.rest
	}
}

// av1C returns the AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding §2.3) for the sequence header in a
// key frame.
func av1C(keyFrame []byte) ([]byte, error) {
	u, ok := cutOBU(keyFrame)
	for ok && u.kind != obuSequenceHeader {
		u, ok = cutOBU(u.rest)
	}
	if !ok {
		return nil, errors.New("AV1 key frame without sequence header")
	}
	r := sequenceReader{bits: bits{data: u.payload}}
	r.read()
	if r.short {
		return nil, errors.New("AV1 sequence header is cut short")
	}
	b := []byte{0x81, r.profile<<5 | r.level, r.colour(), 0} // marker and version; no presentation delay
	b = append(append(b, u.header[0]|obuHasSize), u.header[1:]...)
	return append(binary.AppendUvarint(b, uint64(len(u.payload))), u.payload...), nil
}
