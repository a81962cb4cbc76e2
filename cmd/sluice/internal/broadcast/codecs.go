package broadcast

import (
	"encoding/base64"
	"strings"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/h264"
)

// codecOf returns what depay calls the codec of a media type (RFC 4855), whose case does not count; 0 for another one.
func codecOf(mimeType string) depay.Codec {
	for _, c := range []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} {
		if strings.EqualFold(mimeType, "video/"+c.String()) {
			return c
		}
	}
	if strings.EqualFold(mimeType, "audio/opus") {
		return depay.Opus
	}
	return 0
}

// advice is what to change in the encoder of a publisher whose video cannot be taken as it is, "" when all is well.
func advice(s depay.Stats) string {
	switch {
	case s.Video.Dropped[depay.DropBFrames] > 0:
		return "The encoder sends B-frames, which a live stream cannot wait for, and they are left out: set its B-frames to 0."
	case s.Video.BFrames > 0:
		return "The encoder sends B-frames, which browsers do not show over WebRTC, and which are encoded again for HLS and DASH: set its B-frames to 0."
	case s.Video.Dropped[depay.DropInterlaced] > 0:
		return "The encoder sends interlaced pictures, which are left out: set it to progressive."
	}
	return ""
}

// parameterSets returns the NAL units that the format parameters of H.264 have as sprop-parameter-sets (RFC 6184 §8.1). What cannot be
// read is left out: as a rule they come with the video too.
func parameterSets(format string) (units [][]byte) {
	for parameter := range strings.SplitSeq(format, ";") {
		sets, ok := strings.CutPrefix(strings.TrimSpace(parameter), "sprop-parameter-sets=")
		if !ok {
			continue
		}
		for set := range strings.SplitSeq(sets, ",") {
			unit, err := base64.StdEncoding.DecodeString(set)
			if err != nil {
				continue
			}
			if _, err = new(h264.Sets).Add(unit); err == nil {
				units = append(units, unit)
			}
		}
	}
	return units
}
