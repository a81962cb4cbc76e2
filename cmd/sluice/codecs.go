package main

import (
	"strings"

	"github.com/sluice-live/sluice/depay"
)

// isVideoCodec tells whether s is a codec as the configuration names it.
func isVideoCodec(s string) bool { return depayCodec("video/"+s) != 0 }

func allVideo() []depay.Codec { return []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} }

// videoCodecs are those that publishers may send.
func (c Config) videoCodecs() (codecs []depay.Codec) {
	for _, name := range c.Codecs {
		codecs = append(codecs, depayCodec("video/"+name))
	}
	if len(codecs) == 0 {
		return allVideo()
	}
	return codecs
}

// depayCodec returns what depay calls the codec of a media type (RFC 4855), whose case does not count; 0 for another one.
func depayCodec(mimeType string) depay.Codec {
	for _, c := range allVideo() {
		if strings.EqualFold(mimeType, "video/"+c.String()) {
			return c
		}
	}
	return 0
}
