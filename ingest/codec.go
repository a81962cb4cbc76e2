package ingest

import (
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

func videoCodecs() []*videoCodec {
	return []*videoCodec{
		{name: "vp8", title: "VP8", mimeType: webrtc.MimeTypeVP8, keyStarts: vp8KeyFrameStarts, size: vp8Size, rank: always, plays: alike},
		// RFC 9628 §6
		{name: "vp9", title: "VP9", mimeType: webrtc.MimeTypeVP9, keyStarts: vp9KeyFrameStarts, rank: firstProfile("profile-id"), plays: alike},
		// RFC 6184 §8
		{name: "h264", title: "H.264", mimeType: webrtc.MimeTypeH264, keyStarts: h264KeyFrameStarts, rank: rankH264, plays: h264Plays},
		// AV1 RTP payload format §7
		{name: "av1", title: "AV1", mimeType: webrtc.MimeTypeAV1, keyStarts: av1KeyFrameStarts, rank: firstProfile("profile"), plays: alike},
	}
}

func always(string) (rank int, taken bool) { return 0, true }

// alike is for codecs of which we take one profile only.
func alike(string, string) (rank int, plays bool) { return 0, true }

// firstProfile takes profile 0 alone (8 bits, 4:2:0), which is meant when none is named.
func firstProfile(name string) func(string) (int, bool) {
	return func(parameters string) (int, bool) { return 0, parameter(parameters, name, "0") == "0" }
}

// videoCodecOf returns the codec with that MIME type; nil when we do not take it.
func videoCodecOf(mimeType string) *videoCodec {
	for _, c := range videoCodecs() {
		if strings.EqualFold(c.mimeType, mimeType) {
			return c
		}
	}
	return nil
}

// videoCodecNames are what Options may name, in the order of sentences.
func videoCodecNames() []string {
	var names []string
	for _, c := range videoCodecs() {
		names = append(names, c.name)
	}
	return names
}

// takenCodecs is what is told to who has offered nothing that we take: VP8, VP9, H.264 or AV1 video and Opus audio.
func takenCodecs(names []string) string {
	var titles []string
	for _, c := range videoCodecs() {
		if len(names) == 0 || slices.Contains(names, c.name) {
			titles = append(titles, c.title)
		}
	}
	last := len(titles) - 1
	list := titles[last]
	if last > 0 {
		list = strings.Join(titles[:last], ", ") + " or " + list
	}
	return "Sluice takes " + list + " video and Opus audio"
}
