package timeline

import (
	"slices"
	"time"
)

// Snapshot is everything that viewers can ask a Timeline for, at one moment. It is never changed: the next one replaces it.
type Snapshot struct {
	Playlists    []*Playlist   // one for each rendition; the same pointer as before where nothing has changed
	Presentation *Presentation // nil while nothing can be played; the same pointer as before where nothing has changed
	Epochs       []string      // the epochs' names, oldest first
	Epoch        string        // the newest, empty once the broadcast has ended
	Presented    string        // the newest that is in the MPD, which DASH players know
	Ready        bool          // every rendition can be played
	Ended        bool
	Taken        bool // the broadcast has come from another service, whose media is not here

	newest []newestSegment // of the renditions of Epoch and Presented
}

// newestSegment is the number of the newest whole segment of a rendition in an epoch.
type newestSegment struct {
	epoch, id string
	msn       int64
}

// Playlist is the media playlist of one rendition at one moment, and what it lists.
type Playlist struct {
	ID             string
	Segments       []Segment
	Growing        *Segment      // the segment in progress, with at least one part; nil between two
	Written        Written       // by the newest encoder
	Hint           PartID        // the part that comes next; zero when nothing follows
	PartTarget     time.Duration // PART-TARGET
	TargetDuration int           // EXT-X-TARGETDURATION, seconds
	Event          bool          // nothing of the broadcast has left
	Ended          bool
	Reports        []Report // of the other renditions
}

// PartID names a part of a rendition.
type PartID struct {
	Epoch string
	MSN   int64
	Part  int
}

// Written is how far an encoder's files of a rendition have got, which may be other than what is listed.
type Written struct {
	Epoch string // empty until its initialization segment is there
	MSN   int64  // of the segment in progress
	Size  int64  // bytes of that
}

// Report says how far another rendition is (rfc8216bis §4.4.5.4).
type Report struct {
	ID   string
	MSN  int64
	Part int // -1 where the segment lists no parts
}

// Playlist is that of the rendition; nil when there is none.
func (s *Snapshot) Playlist(id string) *Playlist {
	for _, p := range s.Playlists {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// NewestOf is the number of the rendition's newest whole segment in an epoch that may have more; otherwise the end of all.
func (s *Snapshot) NewestOf(epoch, id string) int64 {
	if epoch == s.Epoch || epoch == s.Presented {
		for i := range s.newest {
			if s.newest[i].epoch == epoch && s.newest[i].id == id {
				return s.newest[i].msn
			}
		}
	}
	return 1<<63 - 1
}

// Last is the number of the newest whole segment; before the first, the number before the one in progress.
func (p *Playlist) Last() int64 {
	if n := len(p.Segments); n > 0 {
		return p.Segments[n-1].MSN
	}
	return p.Growing.MSN - 1
}

// Snapshot is what is listed now. What was noted is to be in timeline.log before it is published.
func (t *Timeline) Snapshot() *Snapshot {
	old := t.snapshot
	next := &Snapshot{
		Playlists: make([]*Playlist, 0, len(t.listings)),
		Epochs:    t.epochNames(old.Epochs),
		Ready:     t.becomeReady(), Ended: t.ended, Taken: t.taken != nil,
		Presentation: old.Presentation,
	}
	t.addNewest(next)
	for _, l := range t.listings {
		if l.stale || l.playlist == nil {
			l.playlist, l.stale = t.playlist(l), false
		}
		next.Playlists = append(next.Playlists, l.playlist)
	}
	if t.presentationStale && t.ready {
		next.Presentation, t.presentationStale = t.presentation(), false
	}
	if t.presentationStale {
		next.Presentation = nil
	}
	t.snapshot = next
	return next
}

// epochNames are the names of all epochs: the old ones where they have not changed.
func (t *Timeline) epochNames(old []string) []string {
	if slices.EqualFunc(old, t.epochs, func(name string, e *Epoch) bool { return name == e.name }) {
		return old
	}
	names := make([]string, 0, len(t.epochs))
	for _, e := range t.epochs {
		names = append(names, e.name)
	}
	return names
}

// addNewest says which segments are whole, of the newest epoch and of the newest that is presented.
func (t *Timeline) addNewest(next *Snapshot) {
	if t.ended {
		return
	}
	var newest, presented *Epoch
	for i, e := range t.epochs {
		if !e.whole && i < len(t.epochs)-1 {
			continue
		}
		newest = e
		if e.whole {
			presented = e
		}
	}
	if newest == nil {
		return
	}
	next.Epoch = newest.name
	next.newest = make([]newestSegment, 0, 2*len(newest.tracks))
	next.newest = newest.appendNewest(next.newest)
	if presented != nil {
		next.Presented = presented.name
		if presented != newest {
			next.newest = presented.appendNewest(next.newest)
		}
	}
}

func (e *Epoch) appendNewest(all []newestSegment) []newestSegment {
	for _, k := range e.tracks {
		all = append(all, newestSegment{e.name, k.ID, k.MSN() - 1})
	}
	return all
}

// becomeReady reports whether manifests can be answered.
func (t *Timeline) becomeReady() bool {
	if !t.ready && slices.ContainsFunc(t.epochs, (*Epoch).complete) {
		t.ready, t.playedAt = true, t.cfg.Wall()
	}
	return t.ready
}

func (t *Timeline) playlist(l *listing) *Playlist {
	return &Playlist{
		ID: l.id, Segments: l.segments, Growing: l.growing, Written: t.written(l.id), Hint: t.hint(l),
		PartTarget: t.partTarget, TargetDuration: t.cfg.TargetDuration(t.late), Event: t.event(), Ended: t.ended, Reports: t.reports(l),
	}
}

// hint is the part of the rendition that comes next, if it may be listed.
func (t *Timeline) hint(l *listing) PartID {
	if p := t.following(l); p.MSN < t.limit {
		return p
	}
	return PartID{}
}

// following is the part that comes next: of the running epoch, or of the one that will follow.
func (t *Timeline) following(l *listing) PartID {
	e := t.newest()
	if t.ended {
		return PartID{}
	}
	if e == nil || e.ended {
		return PartID{Epoch: t.nextName, MSN: t.nextMSN}
	}
	k := e.track(l.id)
	switch g := l.growing; {
	case k == nil:
		return PartID{}
	case g == nil:
		return PartID{e.name, max(l.last()+1, e.base), 0}
	case k.full(*g) && e.late == 0: // where key frames are late, nobody knows which part is the last of its segment
		return PartID{e.name, g.MSN + 1, 0}
	default:
		return PartID{e.name, g.MSN, len(g.Parts)}
	}
}

func (t *Timeline) written(id string) Written {
	if e := t.newest(); e != nil {
		if k := e.track(id); k != nil && k.init != nil {
			return Written{e.name, k.MSN(), k.written}
		}
	}
	return Written{}
}

func (t *Timeline) reports(of *listing) []Report {
	reports := make([]Report, 0, len(t.listings))
	for _, l := range t.listings {
		if l == of {
			continue
		}
		r := Report{ID: l.id, MSN: l.last(), Part: -1}
		newest, found := l.find(r.MSN)
		if l.growing != nil {
			newest, found = *l.growing, true
		}
		if found {
			r.MSN, r.Part = newest.MSN, len(newest.Parts)-1
		}
		reports = append(reports, r)
	}
	return reports
}
