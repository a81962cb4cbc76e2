package cmaf

import (
	"errors"
	"fmt"
)

// avcCodec is the RFC 6381 §3.4 string of an avcC box: the entry's name and the profile, compatibility and level bytes.
func avcCodec(entry kind, avcC []byte) (string, error) {
	if len(avcC) < 4 {
		return "", errShort
	}
	return fmt.Sprintf("%s.%02X%02X%02X", entry[:], avcC[1], avcC[2], avcC[3]), nil
}

// vp9Codec is the codecs string of a vpcC box, in its short form: profile, level and bit depth (VP Codec ISO Media File Format Binding,
// version 1.0, "Codecs Parameter String").
func vp9Codec(vpcC []byte) (string, error) {
	f := fields{b: vpcC}
	f.full()
	profile, level, depth := f.u8(), f.u8(), f.u8()>>4
	return fmt.Sprintf("vp09.%02d.%02d.%02d", profile, level, depth), f.err()
}

// av1Codec is the codecs string of an av1C box, in its short form: profile, level and tier, and bit depth (AV1 Codec ISO Media File
// Format Binding, version 1.2, §2.3.3 and §5).
func av1Codec(av1C []byte) (string, error) {
	f := fields{b: av1C}
	f.u8() // marker, version
	profileLevel, flags := f.u8(), f.u8()
	tier, depth := 'M', 8
	if flags&0x80 != 0 {
		tier = 'H'
	}
	switch flags >> 5 & 3 { // high_bitdepth, twelve_bit
	case 2:
		depth = 10
	case 3:
		depth = 12
	}
	return fmt.Sprintf("av01.%d.%02d%c.%02d", profileLevel>>5, profileLevel&31, tier, depth), f.err()
}

// Descriptor tags of ISO/IEC 14496-1 §7.2.2.1.
const (
	tagES       = 3
	tagDecoder  = 4
	tagSpecific = 5
)

// mpeg4Audio is the object type of ISO/IEC 14496-3: ISO/IEC 14496-1 §7.2.6.6.2.
const mpeg4Audio = 0x40

var errObjectType = errors.New("not MPEG-4 audio")

// mp4aCodec is the RFC 6381 §3.3 string of an esds box: mp4a, the object type in hexadecimal and the audio object type.
func mp4aCodec(esds []byte) (string, error) {
	f := fields{b: esds}
	f.full()
	f.descriptor(tagES)
	f.skip(2) // ES_ID
	f.skipOptions(f.u8())
	f.descriptor(tagDecoder)
	object := f.u8()
	f.skip(12) // stream type, buffer size, bit rates
	f.descriptor(tagSpecific)
	config := f.u16()
	if err := f.err(); err != nil {
		return "", err
	}
	if object != mpeg4Audio {
		return "", fmt.Errorf("%w: object type %#x", errObjectType, object)
	}
	// ISO/IEC 14496-3 §1.6.2.1: five bits, and six more when they are all ones.
	audio := config >> 11
	if audio == 31 {
		audio = 32 + config>>5&63
	}
	return fmt.Sprintf("mp4a.%02X.%d", object, audio), nil
}

// skipOptions skips the fields of an ES_Descriptor that its flags announce: ISO/IEC 14496-1 §7.2.6.5.
func (f *fields) skipOptions(flags uint8) {
	if flags&0x80 != 0 {
		f.skip(2)
	}
	if flags&0x40 != 0 {
		f.skip(int(f.u8()))
	}
	if flags&0x20 != 0 {
		f.skip(2)
	}
}

// descriptor reads a descriptor's tag, which must be want, and its length of up to four bytes.
func (f *fields) descriptor(want uint8) {
	if f.u8() != want {
		f.short = true
	}
	for range 4 {
		if f.u8()&0x80 == 0 {
			return
		}
	}
}
