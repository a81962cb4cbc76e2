package packager

import (
	"context"
	"slices"
	"time"
)

// standstill is how long a Timeline may be without a new part before GAP parts are listed for those that do not come. hls.js
// asks for a part again after 1.6 s, and gives up the stream after three times.
const standstill = time.Second

// runGaps lets no Timeline stand still until ctx ends.
func (p *Packager) runGaps(ctx context.Context) error {
	tick := time.NewTicker(p.opts.Part / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for _, t := range p.all() {
				t.bridge(p.opts.Wall())
			}
		}
	}
}

// bridge gives up the parts that are overdue: since nothing has come for too long, they are listed as gaps, at the pace of parts
// and up to one instant in all renditions (rfc8216bis §6.2.1).
//
// A gap takes the place that the encoder's own part would have had. What the encoder writes late is therefore no longer listed in
// parts, while DASH, which knows no gap within a Period, has it all.
func (t *Timeline) bridge(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	late := now.Sub(t.heard) - standstill
	if t.ended || t.heard.IsZero() || late <= 0 {
		return
	}
	e, changed := t.awaited(), false
	for _, k := range e.tracks {
		if l := t.known(k.ID); l != nil {
			changed = t.giveUp(l, k, t.newestEnd.Add(late).Sub(e.zero)) || changed
		}
	}
	if changed {
		t.trim()
		t.publish()
	}
}

// awaited is the epoch that the next part will belong to. Between two it is announced under the name that is hinted at, and
// begins where the last one ended.
func (t *Timeline) awaited() *Epoch {
	e := t.epochs[len(t.epochs)-1]
	if e.ended {
		var renditions []Rendition
		for _, k := range e.tracks {
			renditions = append(renditions, k.Rendition)
		}
		next := t.nextEpoch(renditions)
		next.keys, next.late = e.keys, e.late
		t.enter(next)
		next.announced, e = true, next
		t.touch()
	}
	e.setZero(t.edge())
	return e
}

// takeAnnounced is the announced epoch where ffmpeg can go on with it. One of other renditions, or that reaches too far back,
// ends with nothing but gaps.
func (t *Timeline) takeAnnounced(renditions []Rendition) *Epoch {
	e := t.epochs[len(t.epochs)-1]
	same := slices.EqualFunc(e.tracks, renditions, func(k *track, r Rendition) bool { return k.Rendition == r })
	if same && t.p.opts.Wall().Sub(e.zero) <= maxLead {
		return e
	}
	_ = e.close() // it has no files
	return nil
}

// giveUp lists all parts of the rendition that end before an instant, from the epoch's media time 0, as gaps.
func (t *Timeline) giveUp(l *listing, k *track, until time.Duration) (changed bool) {
	for {
		if l.growing != nil && k.full(*l.growing) {
			t.sealOverdue(l, k)
			changed = true
		}
		s := l.next(k.epoch)
		p := k.missing(s)
		if ticks(p.Start+p.Duration, s.Timescale) > until {
			return changed
		}
		t.write(gapRecord(k.ID, s.MSN, len(s.Parts), p))
		t.lose(l, k, p)
		changed = true
	}
}

// lose lists a gap as the next part.
func (t *Timeline) lose(l *listing, k *track, p Part) {
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
func (t *Timeline) sealOverdue(l *listing, k *track) {
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
	s := Segment{MSN: last.MSN + 1, Timescale: last.Timescale, First: last.epoch != e, epoch: e}
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

// rescaled are the segment's parts in the ticks of another time scale.
func (s Segment) rescaled(timescale uint32) []Part {
	if s.Timescale == timescale {
		return s.Parts
	}
	parts := slices.Clone(s.Parts)
	for i, p := range parts {
		parts[i].Start = int64(inTicks(ticks(p.Start, s.Timescale), uint64(timescale)))
		parts[i].Duration = int64(inTicks(ticks(p.Duration, s.Timescale), uint64(timescale)))
	}
	return parts
}

// full reports whether the encoder would put the next part into a new segment.
func (k *track) full(s Segment) bool { return s.epoch == k.epoch && s.End() >= k.boundary(s) }

// missing is the part that should come next in the segment: up to the first whole fragment after so many part durations.
func (k *track) missing(s Segment) Part {
	opts := k.epoch.timeline.p.opts
	fragment, _ := opts.fragments(k.Rendition)
	count := (time.Duration(len(s.Parts)+1)*opts.Part + fragment - 1) / fragment
	scale := uint64(s.Timescale)
	end := max(s.Start+int64(inTicks(count*fragment, scale)), s.End()+int64(inTicks(fragment, scale)))
	return Part{Start: s.End(), Duration: min(end, k.boundary(s)) - s.End(), Gap: true}
}

// boundary is where the encoder would end the segment: with the first whole frame after so many segment durations.
func (k *track) boundary(s Segment) int64 {
	number := time.Duration(s.MSN - k.epoch.base + 1)
	return k.first + int64(inTicks(wholeFrames(number*k.epoch.timeline.p.opts.Segment, k.frameRate()), uint64(s.Timescale)))
}
