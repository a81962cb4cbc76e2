package offer

import (
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/media"
)

func videoCodecs() []*media.VideoCodec {
	return []*media.VideoCodec{
		{Name: "vp8", Title: "VP8", MimeType: webrtc.MimeTypeVP8, KeyFrameStarts: vp8.KeyFrameStarts, Size: vp8.KeyFrameSize, Layers: layersVP8, Rank: always, Plays: alike},
		// RFC 9628 §6
		{Name: "vp9", Title: "VP9", MimeType: webrtc.MimeTypeVP9, KeyFrameStarts: vp9.KeyFrameStarts, Size: sizeVP9, Layers: layersVP9, SpatialSizes: sizesVP9,
			Rank: firstProfile("profile-id"), Plays: alike},
		// RFC 6184 §8
		{Name: "h264", Title: "H.264", MimeType: webrtc.MimeTypeH264, KeyFrameStarts: h264.KeyFrameStarts, Rank: rankH264, Plays: h264Plays},
		// AV1 RTP payload format §7
		{Name: "av1", Title: "AV1", MimeType: webrtc.MimeTypeAV1, KeyFrameStarts: av1.KeyFrameStarts, Layers: layersAV1, Described: func() media.Described { return &describedAV1{} },
			Rank: firstProfile("profile"), Plays: alike},
	}
}

func always(string) (rank int, taken bool) { return 0, true }

// alike is for codecs of which we take one profile only.
func alike(string, string) (rank int, plays bool) { return 0, true }

// firstProfile takes profile 0 alone (8 bits, 4:2:0), which is meant when none is named.
func firstProfile(name string) func(string) (int, bool) {
	return func(parameters string) (int, bool) { return 0, Parameter(parameters, name, "0") == "0" }
}

// VideoCodecOf returns the codec with that MIME type; nil when we do not take it.
func VideoCodecOf(mimeType string) *media.VideoCodec {
	for _, c := range videoCodecs() {
		if strings.EqualFold(c.MimeType, mimeType) {
			return c
		}
	}
	return nil
}

// VideoCodecNames are what Options may name, in the order of sentences.
func VideoCodecNames() []string {
	var names []string
	for _, c := range videoCodecs() {
		names = append(names, c.Name)
	}
	return names
}

// TakenCodecs is what is told to who has offered nothing that we take: VP8, VP9, H.264 or AV1 video and Opus audio.
func TakenCodecs(names []string) string {
	var titles []string
	for _, c := range videoCodecs() {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			titles = append(titles, c.Title)
		}
	}
	last := len(titles) - 1
	list := titles[last]
	if last > 0 {
		list = strings.Join(titles[:last], ", ") + " or " + list
	}
	return "Sluice takes " + list + " video and Opus audio"
}
