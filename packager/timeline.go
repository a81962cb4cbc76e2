package packager

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Timeline is one broadcast of a stream as viewers see it: a row of epochs with one numbering.
type Timeline struct {
	p        *Packager
	stream   string
	dir      string
	playable chan struct{}
	snap     atomic.Pointer[snapshot]
	renders  atomic.Uint64 // playlists and MPDs made

	mu         sync.Mutex
	log        *logFile
	rec        *Recording // the current one; nil when there is none
	recordAt   time.Time  // when the next one is tried; zero while nothing is missing
	started    time.Time
	ast        time.Time     // availabilityStartTime: zero of the first epoch, never moved
	end        time.Duration // where the last ended epoch ended, from ast
	epochs     []*Epoch      // with listed segments, or the running one
	listings   []*listing    // in the order in which renditions first appeared
	nextMSN    int64         // of the next epoch
	nextDisc   int64         // of the next epoch
	nextName   string        // of the next epoch, once that is hinted at
	partTarget time.Duration // PART-TARGET, fixed with the first epoch
	late       time.Duration // by which segments of any epoch may be longer than nominal, fixed with the first one
	ready      bool          // playable is closed
	ended      bool
	gone       time.Time // ended: when the manifests and files go
	deadline   time.Time // recovered and waiting for its publisher: when it ends without one
	doomed     []doomed  // files that have left the playlists
	mpdStale   bool      // the MPD and the multivariant playlist do not say what is so any more
	published  time.Time // the MPD's publishTime
	newestEnd  time.Time // wall time at which the newest segment's media ends
	heard      time.Time // when the newest part came; zero before the first
	playedAt   time.Time
	latency    time.Duration
	stats      stats
}

type stats struct{ segments, parts, gaps, bytes uint64 }

func (p *Packager) newTimeline(stream string) *Timeline {
	t := &Timeline{
		p: p, stream: stream, dir: filepath.Join(p.opts.LiveDir, stream),
		playable: make(chan struct{}), started: p.opts.Wall(),
	}
	t.snap.Store(&snapshot{changed: make(chan struct{})})
	return t
}

// Stream is the name under which the Timeline is served.
func (t *Timeline) Stream() string { return t.stream }

// LateKeyFrames is how late the key frames of an epoch may be, and so how much longer its segments: as much as the first one said.
// It is not fixed, and 0, before that one.
func (t *Timeline) LateKeyFrames() (late time.Duration, fixed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late, t.partTarget != 0
}

// settle closes what is in progress once the epoch has ended. A rendition of which nothing could be listed goes.
func (t *Timeline) settle() {
	for _, l := range t.listings {
		l.growing = nil
	}
	t.listings = slices.DeleteFunc(t.listings, (*listing).empty)
	t.touch()
}

// touch makes all playlists be rendered anew: what they say of what comes next has changed.
func (t *Timeline) touch() {
	for _, l := range t.listings {
		l.stale = true
	}
}

// End ends the broadcast: the last epoch is closed, every playlist gets its EXT-X-ENDLIST, the MPD becomes static and the
// recording is finished; its video.mp4 follows in the background. The manifests answer for another window and grace, and
// are 404 then. A second call does nothing.
func (t *Timeline) End() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil
	}
	err := t.closeEpoch()
	t.finish(t.p.opts.Wall())
	t.closeFiles()
	t.p.opts.Logger.Info("stream has ended", "stream", t.stream, "segments", t.stats.segments, "gaps", t.stats.gaps)
	return err
}

// Suspend stops the broadcast without an end: the last epoch is closed and the recording finished, and the playlists stay open
// for Open, in this process or the next, to continue them within Options.Linger.
func (t *Timeline) Suspend() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil
	}
	err := t.closeEpoch()
	t.deadline = t.p.opts.Wall().Add(t.p.opts.Linger)
	t.closeFiles()
	t.p.opts.Logger.Info("stream waits to be continued", "stream", t.stream, "segments", t.stats.segments, "next", t.nextMSN)
	return err
}

// closeFiles finishes the recording and brings the log to the disk.
func (t *Timeline) closeFiles() {
	if t.rec != nil {
		t.rec.finish(StateFinished)
	}
	t.log.sync()
}

// finish marks the Timeline as ended at that time.
func (t *Timeline) finish(at time.Time) {
	t.ended = true
	t.gone = at.Add(t.p.opts.Window + t.p.opts.grace())
	t.write(record{Kind: recordEnd, At: at})
	t.touch()
	t.mpdStale = true
	t.publish()
}

// Playable is closed once every rendition has its first part, so that manifests can be answered.
func (t *Timeline) Playable() <-chan struct{} { return t.playable }

// Recording is where this broadcast is kept now; nil when recording is off or could not begin. Another one follows on one that has
// failed.
func (t *Timeline) Recording() *Recording {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rec
}

// grow takes the parts of the track's segment in progress, which are recorded already.
func (t *Timeline) grow(k *track) {
	s := k.segment(k.parts, k.usable())
	t.heard = t.p.opts.Wall()
	t.reach(s)
	t.progress(t.listing(k.ID), s)
	t.completed(k.epoch)
}

// reach notes how far the media goes.
func (t *Timeline) reach(s Segment) {
	if s.epoch.zero.IsZero() {
		s.epoch.setZero(t.p.opts.Wall().Add(-ticks(s.End(), s.Timescale)))
	}
	end := s.epoch.zero.Add(ticks(s.End(), s.Timescale))
	if end.After(t.newestEnd) {
		t.newestEnd, t.latency = end, t.p.opts.Wall().Sub(end)
	}
}

// list takes a segment that is whole under its public name: record, then recording, then playlist.
func (t *Timeline) list(k *track, s Segment) error {
	t.reach(s)
	t.write(segmentRecord(k.ID, s))
	if t.rec != nil {
		t.rec.add(k, s)
	}
	t.place(k, s)
	t.trim()
	t.publish()
	return nil
}

// place puts the segment into its rendition's listing, and a gap into those of renditions that the epoch does not have.
func (t *Timeline) place(k *track, s Segment) {
	e := k.epoch
	k.reached = max(k.reached, ticks(s.End(), s.Timescale))
	e.end = max(e.end, k.reached)
	peak := k.bandwidth()
	k.count(s)
	t.stats.segments++
	t.stats.bytes += uint64(s.Size)
	t.push(t.listing(k.ID), s)
	if k == e.tracks[0] {
		for _, l := range t.listings {
			if !e.has(l.id) {
				t.fillTo(l, e, s.MSN+1)
			}
		}
	}
	t.completed(e)
	t.mpdStale = t.mpdStale || k.bandwidth() > peak
}

func (e *Epoch) has(id string) bool { return e.track(id) != nil }

// track is the epoch's track of the rendition; nil when it has none.
func (e *Epoch) track(id string) *track {
	for _, k := range e.tracks {
		if k.ID == id {
			return k
		}
	}
	return nil
}

// write records a change in timeline.log, before it is listed. A live stream does not end because its log cannot be written.
func (t *Timeline) write(records ...record) {
	known := t.log != nil && t.log.torn
	if err := t.log.append(records...); err != nil && !known {
		t.p.opts.Logger.Error("timeline.log could not be written; a restart will not know this", "stream", t.stream, "error", err)
	}
}

// writeParts records the parts of the track's segment in progress from index first on.
func (t *Timeline) writeParts(k *track, first int) {
	records := make([]record, 0, len(k.parts)-first)
	for i := first; i < len(k.parts); i++ {
		records = append(records, partRecord(k.ID, k.msn(), i, k.parts[i]))
	}
	t.write(records...)
}
