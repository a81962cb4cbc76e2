package packager

import (
	"slices"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/hls"
)

const (
	mimeHLS  = "application/vnd.apple.mpegurl"
	mimeDASH = "application/dash+xml"

	// audioGroup is the GROUP-ID of the audio, language that of everything: nobody tells us what is spoken.
	audioGroup = "audio"
	language   = "und"

	// timePath answers with the time of day in ISO 8601.
	timePath = "/time"
)

// rung is a rendition as manifests describe it.
type rung struct {
	Rendition
	init      cmaf.Init
	bandwidth int64 // bit/s, peak
	average   int64 // bit/s
	playlist  string
}

func (k *track) rung() rung {
	return rung{
		Rendition: k.Rendition, init: k.init.Init,
		bandwidth: k.bandwidth(), average: k.declaredAverage(),
		playlist: k.ID + ".m3u8",
	}
}

func (t *Timeline) document(mime string, render func() []byte) *document {
	counted := func() []byte {
		t.renders.Add(1)
		return render()
	}
	return &document{mime: []string{mime}, pool: &t.p.packers, render: counted}
}

// discontinuity reports whether EXT-X-DISCONTINUITY precedes the segment.
func (s Segment) discontinuity() bool { return s.First && !s.epoch.fresh }

// mapOf is the initialization segment of the segment, or the one before where its epoch lacks the rendition.
func mapOf(id string, s Segment, before string) string {
	if !s.epoch.has(id) {
		return before
	}
	return s.epoch.name + "/" + initName(id)
}

// manifestDocuments are the multivariant playlist and the MPD as of now; nil while nothing can be played.
func (t *Timeline) manifestDocuments() map[string]*document {
	if !t.ready {
		return nil
	}
	mpd := t.mpd()
	list := multivariantPlaylist(t.newestRungs())
	return map[string]*document{
		multivariant: t.document(mimeHLS, func() []byte { return list.Append(nil) }),
		manifest:     t.document(mimeDASH, func() []byte { return mpd.Append(nil) }),
	}
}

// newestRungs are the renditions of the newest epoch that can be played. A playlist spans epochs, and so does the peak of its rate.
func (t *Timeline) newestRungs() []rung {
	var newest []rung
	peaks := map[string]int64{}
	for _, e := range t.epochs {
		rungs := e.rungs()
		for i := range rungs {
			r := &rungs[i]
			r.bandwidth = max(r.bandwidth, peaks[r.ID])
			peaks[r.ID] = r.bandwidth
		}
		if len(rungs) > 0 {
			newest = rungs
		}
	}
	return newest
}

// rungs are the epoch's renditions once it can be played; of one that ended before, those that have something.
func (e *Epoch) rungs() []rung {
	if !e.ended && !e.complete() {
		return nil
	}
	var rungs []rung
	for _, k := range e.tracks {
		if k.started() {
			rungs = append(rungs, k.rung())
		}
	}
	return rungs
}

func multivariantPlaylist(rungs []rung) hls.MultivariantPlaylist {
	var p hls.MultivariantPlaylist
	var audio rung
	for _, r := range rungs {
		if !r.Video {
			audio = r
		}
	}
	for _, r := range rungs {
		if r.Video {
			p.Variants = append(p.Variants, r.with(audio))
		}
	}
	score(rungs, p.Variants)
	switch {
	case audio.ID == "":
	case len(p.Variants) == 0:
		p.Variants = append(p.Variants, audio.with(rung{}))
	default:
		p.Audio = append(p.Audio, hls.Audio{
			Group: audioGroup, Name: "Audio", Language: language,
			Channels: audio.init.Channels, URI: audio.playlist, Default: true,
		})
	}
	return p
}

// score says, where pictures have several codecs, that earlier variants are to be preferred: hls.js would begin with VP9 or AV1 otherwise,
// adapt to nothing from there, as it switches within a codec only, and fail where the browser decodes it badly.
func score(rungs []rung, variants []hls.Variant) {
	if !slices.ContainsFunc(rungs, func(r rung) bool { return r.Video && r.set() != rungs[0].set() }) {
		return
	}
	for i := range variants {
		variants[i].Score = len(variants) - i
	}
}

// with is the variant that plays r together with the audio, if there is one.
func (r rung) with(audio rung) hls.Variant {
	v := hls.Variant{
		URI: r.playlist, Codecs: r.init.Codec,
		Bandwidth: r.bandwidth + audio.bandwidth, AverageBandwidth: r.average + audio.average,
		Width: r.init.Width, Height: r.init.Height, FrameRate: r.FPS,
	}
	if audio.ID != "" {
		v.Codecs += "," + audio.init.Codec
		v.Audio = audioGroup
	}
	v.AverageBandwidth = min(v.AverageBandwidth, v.Bandwidth)
	return v
}
