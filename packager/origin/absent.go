package origin

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Players ask for segments that a Period turned out not to have. All do so until they have read an MPD that says that it has ended. Shaka
// Player lists segments by the clock, one ahead where there is an availabilityTimeOffset, and takes none back when the Period gets its
// end: refused, it asks for the first of them again until that would have left the window, and stands still so long. A segment with
// nothing in it lets it go on.

// emptySegment is a segment type box (ISO/IEC 23009-1 §6.3.4.2) with no fragment after it.
var emptySegment = []byte("\x00\x00\x00\x18stypmsdh\x00\x00\x00\x00msdhmsix")

// lacks reports whether a Period whose end the MPD tells has nothing under the number, never had and never will have: it is beyond
// the end, though not of what the clock would have made available by now, or was listed as a gap.
func (s *snapshot) lacks(epoch string, m timeline.MediaFile, segment time.Duration) bool {
	period, p := s.endedPeriod(epoch), s.playlist(m.Rendition)
	if period == nil || p == nil || len(p.Segments) == 0 || m.MSN < max(period.First, p.Segments[0].MSN) {
		return false
	}
	if listed, ok := timeline.FindSegment(p.Segments, m.MSN); ok && listed.EpochName() == epoch {
		return listed.Gap
	}
	if !slices.ContainsFunc(period.Renditions, func(d timeline.Description) bool { return d.ID == m.Rendition }) {
		return false
	}
	edge := s.Presentation.Published.Add(time.Since(s.since)).Sub(s.Presentation.Start.Add(period.Start))
	return m.MSN-period.First <= int64(edge/segment)+1
}

// endedPeriod is the Period of the epoch when the MPD tells its end; nil otherwise.
func (s *snapshot) endedPeriod(epoch string) *timeline.Period {
	if s.Presentation == nil {
		return nil
	}
	for i := range s.Presentation.Periods {
		if p := &s.Presentation.Periods[i]; p.Epoch == epoch && p.Duration > 0 {
			return p
		}
	}
	return nil
}

// serveAbsent answers with an empty segment where there is no file: not before all have had the time to read the MPD with the
// Period's end. dash.js gives the request up then.
func (s *Stream) serveAbsent(w http.ResponseWriter, r *http.Request, now *snapshot, epoch string, m timeline.MediaFile) {
	name := timeline.SegmentName(m.Rendition, m.MSN)
	if _, err := os.Stat(filepath.Join(s.dir, epoch, timeline.PublicDir, name)); !errors.Is(err, fs.ErrNotExist) {
		s.serveFile(w, r, epoch, name, mimeSegment)
		return
	}
	hold(r, edgeWait-time.Since(now.since))
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = s.origin.manifestCC, mimeSegment
	serveBytes(w, r, emptySegment)
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

// holdBeyondEnd answers to who asks for one more segment than an epoch has that is no Period of the MPD any more: not before it has had
// the time to read another MPD. Where it is refused as often as it asks again (16 times in 1.5 s), dash.js drops the whole Period,
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
