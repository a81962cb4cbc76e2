package packager

import (
	"math"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/dash"
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
		bandwidth: k.bandwidth(), average: int64(k.Bitrate),
		playlist: k.ID + ".m3u8",
	}
}

func (p *Packager) document(mime string, render func() []byte) *document {
	return &document{mime: []string{mime}, pool: &p.packers, render: render}
}

// mediaDocument is the rendition's media playlist as of now.
func (t *Timeline) mediaDocument(l *listing) *document {
	segments, ended, target := l.segments, t.ended, t.p.opts.targetDuration()
	return t.p.document(mimeHLS, func() []byte {
		p := livePlaylist(l.id, segments, target)
		p.Ended = ended
		return p.Append(make([]byte, 0, 256+len(segments)*192))
	})
}

// livePlaylist describes segments under their public names.
func livePlaylist(id string, segments []Segment, target int) hls.MediaPlaylist {
	p := hls.MediaPlaylist{
		TargetDuration: target, MediaSequence: segments[0].MSN,
		DiscontinuitySequence: segments[0].epoch.disc,
		Segments:              make([]hls.Segment, len(segments)),
	}
	// rfc8216bis §6.2.2: the sequence counts the discontinuities that have left; one that the first segment carries has not.
	if segments[0].discontinuity() {
		p.DiscontinuitySequence--
	}
	initURI := mapURI(id, segments)
	for i, s := range segments {
		if i > 0 && s.epoch != segments[i-1].epoch {
			initURI = mapOf(id, s, initURI)
		}
		p.Segments[i] = hls.Segment{
			URI:      s.epoch.name + "/" + segmentName(id, s.MSN),
			Duration: s.Duration, Timescale: int64(s.Timescale),
			Map: initURI, Gap: s.Gap,
			ProgramDateTime: s.wall(),
			Discontinuity:   s.discontinuity(),
		}
	}
	return p
}

// discontinuity tells whether EXT-X-DISCONTINUITY precedes the segment.
func (s Segment) discontinuity() bool { return s.First && !s.epoch.fresh }

// mapURI is the initialization segment of the first segment: the first there is, since either all segments name one or none.
func mapURI(id string, segments []Segment) string {
	for _, s := range segments {
		if uri := mapOf(id, s, ""); uri != "" {
			return uri
		}
	}
	return ""
}

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
	list := hls.MultivariantPlaylist{}
	for _, e := range t.epochs {
		if rungs := e.rungs(); len(rungs) > 0 {
			list = multivariantPlaylist(rungs)
		}
	}
	return map[string]*document{
		multivariant: t.p.document(mimeHLS, func() []byte { return list.Append(nil) }),
		manifest:     t.p.document(mimeDASH, func() []byte { return mpd.Append(nil) }),
	}
}

// rungs are the epoch's renditions once it can be played; of one that ended before, those that have something.
func (e *Epoch) rungs() []rung {
	if !e.ended && !e.complete() {
		return nil
	}
	var rungs []rung
	for _, k := range e.tracks {
		if k.length > 0 {
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

// representation describes the rung; template says where its segments are.
func (r rung) representation(template dash.SegmentTemplate) dash.Representation {
	rep := dash.Representation{
		ID: r.ID, Codecs: r.init.Codec, Bandwidth: r.bandwidth, MimeType: "audio/mp4",
		Template: &template,
	}
	if r.Video {
		rep.MimeType, rep.SAR = "video/mp4", "1:1"
		rep.Width, rep.Height, rep.FrameRate = r.init.Width, r.init.Height, frameRate(r.FPS)
		return rep
	}
	rep.AudioSamplingRate = r.init.SampleRate
	rep.AudioChannels = []dash.Descriptor{{Scheme: dash.SchemeChannels, Value: strconv.Itoa(r.init.Channels)}}
	return rep
}

// frameRate writes a rate as DASH does, ISO/IEC 23009-1 §5.3.7.2: whole, or over 1001 as television has it.
func frameRate(fps float64) string {
	if whole := math.Round(fps); math.Abs(fps-whole) < 1e-3 {
		return strconv.Itoa(int(whole))
	}
	return strconv.Itoa(int(math.Round(fps*1.001))*1000) + "/1001"
}

// adaptationSets sorts representations into one set for the pictures and one for the sound, with ids that never change.
func adaptationSets(rungs []rung, template func(rung) dash.SegmentTemplate) []dash.AdaptationSet {
	main := []dash.Descriptor{{Scheme: dash.SchemeRole, Value: "main"}}
	video := dash.AdaptationSet{ID: 1, ContentType: "video", MimeType: "video/mp4", SegmentAlignment: true, StartWithSAP: 1, Roles: main}
	audio := dash.AdaptationSet{ID: 2, ContentType: "audio", MimeType: "audio/mp4", Lang: language, SegmentAlignment: true, StartWithSAP: 1, Roles: main}
	for _, r := range rungs {
		set := &audio
		if r.Video {
			set = &video
			set.MaxWidth, set.MaxHeight = max(set.MaxWidth, r.init.Width), max(set.MaxHeight, r.init.Height)
		}
		set.Representations = append(set.Representations, r.representation(template(r)))
	}
	var sets []dash.AdaptationSet
	for _, set := range []dash.AdaptationSet{video, audio} {
		if len(set.Representations) > 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

// mpd describes the epochs as Periods. It changes with the set of epochs, not with each segment: players count by the clock.
func (t *Timeline) mpd() dash.MPD {
	m := dash.MPD{
		Type:                  dash.Dynamic,
		AvailabilityStartTime: t.ast,
		PublishTime:           t.nextPublish(),
		MinBufferTime:         dash.Duration(t.p.opts.Segment),
		MaxSegmentDuration:    dash.Duration(t.p.opts.Segment + t.p.opts.Part),
		UTCTimings: []dash.Descriptor{
			{Scheme: dash.SchemeISO, Value: timePath},
			{Scheme: dash.SchemeXSDate, Value: timePath},
		},
	}
	var end time.Duration
	for _, e := range t.epochs {
		rungs := e.rungs()
		if len(rungs) == 0 {
			continue
		}
		if e.begin() > end {
			m.Periods = nil // the DASH-IF timing model knows no hole between Periods: what lies before one is not listed
		}
		m.Periods, end = append(m.Periods, e.period(rungs)), e.begin()+e.end
	}
	if t.ended {
		m.Type = dash.Static
		m.MediaPresentationDuration = dash.Duration(t.end)
		return m
	}
	m.MinimumUpdatePeriod = dash.Duration(t.p.opts.Segment)
	m.TimeShiftBufferDepth = dash.Duration(t.p.opts.Window)
	m.SuggestedPresentationDelay = dash.Duration(t.p.opts.Segment * 5 / 2)
	return m
}

// nextPublish is now, later than what was published before.
func (t *Timeline) nextPublish() time.Time {
	now := t.p.opts.Wall().UTC().Truncate(time.Millisecond)
	if !now.After(t.published) {
		now = t.published.Add(time.Millisecond)
	}
	t.published = now
	return now
}

// period describes the epoch. While the stream lives its begin never moves; of an ended stream it begins with what is left.
func (e *Epoch) period(rungs []rung) dash.Period {
	first, skip := e.base, time.Duration(0)
	if e.timeline.ended {
		first, skip = e.firstListed()
	}
	p := dash.Period{ID: strconv.FormatInt(e.disc, 10), Start: dash.Duration(e.begin() + skip)}
	if e.ended {
		p.Duration = dash.Duration(e.end - skip)
	}
	p.AdaptationSets = adaptationSets(rungs, func(r rung) dash.SegmentTemplate {
		scale := uint64(r.init.Timescale)
		return dash.SegmentTemplate{
			Timescale:              r.init.Timescale,
			PresentationTimeOffset: inTicks(skip, scale),
			Duration:               inTicks(e.timeline.p.opts.Segment, scale),
			StartNumber:            uint64(first),
			Media:                  e.name + "/$RepresentationID$-$Number$.m4s",
			Initialization:         e.name + "/$RepresentationID$-init.mp4",
		}
	})
	return p
}

// firstListed is the first segment of the epoch that is still listed, and where it starts from the epoch's zero.
func (e *Epoch) firstListed() (msn int64, start time.Duration) {
	for _, l := range e.timeline.listings {
		for _, s := range l.segments {
			if s.epoch == e && !s.Gap {
				return s.MSN, ticks(s.Start, s.Timescale)
			}
		}
	}
	return e.base, 0
}

// inTicks converts a duration of at most some days, to the nearest tick.
func inTicks(d time.Duration, scale uint64) uint64 {
	whole, rest := uint64(d/time.Second), uint64(d%time.Second)
	return whole*scale + (rest*scale+uint64(time.Second)/2)/uint64(time.Second)
}
