package origin

import (
	"strconv"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// timePath answers with the time of day in ISO 8601: /time, as it is seen from /live/{stream}/manifest.mpd, whatever path a proxy shows
// both below. Players resolve it like all addresses of an MPD.
const timePath = "../../time"

// updatePeriod is how long players may go without knowing of the next Period, which is how long their video stands still: who
// is a second behind has no more than that. An unchanged MPD costs a 304.
const updatePeriod = time.Second

// mpd describes the epochs as Periods. It changes with the set of epochs, not with each segment: players count by the clock.
func (o *Origin) mpd(p *timeline.Presentation) dash.MPD {
	m := dash.MPD{
		Type:                  dash.Dynamic,
		AvailabilityStartTime: p.Start,
		PublishTime:           p.Published,
		MinBufferTime:         dash.Duration(3 * p.PartTarget),
		MaxSegmentDuration:    dash.Duration(o.timing.Segment + o.timing.Part + p.Late),
		UTCTimings: []dash.Descriptor{
			{Scheme: dash.SchemeISO, Value: timePath},
			{Scheme: dash.SchemeXSDate, Value: timePath},
		},
	}
	for i := range p.Periods {
		m.Periods = append(m.Periods, o.period(p, &p.Periods[i]))
	}
	if p.Ended {
		m.Type = dash.Static
		m.MediaPresentationDuration = dash.Duration(p.End)
		return m
	}
	m.Profiles, m.Service = dash.ProfileLowLatency, o.service()
	m.MinimumUpdatePeriod = dash.Duration(min(updatePeriod, o.timing.Segment))
	m.TimeShiftBufferDepth = dash.Duration(p.Depth)
	m.SuggestedPresentationDelay = dash.Duration(o.timing.Segment * 5 / 2)
	return m
}

// leaveImplied leaves out the durations of Periods that last until the next one starts (ISO/IEC 23009-1 §5.3.2.1). Of a live MPD libavformat
// plays one Period, of those with the longest @duration the last: where none has one that is the newest, and otherwise one that has ended.
func leaveImplied(periods []dash.Period) {
	for i := range periods[:max(0, len(periods)-1)] {
		if p := &periods[i]; p.Start+p.Duration == periods[i+1].Start {
			p.Duration = 0
		}
	}
}

// period describes an epoch.
func (o *Origin) period(p *timeline.Presentation, period *timeline.Period) dash.Period {
	d := dash.Period{
		ID: strconv.FormatInt(period.ID, 10), Start: dash.Duration(period.Start), Duration: dash.Duration(period.Duration),
	}
	d.AdaptationSets = manifest.AdaptationSets(named(period.Renditions), func(r manifest.Rendition) dash.SegmentTemplate {
		template := dash.SegmentTemplate{
			Timescale:              r.Init.Timescale,
			PresentationTimeOffset: timeline.ToTicks(period.Origin+period.Begin, r.Init.Timescale),
			Duration:               timeline.ToTicks(o.timing.Segment, r.Init.Timescale),
			StartNumber:            uint64(period.First),
			EndNumber:              uint64(period.EndNumber),
			Media:                  period.Epoch + "/$RepresentationID$-$Number$.m4s",
			Initialization:         period.Epoch + "/$RepresentationID$-init.mp4",
		}
		if !p.Ended {
			template.AvailabilityTimeOffset = dash.Seconds(o.timing.Segment - o.timing.LongestPart(r.Rendition))
			template.Incomplete = true
		}
		return template
	})
	if !p.Ended {
		describeChunks(p, period, d.AdaptationSets)
	}
	return d
}

// named gives the renditions the names of their media playlists.
func named(descriptions []timeline.Description) []manifest.Rendition {
	renditions := make([]manifest.Rendition, 0, len(descriptions))
	for _, d := range descriptions {
		renditions = append(renditions, manifest.Rendition{Description: d, Playlist: d.ID + ".m3u8"})
	}
	return renditions
}

// describeChunks adds what players need who take segments while they grow: when media time 0 was captured, and how often
// decoding can start.
func describeChunks(p *timeline.Presentation, period *timeline.Period, sets []dash.AdaptationSet) {
	for i := range sets {
		sets[i].References = []dash.ProducerReferenceTime{{
			ID: i, Type: "captured", WallClock: period.Zero, PresentationTime: timeline.ToTicks(period.Origin, sets[i].Representations[0].Template.Timescale),
			UTCTiming: dash.Descriptor{Scheme: dash.SchemeISO, Value: timePath},
		}}
		for j := range sets[i].Representations {
			rep := &sets[i].Representations[j]
			every := period.KeyFrames
			if rep.Width == 0 {
				every = p.PartTarget
			}
			rep.Resync = &dash.Resync{Type: 1, DT: timeline.ToTicks(every, rep.Template.Timescale), Marker: true}
		}
	}
}

// service describes the latency, which counts from the capture of a frame.
func (o *Origin) service() *dash.ServiceDescription {
	parts := func(n int) time.Duration { return time.Duration(n) * o.timing.Part }
	return &dash.ServiceDescription{
		Latency:      dash.Latency{Target: parts(o.timing.Target), Min: parts(o.timing.Least), Max: parts(o.timing.Most)},
		PlaybackRate: dash.PlaybackRate{Min: 0.9, Max: 1.1},
	}
}
