package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// avcParameters are those of a recording of H.264 (ISO/IEC 14496-15 §5.3.3.1).
type avcParameters struct {
	profile [3]byte
	length  int      // bytes of the size before each unit
	units   [][]byte // sequence and picture parameter sets
	buffer  []byte
}

var errAVC = errors.New("the recording's H.264 parameters cannot be read")

// parseAVC reads an AVCDecoderConfigurationRecord.
func parseAVC(record []byte) (*avcParameters, error) {
	if len(record) < 7 || record[0] != 1 {
		return nil, errAVC
	}
	p := &avcParameters{profile: [3]byte(record[1:4]), length: int(record[4]&3) + 1}
	count, rest := int(record[5]&0x1f), record[6:]
	for set := range 2 {
		for range count {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
				return nil, errAVC
			}
			size := int(binary.BigEndian.Uint16(rest))
			p.units, rest = append(p.units, slices.Clone(rest[2:2+size])), rest[2+size:]
		}
		if set == 0 {
			if len(rest) == 0 {
				return nil, errAVC
			}
			count, rest = int(rest[0]), rest[1:]
		}
	}
	return p, nil
}

// format is the track as an offer would have it (RFC 6184 §8.1).
func (p *avcParameters) format() string {
	var sets []string
	for _, unit := range p.units {
		sets = append(sets, base64.StdEncoding.EncodeToString(unit))
	}
	return fmt.Sprintf("packetization-mode=1;profile-level-id=%x;sprop-parameter-sets=%s", p.profile, strings.Join(sets, ","))
}

// annexB writes the units of a picture with start codes, a picture that needs no other with its parameter sets. The result is
// valid until the next call.
func (p *avcParameters) annexB(picture []byte) ([]byte, error) {
	p.buffer = p.buffer[:0]
	add := func(unit []byte) { p.buffer = append(append(p.buffer, 0, 0, 0, 1), unit...) }
	told := false
	for len(picture) > 0 {
		if len(picture) < p.length {
			return nil, errors.New("a picture of H.264 is cut short")
		}
		size := 0
		for _, b := range picture[:p.length] {
			size = size<<8 | int(b)
		}
		if picture = picture[p.length:]; size > len(picture) {
			return nil, errors.New("a picture of H.264 is cut short")
		}
		unit := picture[:size]
		picture = picture[size:]
		if size > 0 && unit[0]&nalTypeMask == nalIDR && !told {
			for _, set := range p.units {
				add(set)
			}
			told = true
		}
		add(unit)
	}
	return p.buffer, nil
}
