package packager

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
)

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

// Adaptation sets are told apart by ids that never change (DASH-IF timing model), one for each family of codecs: players switch
// within a set, and few can do so from one codec to another.
const (
	setVideo = 1 + iota // H.264
	setAudio
	setVP9
	setAV1
	sets = setAV1
)

// set is the adaptation set of the rendition.
func (r rung) set() int {
	switch {
	case !r.Video:
		return setAudio
	case r.family() == "vp09":
		return setVP9
	case r.family() == "av01":
		return setAV1
	}
	return setVideo
}

// family is the first element of the codec's name: what players can switch within (RFC 6381 §3.3).
func (r rung) family() string {
	name, _, _ := strings.Cut(r.init.Codec, ".")
	return name
}

// adaptationSets sorts representations into sets. Where there are several of pictures, that of H.264, which everybody plays, is what
// players begin with.
func adaptationSets(rungs []rung, template func(rung) dash.SegmentTemplate) (used []dash.AdaptationSet) {
	var all [sets + 1]dash.AdaptationSet
	for _, r := range rungs {
		set := &all[r.set()]
		set.Representations = append(set.Representations, r.representation(template(r)))
		set.MaxWidth, set.MaxHeight = max(set.MaxWidth, r.init.Width), max(set.MaxHeight, r.init.Height)
	}
	several := len(all[setVP9].Representations)+len(all[setAV1].Representations) > 0
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

// updatePeriod is how long players may go without knowing of the next Period, which is how long their picture stands still: who
// is a second behind has no more than that. An unchanged MPD costs a 304.
const updatePeriod = time.Second

// mpd describes the epochs as Periods. It changes with the set of epochs, not with each segment: players count by the clock.
func (t *Timeline) mpd() dash.MPD {
	m := dash.MPD{
		Type:                  dash.Dynamic,
		AvailabilityStartTime: t.ast,
		PublishTime:           t.nextPublish(),
		MinBufferTime:         dash.Duration(3 * t.partTarget),
		MaxSegmentDuration:    dash.Duration(t.p.opts.Segment + t.p.opts.Part + t.late),
		UTCTimings: []dash.Descriptor{
			{Scheme: dash.SchemeISO, Value: timePath},
			{Scheme: dash.SchemeXSDate, Value: timePath},
		},
	}
	m.Periods = t.periods()
	if t.ended {
		m.Type = dash.Static
		m.MediaPresentationDuration = dash.Duration(t.end)
		return m
	}
	m.Profiles, m.Service = dash.ProfileLowLatency, t.service()
	m.MinimumUpdatePeriod = dash.Duration(min(updatePeriod, t.p.opts.Segment))
	m.TimeShiftBufferDepth = dash.Duration(t.p.opts.Window)
	m.SuggestedPresentationDelay = dash.Duration(t.p.opts.Segment * 5 / 2)
	return m
}

// periods are the epochs that can be played, one after the other. The end of the last is known only once the stream has
// ended: dash.js takes a last Period with a duration for the end of everything and plays nothing that is announced later.
func (t *Timeline) periods() (all []dash.Period) {
	var end time.Duration
	var last *Epoch
	closeLast := func(number int64) {
		if n := len(all); n > 0 {
			all[n-1].Duration = dash.Duration(end) - all[n-1].Start
			last.endAt(number, all[n-1])
		}
	}
	for _, e := range t.epochs {
		rungs := e.rungs()
		if len(rungs) == 0 {
			continue
		}
		if e.begin() != end {
			all = nil // the DASH-IF timing model knows no hole between Periods: what lies before one is not listed
		}
		closeLast(e.base - 1)
		all, end, last = append(all, e.period(rungs)), e.begin()+e.end, e
	}
	if ref := t.reference(); t.ended && ref != nil {
		closeLast(ref.last())
	}
	return all
}

// endAt says which segment is the last of the epoch's Period where its duration does not tell, because a key frame was late.
func (e *Epoch) endAt(number int64, p dash.Period) {
	if e.late == 0 {
		return
	}
	for _, set := range p.AdaptationSets {
		for _, r := range set.Representations {
			r.Template.EndNumber = uint64(number)
		}
	}
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

// period describes the epoch. While the stream lives its begin never moves; of an ended stream the first begins with what is left.
func (e *Epoch) period(rungs []rung) dash.Period {
	first, skip := e.base, time.Duration(0)
	if e.timeline.ended && e == e.timeline.epochs[0] {
		first, skip = e.firstListed()
	}
	p := dash.Period{ID: strconv.FormatInt(e.disc, 10), Start: dash.Duration(e.begin() + skip)}
	p.AdaptationSets = adaptationSets(rungs, func(r rung) dash.SegmentTemplate {
		scale := uint64(r.init.Timescale)
		template := dash.SegmentTemplate{
			Timescale:              r.init.Timescale,
			PresentationTimeOffset: inTicks(skip, scale),
			Duration:               inTicks(e.timeline.p.opts.Segment, scale),
			StartNumber:            uint64(first),
			Media:                  e.name + "/$RepresentationID$-$Number$.m4s",
			Initialization:         e.name + "/$RepresentationID$-init.mp4",
		}
		if !e.timeline.ended {
			template.AvailabilityTimeOffset = dash.Seconds(e.timeline.p.opts.Segment - e.timeline.p.opts.longestPart(r.Rendition))
			template.Incomplete = true
		}
		return template
	})
	if !e.timeline.ended {
		e.describeChunks(p.AdaptationSets)
	}
	return p
}

// describeChunks adds what players need who take segments while they grow: when media time 0 was captured, and how often
// decoding can start.
func (e *Epoch) describeChunks(sets []dash.AdaptationSet) {
	for i := range sets {
		sets[i].References = []dash.ProducerReferenceTime{{
			ID: i, Type: "captured", WallClock: e.zero,
			UTCTiming: dash.Descriptor{Scheme: dash.SchemeISO, Value: timePath},
		}}
		for j := range sets[i].Representations {
			rep := &sets[i].Representations[j]
			every := e.keys
			if rep.Width == 0 {
				every = e.timeline.partTarget
			}
			rep.Resync = &dash.Resync{Type: 1, DT: inTicks(every, uint64(rep.Template.Timescale)), Marker: true}
		}
	}
}

// Latencies that the MPD asks players for, in parts: a part is there once it is over and encoded; fetching, decoding and
// unsteady networks take the rest.
const (
	targetLatency = 5
	leastLatency  = 3
	mostLatency   = 15
)

// service describes the latency, which counts from the capture of a picture.
func (t *Timeline) service() *dash.ServiceDescription {
	part := t.p.opts.Part
	return &dash.ServiceDescription{
		Latency:      dash.Latency{Target: targetLatency * part, Min: leastLatency * part, Max: mostLatency * part},
		PlaybackRate: dash.PlaybackRate{Min: 0.9, Max: 1.1},
	}
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
