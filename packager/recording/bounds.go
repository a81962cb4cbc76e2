package recording

import (
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// bounds are from when to when a recording of a part of a broadcast is. Whole segments are kept: it begins with the one that holds the first
// instant, and ends with the one that holds the last. They are found in the first rendition that has them, and are the same in all.
type bounds struct {
	from, until time.Time // zero: as the broadcast
	first, last int64     // media sequence numbers; 0 while they are not known
	reached     [2]int64  // the newest number of video, and of audio
}

// take reports whether a segment is within the bounds.
func (b *bounds) take(s timeline.Recordable) bool {
	reached := &b.reached[0]
	if !s.Rendition.Video {
		reached = &b.reached[1]
	}
	if !b.from.IsZero() && s.MSN <= *reached {
		return false // it was given twice
	}
	*reached = s.MSN
	start := s.Zero.Add(timeline.FromTicks(s.Start, s.Timescale))
	if b.first == 0 && !b.from.IsZero() && start.Add(s.Length()).After(b.from) {
		b.first = s.MSN
	}
	if b.last == 0 && !b.until.IsZero() && !start.Before(b.until) {
		b.last = max(s.MSN-1, 1)
	}
	return (b.from.IsZero() || b.first > 0 && s.MSN >= b.first) && (b.last == 0 || s.MSN <= b.last)
}

// patience is how long the last segments are waited for: an encoder may be behind, and one that has gone makes none.
const patience = 30 * time.Second

// passed reports whether all that is within the bounds has come, or does not come any more.
func (b *bounds) passed(now time.Time, segment time.Duration) bool {
	if b.until.IsZero() {
		return false
	}
	come := b.last > 0
	for _, msn := range b.reached {
		come = come && (msn == 0 || msn >= b.last)
	}
	return come || now.Sub(b.until) > 2*segment+patience
}

// EndAt has the recording end with the segment that holds an instant. The first call counts.
func (r *Recording) EndAt(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bounds.until.IsZero() {
		r.bounds.until = until
	}
}

// Passed reports whether all has come of a recording that is to end at some time, or nothing more is taken.
func (r *Recording) Passed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped || r.bounds.passed(r.store.opts.Wall(), r.store.opts.Timing.Segment)
}
