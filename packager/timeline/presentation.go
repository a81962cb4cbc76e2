package timeline

import (
	"slices"
	"time"
)

// Presentation is what manifests say of the epochs, at one moment. It changes with the set of epochs and the rates, not with each
// segment. It is never changed itself.
type Presentation struct {
	Start      time.Time     // availabilityStartTime
	End        time.Duration // of the last ended epoch, from Start
	Ended      bool
	Published  time.Time     // publishTime: later than that of the one before
	PartTarget time.Duration // PART-TARGET
	Late       time.Duration // by which segments may be longer than nominal
	Depth      time.Duration // timeShiftBufferDepth; 0 for no limit
	Periods    []Period
	Renditions []Description // of the newest epoch that can be played
}

// Period is an epoch that can be played.
type Period struct {
	Epoch      string
	ID         int64         // the epoch's discontinuity number
	Start      time.Duration // from the presentation's
	Duration   time.Duration // 0 where the end is not known
	Zero       time.Time     // wall time of media time 0
	Origin     time.Duration // decode time of media time 0
	Begin      time.Duration // media time with which the Period begins: more than 0 where an ended broadcast's beginning is no longer listed
	First      int64         // number of the first segment
	EndNumber  int64         // number of the last segment where the duration does not say it; otherwise 0
	KeyFrames  time.Duration // between two
	Renditions []Description
}

func (t *Timeline) presentation() *Presentation {
	return &Presentation{
		Start: t.start, End: t.end, Ended: t.ended, Published: t.nextPublish(), PartTarget: t.partTarget, Late: t.late, Depth: t.shiftDepth(),
		Periods: t.periods(), Renditions: t.newestRenditions(),
	}
}

// periods are the epochs that can be played, one after the other. The end of the last is known only once the stream has
// ended: dash.js takes a last Period with a duration for the end of everything and plays nothing that is announced later.
func (t *Timeline) periods() (all []Period) {
	var end time.Duration
	var last *Epoch
	closeLast := func(number int64) {
		if n := len(all); n > 0 {
			all[n-1].Duration = end - all[n-1].Start
			if last.late > 0 {
				all[n-1].EndNumber = number // a key frame was late: the duration would say one segment more
			}
		}
	}
	for _, e := range t.epochs {
		renditions := e.renditions()
		if len(renditions) == 0 {
			continue
		}
		if e.begin() != end {
			all = nil // the DASH-IF timing model knows no hole between Periods: what lies before one is not listed
		}
		closeLast(e.base - 1)
		all, end, last = append(all, e.period(renditions)), e.begin()+e.end, e
	}
	if ref := t.reference(); t.ended && ref != nil {
		closeLast(ref.last())
	}
	if len(all) > 0 {
		if p, ok := t.former(&all[0]); ok {
			all = slices.Insert(all, 0, p)
		}
	}
	return all
}

// period describes the epoch. While the stream lives its begin never moves; of an ended stream the first begins with what is left.
func (e *Epoch) period(renditions []Description) Period {
	p := Period{
		Epoch: e.name, ID: e.disc, Start: e.begin(), Zero: e.zero, Origin: e.offset, First: e.base, KeyFrames: e.keys, Renditions: renditions,
	}
	if e.timeline.ended && e == e.timeline.epochs[0] {
		p.First, p.Begin = e.firstListed()
		p.Start += p.Begin
	}
	return p
}

// firstListed is the first segment of the epoch that is still listed, and where it starts from the epoch's zero.
func (e *Epoch) firstListed() (msn int64, start time.Duration) {
	for _, l := range e.timeline.listings {
		for _, s := range l.segments {
			if s.epoch == e && !s.Gap {
				return s.MSN, FromTicks(s.Start, s.Timescale)
			}
		}
	}
	return e.base, 0
}

// nextPublish is now, later than what was published before.
func (t *Timeline) nextPublish() time.Time {
	now := t.cfg.Wall().UTC().Truncate(time.Millisecond)
	if !now.After(t.published) {
		now = t.published.Add(time.Millisecond)
	}
	t.published = now
	return now
}

// newestRenditions are those of the newest epoch that can be played. A playlist spans epochs, and so does the peak of its rate.
func (t *Timeline) newestRenditions() []Description {
	var newest []Description
	peaks := map[string]int64{}
	for _, e := range t.epochs {
		all := e.renditions()
		for i := range all {
			r := &all[i]
			r.Bandwidth = max(r.Bandwidth, peaks[r.ID])
			peaks[r.ID] = r.Bandwidth
		}
		if len(all) > 0 {
			newest = all
		}
	}
	return newest
}

// renditions are the epoch's once it can be played; of one that ended before, those that have something.
func (e *Epoch) renditions() []Description {
	if !e.ended && !e.complete() {
		return nil
	}
	var all []Description
	for _, k := range e.tracks {
		if k.started() {
			all = append(all, k.Describe())
		}
	}
	return all
}
