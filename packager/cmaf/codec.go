package cmaf

import (
	"errors"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/hevc"
	"github.com/Eyevinn/mp4ff/mp4"
)

// videoCodec returns the RFC 6381 codec string of a sample entry: of AVC and HEVC by ISO/IEC 14496-15 §E.3, of AV1 and VP9 in the short form
// of their ISO Media File Format Bindings; "" when it is of another codec.
func videoCodec(entry *mp4.VisualSampleEntryBox) string {
	name := entry.Type()
	switch {
	case (name == "avc1" || name == "avc3") && entry.AvcC != nil:
		config := entry.AvcC.DecConfRec
		return avc.CodecString(name, &avc.SPS{
			Profile: uint32(config.AVCProfileIndication), ProfileCompatibility: uint32(config.ProfileCompatibility), Level: uint32(config.AVCLevelIndication),
		})
	case (name == "hvc1" || name == "hev1") && entry.HvcC != nil:
		config := entry.HvcC.DecConfRec
		return hevc.CodecString(name, &hevc.SPS{ProfileTierLevel: hevc.ProfileTierLevel{
			GeneralProfileSpace: config.GeneralProfileSpace, GeneralTierFlag: config.GeneralTierFlag, GeneralProfileIDC: config.GeneralProfileIDC,
			GeneralProfileCompatibilityFlags: config.GeneralProfileCompatibilityFlags,
			GeneralConstraintIndicatorFlags:  config.GeneralConstraintIndicatorFlags, GeneralLevelIDC: config.GeneralLevelIDC,
		}})
	case name == "vp09" && entry.VppC != nil:
		return fmt.Sprintf("vp09.%02d.%02d.%02d", entry.VppC.Profile, entry.VppC.Level, entry.VppC.BitDepth)
	case name == "av01" && entry.Av1C != nil:
		return entry.Av1C.CodecString(name)
	}
	return ""
}

// mpeg4Audio is the object type of ISO/IEC 14496-3 (ISO/IEC 14496-1 §7.2.6.6.2).
const mpeg4Audio = 0x40

var (
	errObjectType = errors.New("not MPEG-4 audio")
	errConfig     = errors.New("no audio configuration")
)

// audioCodec returns the RFC 6381 §3.3 codec string of a sample entry: mp4a, the object type in hexadecimal and the audio object type;
// "" when it is of another codec.
func audioCodec(entry *mp4.AudioSampleEntryBox) (string, error) {
	if entry.Type() != "mp4a" || entry.Esds == nil {
		return "", nil
	}
	decoder := entry.Esds.DecConfigDescriptor
	if decoder == nil || decoder.DecSpecificInfo == nil || len(decoder.DecSpecificInfo.DecConfig) < 2 {
		return "", errConfig
	}
	if decoder.ObjectType != mpeg4Audio {
		return "", fmt.Errorf("%w: object type %#x", errObjectType, decoder.ObjectType)
	}
	// ISO/IEC 14496-3 §1.6.2.1: five bits, and six more when they are all ones.
	config := decoder.DecSpecificInfo.DecConfig
	audio := int(config[0] >> 3)
	if audio == 31 {
		audio = 32 + int(config[0]&7)<<3 + int(config[1]>>5)
	}
	return fmt.Sprintf("mp4a.%02X.%d", decoder.ObjectType, audio), nil
}
