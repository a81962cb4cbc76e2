package ingest

import (
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

// videoClockRate is that of all video in RTP, in Hz.
const videoClockRate = 90000

// videoCodec is a codec of pictures that we take and pass on.
type videoCodec struct {
	name, title string // in Options, and in sentences
	mimeType    string // as in a=rtpmap
	keyStarts   func(payload []byte) bool
	// rank tells whether we take it with these parameters, and which of several to prefer: the lowest.
	rank func(parameters string) (rank int, taken bool)
	// plays tells whether, and how well, what has been offered as stream can be sent as what has been offered as player.
	plays func(stream, player string) (rank int, plays bool)
}

func videoCodecs() []*videoCodec {
	return []*videoCodec{
		{"vp8", "VP8", webrtc.MimeTypeVP8, vp8KeyFrameStarts, always, alike},
		{"vp9", "VP9", webrtc.MimeTypeVP9, vp9KeyFrameStarts, firstProfile("profile-id"), alike}, // RFC 9628 §6
		{"h264", "H.264", webrtc.MimeTypeH264, h264KeyFrameStarts, rankH264, h264Plays},          // RFC 6184 §8
		{"av1", "AV1", webrtc.MimeTypeAV1, av1KeyFrameStarts, firstProfile("profile"), alike},    // AV1 RTP payload format §7
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
