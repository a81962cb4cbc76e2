package timeline

import (
	"crypto/rand"
	"math"
	"slices"
	"time"
)

// Config is what all timelines of a service have in common.
type Config struct {
	Timing
	// Wall is the clock of the service.
	Wall func() time.Time
	// Fenced timelines list only numbers that SetLimit has allowed.
	Fenced bool
}

// Timeline is one broadcast of a stream as viewers see it: a row of epochs with one numbering.
type Timeline struct {
	cfg        Config
	started    time.Time
	start      time.Time     // availabilityStartTime: zero of the first epoch, never moved
	end        time.Duration // where the last ended epoch ended, from start
	epochs     []*Epoch      // with listed segments, or the running one
	listings   []*listing    // in the order in which renditions first appeared
	nextMSN    int64         // of the next epoch
	nextDisc   int64         // of the next epoch
	nextName   string        // of the next epoch, once that is hinted at
	nextOffset time.Duration // of the next epoch
	limit      int64         // only lower numbers are listed
	limited    bool          // that is known
	broadcast  string        // what the recordings of the broadcast have in common, wherever they are
	taken      *Numbers      // what it has gone on from; nil: it has begun here
	partTarget time.Duration // PART-TARGET, fixed with the first epoch
	late       time.Duration // by which segments of any epoch may be longer than nominal, fixed with the first one
	ended      bool
	endedAt    time.Time
	record     *bool     // what somebody has asked for: to be recorded, or not; nil: nobody has
	ready      bool      // every rendition of an epoch could be played
	playedAt   time.Time // since when
	published  time.Time // the MPD's publishTime
	newestEnd  time.Time // wall time at which the newest segment's media ends
	heard      time.Time // when the newest part came; zero before the first
	latency    time.Duration
	stats      stats

	replaying         bool     // the records come from the log
	records           []Record // noted, not yet in the log
	expired           []Expired
	depth             time.Duration // what was listed when the oldest segments of an event left last
	presentationStale bool          // the MPD and the multivariant playlist do not say what is so any more
	snapshot          *Snapshot
}

type stats struct{ segments, parts, gaps, bytes uint64 }

// Expired is what has left the playlists: a segment, or a whole epoch.
type Expired struct {
	Epoch   string
	ID, Rep string    // of the rendition; empty for the whole epoch
	MSN     int64     // of the segment
	Number  int64     // ffmpeg's number of it
	At      time.Time // when nobody can ask for it any more
}

// New begins a Timeline of which nothing is known. Its numbers begin with 1, as they do in an MPD that says nothing else.
func New(cfg Config) *Timeline {
	t := &Timeline{cfg: cfg, started: cfg.Wall(), nextMSN: 1, limit: math.MaxInt64, broadcast: rand.Text(), snapshot: &Snapshot{}}
	if cfg.Fenced {
		t.limit = 0
	}
	return t
}

// Open notes that the broadcast begins, or is continued, and where its numbers go on.
func (t *Timeline) Open() { t.note(t.openRecord()) }

// Successor begins the next broadcast of a stream that has ended. Its numbers go on.
func (t *Timeline) Successor() *Timeline {
	next := New(t.cfg)
	next.nextMSN, next.nextDisc, next.limit = t.nextMSN, t.nextDisc, t.limit
	next.Open()
	return next
}

// LateKeyFrames is how late the key frames of an epoch may be, and so how much longer its segments: as much as the first one said.
// It is not fixed, and 0, before that one.
func (t *Timeline) LateKeyFrames() (late time.Duration, fixed bool) { return t.late, t.partTarget != 0 }

// Epochs are the epochs with something listed, and the running one, oldest first.
func (t *Timeline) Epochs() []*Epoch { return t.epochs }

// Ended reports whether the broadcast has ended.
func (t *Timeline) Ended() bool { return t.ended }

// Gone is when the manifests and files of a broadcast that has ended may go: who is at the beginning of what is listed can see all of it.
func (t *Timeline) Gone() time.Time {
	window := t.cfg.Window
	if t.cfg.Event {
		window = max(window, t.reference().span())
	}
	return t.endedAt.Add(window + t.cfg.Grace())
}

// Finish ends the broadcast at that time. Its last epoch has been closed.
func (t *Timeline) Finish(at time.Time) {
	t.ended, t.endedAt = true, at
	t.note(Record{Kind: recordEnd, At: at})
	t.touch()
	t.presentationStale = true
}

// AskToRecord notes that somebody has begun, or stopped, recording the broadcast: a restart goes on with that.
func (t *Timeline) AskToRecord(on bool) {
	t.record = &on
	t.note(Record{Kind: recordRecord, On: on})
}

// AskedToRecord is what was asked for last, if anything was.
func (t *Timeline) AskedToRecord() (on, asked bool) {
	if t.record == nil {
		return false, false
	}
	return *t.record, true
}

// TakeExpired returns what has left the playlists since the last call.
func (t *Timeline) TakeExpired() []Expired {
	expired := t.expired
	t.expired = nil
	return expired
}

// TakeRecords returns what has been noted since the last call. It is to be in timeline.log before the next Snapshot is published,
// and is valid until something else is noted.
func (t *Timeline) TakeRecords() []Record {
	records := t.records
	t.records = t.records[:0]
	return records
}

func (t *Timeline) note(r Record) {
	if !t.replaying {
		t.records = append(t.records, r)
	}
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

// Grow lists the parts of the track's segment in progress. Its file has its public name, and size bytes that can be used.
func (t *Timeline) Grow(k *Track, parts []Part, size int64, known int) {
	if k.number == 1 && known == 0 {
		k.first = parts[0].Start
	}
	for i := max(known, len(k.logged)); i < len(parts); i++ {
		t.note(partRecord(k.ID, k.MSN(), i, parts[i]))
	}
	k.begun, k.written = true, size
	t.stats.parts += uint64(len(parts) - known)
	s := k.segment(parts, size)
	t.heard = t.cfg.Wall()
	t.reach(s)
	t.progress(t.listing(k.ID), s)
	t.completed(k.epoch)
}

// reach notes how far the media goes.
func (t *Timeline) reach(s Segment) {
	if s.epoch.zero.IsZero() {
		s.epoch.setZero(t.cfg.Wall().Add(-FromTicks(s.End(), s.Timescale)))
	}
	end := s.epoch.zero.Add(FromTicks(s.End(), s.Timescale))
	if end.After(t.newestEnd) {
		t.newestEnd, t.latency = end, t.cfg.Wall().Sub(end)
	}
}

// Whole is the segment in progress with all its parts, of which there is one at least, before it is listed. Where the time of the
// epoch's first sample is not known, its arrival decides.
func (t *Timeline) Whole(k *Track, parts []Part, size int64) Segment {
	s := k.segment(parts, size)
	t.reach(s)
	return s
}

// List lists the segment that was in progress, which is whole under its public name, and turns to the next.
func (t *Timeline) List(k *Track, s Segment) {
	t.note(segmentRecord(k.ID, s))
	k.next()
	t.place(k, s)
	t.trim()
}

// Skip leaves the segment in progress out and turns to the next.
func (t *Timeline) Skip(k *Track) { k.next() }

// place puts the segment into its rendition's listing, and a gap into those of renditions that the epoch does not have.
func (t *Timeline) place(k *Track, s Segment) {
	e := k.epoch
	k.reached = max(k.reached, FromTicks(s.End(), s.Timescale))
	e.end = max(e.end, k.reached)
	peak := k.bandwidth()
	k.rates.count(s)
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
	t.presentationStale = t.presentationStale || k.bandwidth() > peak
}
