package timeline

import (
	"time"
)

// Epoch is one unbroken ffmpeg run, as far as its media is listed.
type Epoch struct {
	timeline *Timeline
	name     string
	tracks   []*Track
	fresh    bool          // the first of its broadcast: begins without a discontinuity
	disc     int64         // discontinuity number of its segments
	base     int64         // media sequence number of ffmpeg's first segment
	keys     time.Duration // between key frames
	late     time.Duration // how long after their time segments may begin
	lead     time.Duration // EpochOptions.Lead
	led      int64         // so many segments have nothing but the lead: they are listed, and left out of recordings
	zero     time.Time     // wall time of media time 0; never moved once something is listed
	offset   time.Duration // decode time of media time 0, a multiple of offsetStep
	end      time.Duration // of its longest rendition, from zero; fixed once ended
	whole    bool          // was complete
	ended    bool
	logged   int64 // the last number that a log that is read again has, whether its media is there or not
	// announced until ffmpeg runs: so far there are only gaps
	announced bool
}

// Name is the epoch's name in URLs.
func (e *Epoch) Name() string { return e.name }

// Offset is the decode time (tfdt) of media time 0: what the encoder has to add to its time stamps.
func (e *Epoch) Offset() time.Duration { return e.offset }

// Zero is the wall time of media time 0; zero before it is known.
func (e *Epoch) Zero() time.Time { return e.zero }

// Late is how long after their time segments may begin.
func (e *Epoch) Late() time.Duration { return e.late }

// Tracks are the epoch's renditions, in the order of its options.
func (e *Epoch) Tracks() []*Track { return e.tracks }

// Ended reports whether nothing more is taken in.
func (e *Epoch) Ended() bool { return e.ended }

// maxLead is the longest time that an epoch may reach back to the end of the one before it. ffmpeg makes up for it by
// repeating the first frame, half a minute of a 720p ladder in 2.4 s on two cores, while live media waits.
const maxLead = 20 * time.Second

// SetZero sets the wall time of the first sample, and returns the lead: by how much all time stamps have to be moved forward
// before ffmpeg gets them. It is called once, before ffmpeg gets data; otherwise the arrival of the first segment decides.
//
// Media time 0 is where the epoch before ended, so that viewers find no hole in time and Periods follow each other as the
// DASH-IF timing model asks; the lead is what was missing in between, EpochOptions.Lead for the first epoch. After more than 20 s
// there is a hole: the lead is that too, and the MPD begins anew.
func (e *Epoch) SetZero(wall time.Time) (lead time.Duration) {
	if !e.zero.IsZero() {
		return max(0, wall.Sub(e.zero)) // gaps have begun there
	}
	edge := e.timeline.edge()
	switch {
	case edge.IsZero(), wall.Sub(edge) > maxLead:
		e.led = int64(e.lead / e.timeline.cfg.Segment)
		e.setZero(wall.Add(-e.lead))
		return e.lead
	case wall.After(edge):
		e.setZero(edge)
		return wall.Sub(edge)
	}
	e.setZero(wall)
	return 0
}

// maxAhead is how far an epoch may have ended in the future, by a clock or a publisher that was a little ahead.
const maxAhead = time.Minute

// setZero keeps the timeline in order: an epoch never begins before the end of the one before it, so that no program date
// time is given twice and the Periods of the MPD do not overlap. Where that end is far in the future, the wall clock of an
// earlier process was wrong: the MPD begins anew.
func (e *Epoch) setZero(wall time.Time) {
	t := e.timeline
	if !e.zero.IsZero() || e.ended {
		return
	}
	e.zero = wall.UTC().Truncate(time.Millisecond)
	if edge := t.edge(); t.start.IsZero() || edge.Sub(e.zero) > maxAhead {
		t.start, t.end = e.zero, 0
	} else if e.zero.Before(edge) {
		e.zero = edge
	}
	t.note(zeroRecord(e))
}

// begin is where the epoch's Period begins, from availabilityStartTime.
func (e *Epoch) begin() time.Duration { return e.zero.Sub(e.timeline.start) }

// Close fixes where the epoch ends for all renditions, once all that ffmpeg has written is taken in. A second call does nothing.
func (e *Epoch) Close() {
	if e.ended {
		return
	}
	e.ended = true
	e.level()
	t := e.timeline
	t.nextName = newEpochName()
	if !t.heard.IsZero() {
		t.heard = t.cfg.Wall() // the next one has its time too
	}
	t.settle()
	t.note(Record{Kind: recordEpochEnd, At: t.cfg.Wall(), Epoch: t.nextName})
	t.trim()
}

// maxOverlap is how much of the longest renditions' media the next epoch may take the place of: what a killed ffmpeg had written of
// one and not of another, which is two parts at most.
const maxOverlap = 500 * time.Millisecond

// cut lets the epoch end where the first of its renditions has no more media. A hole in one of them, be it of two frames, is
// where Chromium's decoder stops for good while the audio goes on: what it has to seek over, players must notice. What others
// have beyond gives way to the next epoch. A rendition that stopped long before the others leaves the end where it was.
func (e *Epoch) cut() {
	shortest := e.end
	for _, k := range e.tracks {
		if e.end-k.reached <= maxOverlap {
			shortest = min(shortest, k.reached)
		}
	}
	e.end = shortest
}

// level makes all renditions end with the same media sequence number, and fixes the numbers that follow. Gaps do not move the end:
// the next epoch begins where the media ended.
func (e *Epoch) level() {
	t := e.timeline
	for _, l := range t.listings {
		if l.growing != nil && l.growing.epoch == e {
			t.seal(l)
		}
	}
	last, listed := max(e.base-1, e.logged), false
	for _, l := range t.listings {
		if n := len(l.segments); n > 0 && l.segments[n-1].epoch == e {
			last, listed = max(last, l.last()), true
		}
	}
	if !listed {
		t.forget(e)
		e.skip(last)
		return
	}
	for _, l := range t.listings {
		t.fillTo(l, e, last+1)
	}
	t.nextMSN, t.nextDisc = last+1, e.disc+1
	t.nextOffset = max(t.nextOffset, e.nextOffset())
	e.cut()
	t.end = max(t.end, e.begin()+e.end)
	t.presentationStale = true
}

// skip leaves out the numbers and times up to a segment that players may have of this epoch, whose media is lost.
func (e *Epoch) skip(last int64) {
	if last < e.base {
		return
	}
	t := e.timeline
	t.nextMSN, t.nextDisc = last+1, e.disc+1
	longest := time.Duration(last+1-e.base)*t.cfg.Segment + t.late
	t.nextOffset = max(t.nextOffset, (e.offset + longest + offsetStep - 1).Truncate(offsetStep))
}

// offsetStep is a whole number of ticks in the time scale of every track: 48 kHz, 90 kHz, and ffmpeg's frame rate times a power of two
// that makes 10,000 or more.
const offsetStep = 125 * time.Millisecond

// MaxOffset is beyond the life of any broadcast.
const MaxOffset = 100 * 365 * 24 * time.Hour

// nextOffset is the least offset of the next epoch with which decode times go on from all that is listed of this one, gaps too. The
// specifications let them begin at 0 again (rfc8216bis §4.4.4.3), but libavformat reads next from the playlist whose decode time is the
// lowest: where that goes back in one of them, the others wait until it has caught up.
func (e *Epoch) nextOffset() time.Duration {
	end := e.end
	for _, l := range e.timeline.listings {
		if n := len(l.segments); n > 0 && l.segments[n-1].epoch == e {
			end = max(end, FromTicks(l.segments[n-1].End(), l.segments[n-1].Timescale))
		}
	}
	return (e.offset + end + offsetStep - 1).Truncate(offsetStep)
}

// complete reports whether every rendition has its first part.
func (e *Epoch) complete() bool {
	for _, k := range e.tracks {
		if !k.started() {
			return false
		}
	}
	return true
}

func (e *Epoch) has(id string) bool { return e.track(id) != nil }

// track is the epoch's track of the rendition; nil when it has none.
func (e *Epoch) track(id string) *Track {
	for _, k := range e.tracks {
		if k.ID == id {
			return k
		}
	}
	return nil
}
