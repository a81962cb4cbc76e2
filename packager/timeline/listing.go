package timeline

import (
	"slices"
	"time"
)

// listing is the live window of one rendition: its media playlist. Its slice is only appended to and cut at the front, so that a
// snapshot can share it.
type listing struct {
	id       string
	segments []Segment
	parts    int       // of the segments
	growing  *Segment  // the segment in progress, with its parts so far; nil between two. Replaced, never changed
	playlist *Playlist // as of the last snapshot
	stale    bool      // changed since then
}

// find looks a whole segment up by its number; numbers have no holes.
func (l *listing) find(msn int64) (Segment, bool) { return FindSegment(l.segments, msn) }

// empty reports whether nothing can be played from the listing.
func (l *listing) empty() bool {
	return l.growing == nil && !slices.ContainsFunc(l.segments, func(s Segment) bool { return !s.Gap })
}

// last is the number of the newest whole segment, -1 before the first.
func (l *listing) last() int64 {
	if len(l.segments) == 0 {
		return -1
	}
	return l.segments[len(l.segments)-1].MSN
}

// begins reports whether a segment of that epoch, put after the last one, is the first of its epoch.
func (l *listing) begins(e *Epoch, msn int64) bool {
	if n := len(l.segments); n > 0 {
		return l.segments[n-1].epoch != e
	}
	return msn == e.base
}

// dropBefore cuts all segments before msn off and returns them.
func (l *listing) dropBefore(msn int64) []Segment {
	n := 0
	for n < len(l.segments) && l.segments[n].MSN < msn {
		n++
	}
	gone := l.segments[:n]
	for i := range gone {
		l.parts -= len(gone[i].Parts)
	}
	l.segments = l.segments[n:]
	l.stale = l.stale || n > 0
	return gone
}

// keptParts is how many of the newest segments keep their parts at least; nobody can ask for those of the others.
const keptParts = 128

// add appends a segment. Where the slice has to grow, which nobody shares yet then, older segments lose their parts, so that a broadcast
// that lists everything takes little memory.
func (l *listing) add(s Segment) {
	s.init = l.initOf(s.epoch)
	n := len(l.segments)
	if n == cap(l.segments) {
		grown := make([]Segment, n, n+max(n/4, keptParts))
		copy(grown, l.segments)
		for i := range grown[:max(0, n-keptParts)] {
			l.parts -= len(grown[i].Parts)
			grown[i].Parts = nil
		}
		l.segments = grown
	}
	l.segments = append(l.segments, s)
	l.parts += len(s.Parts)
}

// initOf is the epoch whose initialization segment the next segment has, which is of that epoch.
func (l *listing) initOf(e *Epoch) *Epoch {
	n := len(l.segments)
	switch {
	case e.has(l.id):
		return e
	case n == 0:
		return nil
	}
	return l.segments[n-1].init
}

// known is the rendition's listing, nil while there is none.
func (t *Timeline) known(id string) *listing {
	for _, l := range t.listings {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (t *Timeline) listing(id string) *listing {
	l := t.known(id)
	if l != nil {
		return l
	}
	l = &listing{id: id}
	t.listings = append(t.listings, l)
	return l
}

// Listed are the segments of the track that are listed and there.
func (t *Timeline) Listed(k *Track) (segments []Segment) {
	if l := t.known(k.ID); l != nil {
		for _, s := range l.segments {
			if s.epoch == k.epoch && !s.Gap {
				segments = append(segments, s)
			}
		}
	}
	return segments
}

// push appends a segment, after gaps for what the rendition has missed. One that was given up before stays a gap.
func (t *Timeline) push(l *listing, s Segment) {
	l.stale = true
	if s.MSN > l.last() {
		s = t.fit(l, s)
		l.add(s)
		l.growing = nil
	}
}

// progress lists the parts of the segment in progress; one that was given up before stays as it is.
func (t *Timeline) progress(l *listing, s Segment) {
	l.stale = true
	if s.MSN > l.last() {
		s = t.fit(l, s)
		l.growing = &s
	}
}

// fit makes the segment follow on what is listed, after gaps for what the rendition has missed before it.
func (t *Timeline) fit(l *listing, s Segment) Segment {
	t.fillTo(l, s.epoch, s.MSN)
	s = l.withGaps(s)
	s.First = l.begins(s.epoch, s.MSN)
	s.init = l.initOf(s.epoch)
	return s
}

// fillTo lists gaps up to the media sequence number before msn, with the times of another rendition's segments.
func (t *Timeline) fillTo(l *listing, e *Epoch, msn int64) {
	if l.growing != nil && l.growing.MSN < msn {
		t.seal(l)
	}
	for len(l.segments) > 0 && l.last()+1 < msn {
		gap, before := t.gap(e, l.last()+1), l.segments[len(l.segments)-1]
		if gap.First = before.epoch != e; !gap.First {
			t.joinGap(&gap, before)
		}
		l.add(gap)
		l.stale = true
		t.stats.gaps++
	}
}

// joinGap lets a gap follow on the segment before it, which may have ended early. It ends where it would have, if it is not longer than
// segments may be then.
func (t *Timeline) joinGap(gap *Segment, before Segment) {
	start := int64(ToTicks(FromTicks(before.End(), before.Timescale), gap.Timescale))
	longer := FromTicks(gap.End()-start, gap.Timescale)
	if target := time.Duration(t.cfg.TargetDuration(t.late)) * time.Second; longer > 0 && longer.Round(time.Second) <= target {
		gap.Duration = gap.End() - start
	}
	gap.Start = start
}

func (t *Timeline) gap(e *Epoch, msn int64) Segment {
	for _, l := range t.listings {
		if s, ok := l.find(msn); ok && s.epoch == e && !s.Gap {
			return Segment{MSN: msn, Start: s.Start, Duration: s.Duration, Timescale: s.Timescale, Gap: true, epoch: e}
		}
	}
	d := t.cfg.Segment.Milliseconds()
	return Segment{MSN: msn, Start: (msn - e.base) * d, Duration: d, Timescale: 1000, Gap: true, epoch: e}
}

// maxLag is how many segments a rendition may be behind before the window no longer waits for it.
const maxLag = 3

// trim lets what is beyond the window leave the playlists.
func (t *Timeline) trim() {
	switch ref := t.reference(); {
	case ref == nil:
	case !t.cfg.Event:
		t.trimTo(ref, t.cfg.Window)
	case ref.span() > maxEvent+eventSlack:
		t.trimTo(ref, maxEvent)
	}
}

// trimTo lets segments leave the playlists at the same number in all renditions: what remains is at least the window and six
// segments, counted back from the newest segment that all have, and something to play.
func (t *Timeline) trimTo(ref *listing, window time.Duration) {
	newest := ref.last()
	for _, l := range t.listings {
		newest = min(newest, max(l.last(), ref.last()-maxLag))
	}
	count := int(newest-ref.segments[0].MSN) + 1
	first, total, playable := count, time.Duration(0), false
	for first > 0 && (total < window || count-first < minSegments || !playable) {
		first--
		total += ref.segments[first].Length()
		playable = playable || !ref.segments[first].Gap
	}
	if first > 0 {
		t.dropBefore(ref.segments[first].MSN)
	}
}

func (t *Timeline) dropBefore(msn int64) {
	now := t.cfg.Wall()
	for _, l := range t.listings {
		for _, s := range l.dropBefore(msn) {
			t.expire(l.id, s, now)
		}
	}
	t.listings = slices.DeleteFunc(t.listings, (*listing).empty)
	t.dropEpochs(now)
	if t.cfg.Event {
		t.touch() // the playlists have lost their type
		t.depth, t.presentationStale = t.reference().span(), true
	}
}

// reference is the listing that is ahead; of several, the one that reaches farthest back.
func (t *Timeline) reference() *listing {
	var ref *listing
	for _, l := range t.listings {
		if len(l.segments) == 0 {
			continue
		}
		if ref == nil || l.last() > ref.last() || l.last() == ref.last() && len(l.segments) > len(ref.segments) {
			ref = l
		}
	}
	return ref
}

// expire lets a segment that has left the playlists go once nobody can ask for it any more.
func (t *Timeline) expire(id string, s Segment, now time.Time) {
	gone := Expired{Epoch: s.epoch.name, ID: id, MSN: s.MSN, Number: s.MSN - s.epoch.base + 1, At: now.Add(t.cfg.Grace() + s.Length())}
	if k := s.epoch.track(id); k != nil {
		gone.Rep = k.Rep
	}
	t.expired = append(t.expired, gone)
}
