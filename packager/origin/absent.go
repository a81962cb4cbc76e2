package origin

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Players ask for segments that a Period turned out not to have. All do so until they have read an MPD that says that it has ended. Shaka
// Player lists segments by the clock, one ahead where there is an availabilityTimeOffset, and takes none back when the Period gets its
// end: refused, it asks for the first of them again until that would have left the window, and stands still so long. A segment with
// nothing in it lets it go on. video.js does not know of gaps in playlists: refused, it asks for the same again, and a segment without a
// fragment makes it give up the rendition for good.

// absent is a segment, or a part of one, that there is not and never will be.
type absent struct {
	rendition string
	start     time.Duration // its decode time
}

// lacks finds a segment that an epoch has not, never had and never will have: it was listed as a gap, and the epoch has ended or never
// had the rendition; or the MPD tells the end of the Period, or has that Period no more, and it is beyond the end, though not of what the
// clock would have made available by now. Of a Period of which players do not know that it has ended, nothing is lacking yet.
func (s *snapshot) lacks(epoch string, m timeline.MediaFile, segment time.Duration) (a absent, ok bool) {
	p := s.playlist(m.Rendition)
	if p != nil && s.Taken && m.MSN < p.first().MSN {
		a, ok = p.gone(epoch, m)
		return a, ok && !s.lists(epoch)
	}
	if p == nil || len(p.Segments) == 0 || m.MSN < p.Segments[0].MSN {
		return a, false
	}
	period := s.period(epoch, m.Rendition)
	if listed, ok := timeline.FindSegment(p.Segments, m.MSN); ok && listed.EpochName() == epoch {
		over := p.Hint.Epoch != epoch && (period == nil || period.Duration > 0)
		return absent{m.Rendition, listed.Offset() + timeline.FromTicks(listed.Start, listed.Timescale)}, listed.Gap && over
	}
	switch {
	case s.Presentation == nil:
		return a, false
	case period == nil && s.lists(epoch):
		return p.beyond(epoch, m, segment, s.clock())
	case period == nil:
		return p.gone(epoch, m)
	case period.Duration == 0 || m.MSN < period.First:
		return a, false
	}
	edge := s.clock().Sub(s.Presentation.Start.Add(period.Start))
	number := m.MSN - period.First
	return absent{m.Rendition, period.Origin + period.Begin + time.Duration(number)*segment}, number <= int64(edge/segment)+1
}

// clock is the time of the service. There has to be a Presentation.
func (s *snapshot) clock() time.Time { return s.Presentation.Published.Add(time.Since(s.since)) }

// beyond finds a segment after the last one of an epoch that has ended and is listed, though no Period of the MPD any more: what lies
// before a hole in time is not.
func (p *playlist) beyond(epoch string, m timeline.MediaFile, segment time.Duration, now time.Time) (a absent, ok bool) {
	for i := len(p.Segments) - 1; i >= 0; i-- {
		last := &p.Segments[i]
		if last.EpochName() != epoch {
			continue
		}
		number := m.MSN - last.MSN
		if number <= 0 || p.Hint.Epoch == epoch || last.InitEpoch() != epoch {
			return a, false
		}
		start := last.Offset() + timeline.FromTicks(last.End(), last.Timescale) + time.Duration(number-1)*segment
		return absent{m.Rendition, start}, number <= int64(now.Sub(last.Wall().Add(last.Length()))/segment)+1
	}
	return a, false
}

// gone finds a segment of an epoch that is listed no more by a number that is: by the clock, in an MPD that is older than the window. A page that was hidden,
// and a machine that slept, have such a one until the next has come; dash.js that is refused meanwhile asks for nothing any more. What another service had
// listed, which has gone, is so too by older numbers.
func (p *playlist) gone(epoch string, m timeline.MediaFile) (a absent, ok bool) {
	newest := p.first()
	if n := len(p.Segments); n > 0 {
		newest = &p.Segments[n-1]
	}
	ok = timeline.IsEpochName(epoch) && p.Hint.Epoch != epoch && p.Written.Epoch != epoch
	return absent{m.Rendition, newest.Offset() + timeline.FromTicks(newest.End(), newest.Timescale)}, ok
}

// first is the oldest segment, which may be in progress.
func (p *playlist) first() *timeline.Segment {
	if len(p.Segments) > 0 {
		return &p.Segments[0]
	}
	return p.Growing
}

// lists reports whether a rendition has a segment of the epoch.
func (s *snapshot) lists(epoch string) bool {
	return slices.ContainsFunc(s.playlists, func(p *playlist) bool {
		return slices.ContainsFunc(p.Segments, func(s timeline.Segment) bool { return s.EpochName() == epoch })
	})
}

// period is the Period of the epoch where it has the rendition; nil otherwise.
func (s *snapshot) period(epoch, rendition string) *timeline.Period {
	if s.Presentation == nil {
		return nil
	}
	for i := range s.Presentation.Periods {
		p := &s.Presentation.Periods[i]
		if p.Epoch == epoch && slices.ContainsFunc(p.Renditions, func(d timeline.Description) bool { return d.ID == rendition }) {
			return p
		}
	}
	return nil
}

// empty is the segment with nothing in it that stands for an absent one. Of a rendition that no Period has begun to have, it is of the
// track that ffmpeg would make.
func (s *snapshot) empty(a absent) []byte {
	init := cmaf.Init{TrackID: 1, Timescale: 1000}
	if s.Presentation != nil {
		for _, period := range s.Presentation.Periods {
			for _, d := range period.Renditions {
				if d.ID == a.rendition {
					init = d.Init
				}
			}
		}
	}
	return cmaf.EmptySegment(init.TrackID, timeline.ToTicks(max(a.start, 0), init.Timescale))
}

// serveAbsent answers with an empty segment where there is no file: not before all have had the time to read the MPD with the
// Period's end. dash.js gives the request up then.
func (s *Stream) serveAbsent(w http.ResponseWriter, r *http.Request, now *snapshot, epoch string, m timeline.MediaFile, a absent) {
	name := timeline.SegmentName(m.Rendition, m.MSN)
	if _, err := os.Stat(filepath.Join(s.dir, epoch, timeline.PublicDir, name)); !errors.Is(err, fs.ErrNotExist) {
		s.serveFile(w, r, epoch, name, mimeSegment)
		return
	}
	hold(r, edgeWait-time.Since(now.since))
	s.serveEmpty(w, r, now.empty(a))
}

// serveEmpty answers with a segment with nothing in it.
func (s *Stream) serveEmpty(w http.ResponseWriter, r *http.Request, segment []byte) {
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = s.origin.manifestCC, mimeSegment
	serveBytes(w, r, segment)
}

// endsBefore reports whether the segment would be the next one of an epoch that has ended with the one before it.
func (p *playlist) endsBefore(epoch string, msn int64) bool {
	if p == nil {
		return false
	}
	last, ok := timeline.FindSegment(p.Segments, msn-1)
	next, follows := timeline.FindSegment(p.Segments, msn)
	return ok && last.EpochName() == epoch && !(follows && next.EpochName() == epoch)
}

// holdBeyondEnd answers to who asks for one more segment than an epoch has, of whose end no MPD tells: not before it has had the time to
// read another one. Where it is refused as often as it asks again (16 times in 1.5 s), dash.js drops the whole Period,
// asks for nothing any more and stands still.
func (s *Stream) holdBeyondEnd(w http.ResponseWriter, r *http.Request) {
	hold(r, edgeWait)
	notFound(w, "There is no such segment: the media goes on in the next Period.")
}

// hold returns after d, or when the client has gone.
func hold(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
