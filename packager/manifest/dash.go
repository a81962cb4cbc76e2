package manifest

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/timeline"
)

// representation describes the rendition; template says where its segments are.
func (r Rendition) representation(template dash.SegmentTemplate) dash.Representation {
	rep := dash.Representation{
		ID: r.ID, Codecs: r.Init.Codec, Bandwidth: r.Bandwidth, MimeType: "audio/mp4",
		Template: &template,
	}
	if r.Video {
		rep.MimeType, rep.SAR = "video/mp4", "1:1"
		rep.Width, rep.Height, rep.FrameRate = r.Init.Width, r.Init.Height, frameRate(r.FPS)
		return rep
	}
	rep.AudioSamplingRate = r.Init.SampleRate
	rep.AudioChannels = []dash.Descriptor{{Scheme: dash.SchemeChannels, Value: strconv.Itoa(r.Init.Channels)}}
	return rep
}

// frameRate writes a rate as DASH does, ISO/IEC 23009-1 §5.3.7.2: whole, or over 1001 as television has it.
func frameRate(fps float64) string {
	if whole := math.Round(fps); math.Abs(fps-whole) < 1e-3 {
		return strconv.Itoa(int(whole))
	}
	return strconv.Itoa(int(math.Round(fps*1.001))*1000) + "/1001"
}

// Adaptation sets are told apart by ids that never change (DASH-IF timing model), one for each family of codecs: players switch
// within a set, and few can do so from one codec to another.
const (
	setVideo = 1 + iota // H.264
	setAudio
	setVP9
	setAV1
	setH265
	sets = setH265
)

// set is the adaptation set of the rendition.
func (r Rendition) set() int {
	switch {
	case !r.Video:
		return setAudio
	case r.family() == "vp09":
		return setVP9
	case r.family() == "av01":
		return setAV1
	case r.family() == "hvc1":
		return setH265
	}
	return setVideo
}

// family is the first element of the codec's name: what players can switch within (RFC 6381 §3.3).
func (r Rendition) family() string {
	name, _, _ := strings.Cut(r.Init.Codec, ".")
	return name
}

// AdaptationSets sorts representations into sets. Where there are several of video, that of H.264, which everybody plays, is what
// players begin with.
func AdaptationSets(renditions []Rendition, template func(Rendition) dash.SegmentTemplate) (used []dash.AdaptationSet) {
	var all [sets + 1]dash.AdaptationSet
	for _, r := range renditions {
		set := &all[r.set()]
		set.Representations = append(set.Representations, r.representation(template(r)))
		set.MaxWidth, set.MaxHeight = max(set.MaxWidth, r.Init.Width), max(set.MaxHeight, r.Init.Height)
		if r.Events {
			set.InbandEvents = []dash.Descriptor{{Scheme: cmaf.SchemeID3, Value: timeline.EventValue}}
		}
	}
	several := len(all[setVP9].Representations)+len(all[setAV1].Representations)+len(all[setH265].Representations) > 0
	for id, set := range all {
		if len(set.Representations) == 0 {
			continue
		}
		set.ID, set.SegmentAlignment, set.StartWithSAP = id, true, 1
		set.ContentType, set.MimeType = "video", "video/mp4"
		role := "main"
		switch {
		case id == setAudio:
			set.ContentType, set.MimeType, set.Lang = "audio", "audio/mp4", language
		case id != setVideo:
			role = "alternate"
		case several:
			set.Priority = 2
		}
		set.Roles = []dash.Descriptor{{Scheme: dash.SchemeRole, Value: role}}
		used = append(used, set)
	}
	return used
}
