package origin

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// plainName is the MPD of a live stream for players that do not follow manifest.mpd: it lists whole segments by their times, and each version of
// it is complete under the same address. video.js takes the relative Location of manifest.mpd for an address of its page; what VLC needs is with
// the chains.
const plainName = "plain.mpd"

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
				plainTemplate(set.Representations[j].Template, of.Playlist(set.Representations[j].ID), func(s *timeline.Segment) bool {
					return s.EpochName() == period.Epoch && s.MSN >= period.First
				})
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

// plainDocument is the MPD of whole segments, which is that of the snapshot before while those are the same.
func (s *Stream) plainDocument(old, next *snapshot) *document {
	p := next.Presentation
	switch {
	case p == nil:
		return nil
	case p.Ended:
		return next.mpd
	case old.plain != nil && p == old.Presentation && slices.EqualFunc(old.playlists, next.playlists, (*playlist).sameSegments):
		return old.plain
	}
	return s.document(manifest.MIMEDASH, func() []byte {
		m := s.origin.mpd(p)
		m.Profiles, m.Service = "", nil
		m.Periods = chainPeriods(s.updateChains(p), next.Snapshot, m.Periods)
		if len(m.Periods) == 0 {
			return nil
		}
		m.Periods = alike(m.Periods)
		for _, list := range next.playlists {
			if n := len(list.Segments); n > 0 {
				if end := list.Segments[n-1].Wall().Add(list.Segments[n-1].Length()); end.After(m.PublishTime) {
					m.PublishTime = end.Truncate(time.Millisecond)
				}
			}
		}
		return m.Append(nil)
	})
}

// alike are the newest Periods that have sound, or pictures, where the newest has: video.js begins with the sound of one without pictures, and
// waits for those.
func alike(periods []dash.Period) []dash.Period {
	kinds := func(p dash.Period) string {
		all := ""
		for _, set := range p.AdaptationSets {
			if !strings.HasSuffix(all, set.ContentType) {
				all += set.ContentType
			}
		}
		return all
	}
	first := len(periods) - 1
	for first > 0 && kinds(periods[first-1]) == kinds(periods[first]) {
		first--
	}
	return periods[first:]
}

// servePlain answers with the MPD of whole segments, which names no other manifest and so is the same for all viewers.
func (s *Stream) servePlain(w http.ResponseWriter, r *http.Request, now *snapshot) {
	q, cacheControl := parseMPDQuery(r.URL.RawQuery), mpdCC
	if v := viewerOf(r); q.private || v.private {
		cacheControl = mpdPrivateCC
	}
	if len(now.plain.identity().body) == 0 {
		unavailable(w, "The stream "+s.name+" has no whole segment yet; ask again.")
		return
	}
	now.plain.serve(w, r, cacheControl)
}

// sameSegments reports whether two playlists list the same whole segments.
func (p *playlist) sameSegments(o *playlist) bool {
	ends := func(p *playlist) (first, last int64) {
		if n := len(p.Segments); n > 0 {
			return p.Segments[0].MSN, p.Segments[n-1].MSN
		}
		return 0, -1
	}
	first, last := ends(p)
	otherFirst, otherLast := ends(o)
	return p.ID == o.ID && first == otherFirst && last == otherLast
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

// plainTemplate lists the segments of a Period's epochs. Gaps keep their numbers.
func plainTemplate(t *dash.SegmentTemplate, p *timeline.Playlist, of func(*timeline.Segment) bool) {
	t.AvailabilityTimeOffset, t.Incomplete, t.Duration, t.EndNumber = 0, false, 0, 0
	if p == nil {
		return
	}
	ticks := func(n int64, timescale uint32) uint64 {
		return timeline.ToTicks(timeline.FromTicks(n, timescale), t.Timescale)
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		if !of(s) || s.Start < 0 {
			continue
		}
		if len(t.Timeline) == 0 {
			t.StartNumber = uint64(s.MSN)
		}
		start, duration := uint64(s.Start), uint64(s.Duration)
		if s.Timescale != t.Timescale {
			start, duration = ticks(s.Start, s.Timescale), ticks(s.Duration, s.Timescale)
		}
		t.Timeline = dash.AppendSegment(t.Timeline, timeline.ToTicks(s.Offset(), t.Timescale)+start, duration)
	}
}
