package packager

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/internal/name"
)

const (
	maxRenditions = 16
	maxLate       = maxSegment / 2
)

// EpochOptions describe what one ffmpeg run will write.
type EpochOptions struct {
	// Renditions in the order of the ladder, best video first, audio last. At least one; at most 16.
	Renditions []Rendition
	// KeyFrames is the longest time between two key frames. 0 says once a segment.
	KeyFrames time.Duration
	// LateKeyFrames is how long after their time segments may begin, because a rendition is copied and the key frames are the
	// publisher's: so much longer they may be, in all renditions. What the first epoch of a broadcast says decides TARGETDURATION,
	// which never changes; a later one must not say more.
	LateKeyFrames time.Duration
	// Room is what TARGETDURATION has room for, if that is more than LateKeyFrames, because a later epoch may need it. It counts
	// in the first epoch of a broadcast.
	Room time.Duration
	// Lead is how long before its first sample an epoch begins that follows on no other.
	Lead time.Duration
}

// Rendition is one rung of the ladder, or the audio. It becomes one HLS variant (or audio rendition) and one DASH Representation.
type Rendition struct {
	ID      string  `json:"id"`  // public name, such as "720p" or "audio": [A-Za-z0-9][A-Za-z0-9_-]{0,63}, not index or manifest
	Rep     string  `json:"rep"` // ffmpeg's representation id, which names its files: init-REP.mp4, seg-REP-NUMBER.m4s, numbers from 1; two may share one
	Video   bool    `json:"video,omitempty"`
	Width   int     `json:"width,omitempty"`  // pixels
	Height  int     `json:"height,omitempty"` // pixels
	FPS     float64 `json:"fps,omitempty"`
	Bitrate int     `json:"bitrate"` // bit/s: the most that the encoder may make over any segment; of what is copied, a guess

	// Copied pictures are the publisher's own.
	Copied bool `json:"copied,omitempty"`
}

// Validate reports all faults at once.
func (o EpochOptions) Validate() error {
	var faults []error
	if len(o.Renditions) == 0 || len(o.Renditions) > maxRenditions {
		faults = append(faults, fmt.Errorf("%d renditions: not within 1 and %d", len(o.Renditions), maxRenditions))
	}
	for _, late := range []time.Duration{o.LateKeyFrames, o.Room} {
		if late < 0 || late > maxLate {
			faults = append(faults, fmt.Errorf("key frames up to %v late: not within 0 and %v", late, maxLate))
		}
	}
	if o.Lead < 0 || o.Lead > maxLead {
		faults = append(faults, fmt.Errorf("lead of %v: not within 0 and %v", o.Lead, maxLead))
	}
	seen := make(map[string]bool)
	for _, r := range o.Renditions {
		if err := r.validate(); err != nil {
			faults = append(faults, fmt.Errorf("rendition %q: %w", r.ID, err))
		}
		if seen[r.ID] {
			faults = append(faults, fmt.Errorf("rendition %q: name used twice", r.ID))
		}
		seen[r.ID] = true
	}
	return errors.Join(faults...)
}

func (r Rendition) validate() error {
	switch {
	case !name.Valid(r.ID), r.ID == "index", r.ID == "manifest":
		return errors.New("name is not " + name.Rule + ", or is index or manifest")
	case !name.Valid(r.Rep):
		return fmt.Errorf("representation %q is not %s", r.Rep, name.Rule)
	case r.Bitrate <= 0 || r.Bitrate > 1<<30:
		return fmt.Errorf("bitrate %d is not within 1 and %d", r.Bitrate, 1<<30)
	case r.Video && (r.Width <= 0 || r.Height <= 0 || !(r.FPS > 0 && r.FPS <= 1000)):
		return fmt.Errorf("picture %dx%d at %g fps", r.Width, r.Height, r.FPS)
	}
	return nil
}

// Epoch is one unbroken ffmpeg run.
type Epoch struct {
	timeline *Timeline
	name     string
	dir      string

	// Under the Timeline's lock.
	tracks []*track
	fresh  bool          // the first of its broadcast: begins without a discontinuity
	disc   int64         // discontinuity number of its segments
	base   int64         // media sequence number of ffmpeg's first segment
	keys   time.Duration // between key frames
	late   time.Duration // how long after their time segments may begin
	lead   time.Duration // EpochOptions.Lead
	zero   time.Time     // wall time of media time 0
	end    time.Duration // of its longest rendition, from zero; fixed once ended
	whole  bool          // was complete
	ended  bool
	// announced until ffmpeg runs: so far there are only gaps
	announced bool
}

// Dir is where ffmpeg has to write. It exists, is empty, and its name was never used before.
func (e *Epoch) Dir() string { return e.dir }

// Name is the epoch's name in URLs.
func (e *Epoch) Name() string { return e.name }

func (e *Epoch) out(name string) string { return filepath.Join(e.dir, outDir, name) }

// maxLead is the longest time that an epoch may reach back to the end of the one before it. ffmpeg makes up for it by
// repeating the first picture, half a minute of a 720p ladder in 2.4 s on two cores, while live media waits.
const maxLead = 20 * time.Second

// SetZero tells the wall time of the first sample, and returns the lead: by how much all time stamps have to be moved
// forward before ffmpeg gets them. It is called once, before ffmpeg gets data; otherwise the arrival of the first segment
// decides.
//
// Media time 0 is where the epoch before ended, so that viewers find no hole in time and Periods follow each other as the
// DASH-IF timing model asks; the lead is what was missing in between, EpochOptions.Lead for the first epoch. After more than 20 s
// there is a hole: the lead is that too, and the MPD begins anew.
func (e *Epoch) SetZero(wall time.Time) (lead time.Duration) {
	e.timeline.mu.Lock()
	defer e.timeline.mu.Unlock()
	if !e.zero.IsZero() {
		return max(0, wall.Sub(e.zero)) // gaps have begun there
	}
	edge := e.timeline.edge()
	switch {
	case edge.IsZero(), wall.Sub(edge) > maxLead:
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
	if edge := t.edge(); t.ast.IsZero() || edge.Sub(e.zero) > maxAhead {
		t.ast, t.end = e.zero, 0
	} else if e.zero.Before(edge) {
		e.zero = edge
	}
	t.write(record{Kind: recordZero, At: e.zero, Start: t.ast})
}

// begin is where the epoch's Period begins, from availabilityStartTime.
func (e *Epoch) begin() time.Duration { return e.zero.Sub(e.timeline.ast) }

// Torn reports whether media is missing in what ffmpeg has written. Nothing more of that rendition is taken in: ffmpeg should be
// stopped, and the next epoch begun.
func (e *Epoch) Torn() bool {
	e.timeline.mu.Lock()
	defer e.timeline.mu.Unlock()
	return slices.ContainsFunc(e.tracks, func(k *track) bool { return k.torn })
}

// End is called when ffmpeg has exited, however it did. It takes in all that is on disk, an unfinished segment up to its
// last whole fragment too, and fixes where the epoch ends for all renditions. A second call does nothing.
func (e *Epoch) End() error {
	e.timeline.p.unwatch(e)
	e.timeline.mu.Lock()
	defer e.timeline.mu.Unlock()
	return e.close()
}

func (e *Epoch) close() error {
	if e.ended {
		return nil
	}
	err := e.follow(true)
	e.ended = true
	e.level()
	t := e.timeline
	t.nextName = newEpochName()
	if !t.heard.IsZero() {
		t.heard = t.p.opts.Wall() // the next one has its time too
	}
	t.settle()
	t.write(record{Kind: recordEpochEnd, At: t.p.opts.Wall(), Epoch: t.nextName})
	t.trim()
	t.publish()
	return err
}

// follow takes in what has appeared in all tracks.
func (e *Epoch) follow(closing bool) error {
	var faults []error
	for _, k := range e.tracks {
		faults = append(faults, k.follow(closing))
	}
	return errors.Join(faults...)
}

// maxOverlap is how much of the longest renditions' media the next epoch may take the place of: what a killed ffmpeg had written of
// one and not of another, which is two parts at most.
const maxOverlap = 500 * time.Millisecond

// cut lets the epoch end where the first of its renditions has no more media. A hole in one of them, be it of two pictures, is
// where Chromium's decoder stops for good while the sound goes on: what it has to seek over, players must notice. What others
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
	last := e.base - 1
	for _, l := range t.listings {
		if n := len(l.segments); n > 0 && l.segments[n-1].epoch == e {
			last = max(last, l.last())
		}
	}
	if last < e.base {
		t.forget(e)
		return
	}
	for _, l := range t.listings {
		t.fillTo(l, e, last+1)
	}
	t.nextMSN, t.nextDisc = last+1, e.disc+1
	e.cut()
	t.end = max(t.end, e.begin()+e.end)
	t.mpdStale = true
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
