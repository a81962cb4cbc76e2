package main

import (
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/depay"
)

func allVideo() []depay.Codec { return []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} }

// acceptedCodecs are those that publishers may send.
func acceptedCodecs(c config.Config) (codecs []depay.Codec) {
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
