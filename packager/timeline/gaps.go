package timeline

import (
	"slices"
	"time"
)

// Standstill is how long a Timeline may be without a new part before GAP parts are listed for those that do not come: longer than it takes to find
// that an ffmpeg stands still and to have another one's first part. hls.js, which asks for a playlist again after 1.6 s and gives up after three
// times, passes over listed gaps by what it has asked for itself, not over parts that came with the ones behind them: there it stays, until they
// have left the playlist.
const Standstill = 3500 * time.Millisecond

// Bridge gives up the parts that are overdue: since nothing has come for too long, they are listed as gaps, at the pace of parts
// and up to one instant in all renditions (rfc8216bis §6.2.1). It reports whether anything was.
//
// A gap takes the place that the encoder's own part would have had. What the encoder writes late is therefore no longer listed in
// parts, while DASH, which knows no gap within a Period, has it all.
func (t *Timeline) Bridge(now time.Time) (changed bool) {
	late := now.Sub(t.heard) - Standstill
	if t.ended || t.heard.IsZero() || late <= 0 {
		return false
	}
	e := t.awaited()
	for _, k := range e.tracks {
		if l := t.known(k.ID); l != nil {
			changed = t.giveUp(l, k, t.newestEnd.Add(late).Sub(e.zero)) || changed
		}
	}
	if changed {
		t.trim()
	}
	return changed
}

// giveUp lists all parts of the rendition that end before an instant, from the epoch's media time 0, as gaps.
func (t *Timeline) giveUp(l *listing, k *Track, until time.Duration) (changed bool) {
	for {
		if l.growing != nil && k.full(*l.growing) {
			t.sealOverdue(l, k)
			changed = true
		}
		s := l.next(k.epoch)
		if s.MSN >= t.limit {
			return changed
		}
		p := k.missing(s)
		if FromTicks(p.Start+p.Duration, s.Timescale) > until {
			return changed
		}
		t.note(gapRecord(k.ID, s.MSN, len(s.Parts), p))
		t.lose(l, k, p)
		changed = true
	}
}

// lose lists a gap as the next part.
func (t *Timeline) lose(l *listing, k *Track, p Part) {
	s := l.next(k.epoch)
	s.Parts = append(slices.Clip(s.Parts), p)
	s.Duration = p.Start + p.Duration - s.Start
	l.growing, l.stale = &s, true
	if k.full(s) {
		t.seal(l)
	}
}

// sealOverdue lists a segment that has all its nominal time, when more is overdue. Where key frames are late it has no end before the
// next one: it is given up, because its file may still grow.
func (t *Timeline) sealOverdue(l *listing, k *Track) {
	if k.epoch.late > 0 {
		s := *l.growing
		s.unended = true
		l.growing = &s
	}
	t.seal(l)
}

// seal lists the segment in progress without waiting for its file, as a gap where it has one.
func (t *Timeline) seal(l *listing) {
	s := *l.growing
	if s.Gap = s.unended || slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Gap }); s.Gap {
		t.stats.gaps++
	}
	t.push(l, s)
}

// next is the segment that the next part belongs to, with the parts that it has.
func (l *listing) next(e *Epoch) Segment {
	if l.growing != nil {
		return *l.growing
	}
	last := l.segments[len(l.segments)-1]
	s := Segment{MSN: last.MSN + 1, Timescale: last.Timescale, First: last.epoch != e, epoch: e, init: l.initOf(e)}
	if last.epoch == e {
		s.Start = last.End()
	}
	return s
}

// withGaps puts the parts that were given up into the segment as the encoder wrote it. What follows one is given up too, up to
// the next part that decoding can start at.
func (l *listing) withGaps(s Segment) Segment {
	var listed []Part
	lost := false
	if n := len(l.segments); n > 0 && l.segments[n-1].epoch == s.epoch {
		last := l.segments[n-1].Parts
		lost = len(last) > 0 && last[len(last)-1].Gap
	}
	if l.growing != nil && l.growing.MSN == s.MSN {
		listed = l.growing.rescaled(s.Timescale)
	}
	if len(s.Parts) == 0 || !lost && !slices.ContainsFunc(listed, func(p Part) bool { return p.Gap }) {
		return s
	}
	parts := slices.Clone(s.Parts)
	for i := range parts {
		lost = lost && !parts[i].Independent
		if i < len(listed) {
			lost = listed[i].Gap
			parts[i].Start, parts[i].Duration = listed[i].Start, listed[i].Duration
		}
		parts[i].Gap = lost
	}
	if len(listed) > len(parts) {
		parts, s.Gap = append(parts, listed[len(parts):]...), true
	}
	last := parts[len(parts)-1]
	s.Parts, s.Duration = parts, last.Start+last.Duration-s.Start
	return s
}
