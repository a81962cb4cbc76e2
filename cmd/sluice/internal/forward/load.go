package forward

import (
	"errors"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// load reads parts until a second of media waits, or no more is listed.
func (r *reader) load(now *timeline.Snapshot, t *track) {
	for t.span() < apart {
		p := now.Playlist(t.id)
		if p == nil {
			return
		}
		if r.isBehind(p, t) {
			before := *t
			if !r.seek(now, t) {
				return
			}
			if t.msn > before.msn {
				r.dropped += uint64(t.msn - before.msn)
				continue
			}
			*t = before // there is nothing newer to begin with: gaps follow, which are passed over
		}
		s, ok := find(p, t.msn)
		if !ok || !r.loadPart(now, p, &s, t) {
			return
		}
	}
}

// isBehind reports whether what comes next of a track has left the playlist, or is too far from its end.
func (r *reader) isBehind(p *timeline.Playlist, t *track) bool {
	if len(p.Segments) > 0 && t.msn < p.Segments[0].MSN {
		return true
	}
	var ahead time.Duration
	for i := len(p.Segments) - 1; i >= 0 && p.Segments[i].MSN > t.msn; i-- {
		ahead += p.Segments[i].Length()
	}
	return ahead > mostBehind && !p.Ended
}

// loadPart reads the next part, or passes over what has none. It reports whether there may be more.
func (r *reader) loadPart(now *timeline.Snapshot, p *timeline.Playlist, s *timeline.Segment, t *track) bool {
	whole := p.Growing == nil || p.Growing.MSN != s.MSN
	parts := s.Parts
	if len(parts) == 0 && whole && !s.Gap { // which a crash has left of it
		parts = []timeline.Part{{Size: s.Size, Start: s.Start, Duration: s.Duration, Independent: true}}
	}
	if t.epoch != s.EpochName() {
		id := r.largest(now, s, t)
		switch {
		case id == "" && !whole:
			return false // it may come
		case id != "" && id != t.id:
			t.id, t.epoch, t.part = id, s.EpochName(), 0
			return true
		case id != "":
			t.epoch = s.EpochName()
		}
	}
	if t.part >= len(parts) {
		if whole {
			t.msn, t.part = t.msn+1, 0
		}
		return whole
	}
	part := parts[t.part]
	t.part++
	f := r.formatOf(s, t.id)
	if part.Gap { // which nobody gets
		t.waits = t.video
		return true
	}
	if f == nil {
		r.lose(t)
		return true
	}
	units, err := r.read(s, t.id, f, part)
	if err != nil {
		r.lose(t)
		return true
	}
	if t.waits = t.waits && !part.Independent; !t.waits {
		t.pending = append(t.pending, units...)
	}
	return true
}

// lose leaves a part out; pictures wait for a key frame then.
func (r *reader) lose(t *track) {
	r.dropped++
	t.waits = t.video
}

func (r *reader) read(s *timeline.Segment, id string, f *format, part timeline.Part) ([]unit, error) {
	file, err := r.open(s.EpochName(), timeline.SegmentName(id, s.MSN))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	units, err := f.readPart(file, part)
	if err == nil && len(units) == 0 {
		err = errors.New("a part of nothing")
	}
	return units, err
}
