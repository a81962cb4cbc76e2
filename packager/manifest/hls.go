package manifest

import (
	"slices"

	"github.com/sluice-live/sluice/packager/hls"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Names and media types of the manifests.
const (
	MultivariantName = "index.m3u8"
	MPDName          = "manifest.mpd"
	MIMEHLS          = "application/vnd.apple.mpegurl"
	MIMEDASH         = "application/dash+xml"
)

// audioGroup is the GROUP-ID of the audio, language that of everything: nobody says what is spoken.
const (
	audioGroup = "audio"
	language   = "und"
)

// Rendition is a rendition with the name of its media playlist.
type Rendition struct {
	timeline.Description
	Playlist string
}

// Multivariant is the multivariant playlist of the renditions: a variant for each of video, together with the audio.
func Multivariant(renditions []Rendition) hls.MultivariantPlaylist {
	var p hls.MultivariantPlaylist
	var audio Rendition
	for _, r := range renditions {
		if !r.Video {
			audio = r
		}
	}
	for _, r := range renditions {
		if r.Video {
			p.Variants = append(p.Variants, r.with(audio))
		}
	}
	score(renditions, p.Variants)
	switch {
	case audio.ID == "":
	case len(p.Variants) == 0:
		p.Variants = append(p.Variants, audio.with(Rendition{}))
	default:
		p.Audio = append(p.Audio, hls.Audio{
			Group: audioGroup, Name: "Audio", Language: language,
			Channels: audio.Init.Channels, URI: audio.Playlist, Default: true,
		})
	}
	return p
}

// score says, where video has several codecs, that earlier variants are to be preferred: hls.js would begin with another than H.264 otherwise,
// adapt to nothing from there, as it switches within a codec only, and fail where the browser decodes it badly.
func score(renditions []Rendition, variants []hls.Variant) {
	if !slices.ContainsFunc(renditions, func(r Rendition) bool { return r.Video && r.set() != renditions[0].set() }) {
		return
	}
	for i := range variants {
		variants[i].Score = len(variants) - i
	}
}

// with is the variant that plays r together with the audio, if there is one.
func (r Rendition) with(audio Rendition) hls.Variant {
	v := hls.Variant{
		URI: r.Playlist, Codecs: r.Init.Codec,
		Bandwidth: r.Bandwidth + audio.Bandwidth, AverageBandwidth: r.Average + audio.Average,
		Width: r.Init.Width, Height: r.Init.Height, FrameRate: r.FPS,
	}
	if audio.ID != "" {
		v.Codecs += "," + audio.Init.Codec
		v.Audio = audioGroup
	}
	v.AverageBandwidth = min(v.AverageBandwidth, v.Bandwidth)
	return v
}
