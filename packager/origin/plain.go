package origin

import (
	"slices"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// PlainFile is a manifest for a server that knows nothing of the stream: it lists whole segments, and nothing that has to be waited for.
type PlainFile struct {
	Name, MIME string
	Body       []byte
}

// Plain are the manifests of a snapshot, each after what it names: media playlists, the multivariant playlist, the MPD. There are none
// before every rendition has a segment.
func (o *Origin) Plain(of *timeline.Snapshot) (files []PlainFile) {
	p := of.Presentation
	if p == nil || !of.Ready {
		return nil
	}
	for _, r := range p.Renditions {
		list := plainPlaylist(of.Playlist(r.ID))
		if list == nil {
			return nil
		}
		m := list.media(0)
		m.LowLatency = nil
		for i := range m.Segments {
			m.Segments[i].Parts = nil
		}
		files = append(files, PlainFile{r.ID + ".m3u8", manifest.MIMEHLS, m.Append(nil)})
	}
	list, mpd := manifest.Multivariant(named(p.Renditions)), o.plainMPD(of)
	return append(files,
		PlainFile{manifest.MultivariantName, manifest.MIMEHLS, list.Append(nil)},
		PlainFile{manifest.MPDName, manifest.MIMEDASH, mpd.Append(nil)})
}

// plainPlaylist is the whole segments from the first that can be played on; nil where there is none.
func plainPlaylist(of *timeline.Playlist) *playlist {
	if of == nil {
		return nil
	}
	first := slices.IndexFunc(of.Segments, func(s timeline.Segment) bool { return !s.Gap })
	if first < 0 {
		return nil
	}
	plain := *of
	plain.Segments, plain.Growing, plain.Hint = of.Segments[first:], nil, timeline.PartID{}
	return &playlist{Playlist: &plain}
}

// plainMPD tells the times of the segments that are there (SegmentTimeline): by the clock players would ask for those that are still on
// their way.
func (o *Origin) plainMPD(of *timeline.Snapshot) dash.MPD {
	m := o.mpd(of.Presentation)
	m.Profiles, m.Service, m.UTCTimings = "", nil, nil
	m.PublishTime = of.Presentation.Published
	for i := range m.Periods {
		period := &of.Presentation.Periods[i]
		for _, set := range m.Periods[i].AdaptationSets {
			for j := range set.Representations {
				set.Representations[j].Resync = nil
				plainTemplate(set.Representations[j].Template, of.Playlist(set.Representations[j].ID), period)
			}
		}
		for j := range m.Periods[i].AdaptationSets {
			m.Periods[i].AdaptationSets[j].References = nil
		}
	}
	m.Periods = slices.DeleteFunc(m.Periods, func(p dash.Period) bool { return !complete(p) })
	if !of.Presentation.Ended {
		leaveImplied(m.Periods)
	}
	return m
}

// complete reports whether there are segments of everything in the Period.
func complete(p dash.Period) bool {
	for _, set := range p.AdaptationSets {
		for _, r := range set.Representations {
			if len(r.Template.Timeline) == 0 {
				return false
			}
		}
	}
	return true
}

// plainTemplate lists the segments of the Period. Gaps keep their numbers.
func plainTemplate(t *dash.SegmentTemplate, p *timeline.Playlist, period *timeline.Period) {
	t.AvailabilityTimeOffset, t.Incomplete, t.Duration, t.EndNumber = 0, false, 0, 0
	if p == nil {
		return
	}
	ticks := func(n int64, timescale uint32) uint64 {
		return timeline.ToTicks(timeline.FromTicks(n, timescale), t.Timescale)
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.EpochName() != period.Epoch || s.MSN < period.First || s.Start < 0 {
			continue
		}
		if len(t.Timeline) == 0 {
			t.StartNumber = uint64(s.MSN)
		}
		start, duration := uint64(s.Start), uint64(s.Duration)
		if s.Timescale != t.Timescale {
			start, duration = ticks(s.Start, s.Timescale), ticks(s.Duration, s.Timescale)
		}
		t.Timeline = dash.AppendSegment(t.Timeline, timeline.ToTicks(period.Origin, t.Timescale)+start, duration)
	}
}
