package timeline

import "time"

// What bounds a broadcast that lists everything.
const (
	// maxEvent is how far back the playlists reach at most.
	maxEvent = 24 * time.Hour
	// eventSlack is how much more is listed before the oldest segments leave, so that the numbers at the front of playlists change rarely.
	eventSlack = time.Hour
)

// span is the time from the beginning of the oldest segment to the end of the newest; 0 where nothing is listed.
func (l *listing) span() time.Duration {
	if l == nil || len(l.segments) == 0 {
		return 0
	}
	first, last := &l.segments[0], &l.segments[len(l.segments)-1]
	return last.Wall().Add(last.Length()).Sub(first.Wall())
}

// event reports whether everything from the beginning of the broadcast on is listed, and nothing of it has left: EXT-X-PLAYLIST-TYPE
// EVENT (rfc8216bis §4.4.3.5).
func (t *Timeline) event() bool {
	if !t.cfg.Event {
		return false
	}
	ref := t.reference()
	return ref == nil || len(t.listings) > 0 && ref.segments[0].First && ref.segments[0].epoch.fresh
}

// shiftDepth is the timeShiftBufferDepth, 0 for no limit. Where the oldest segments have left, it is what remained then.
func (t *Timeline) shiftDepth() time.Duration {
	switch {
	case !t.cfg.Event:
		return t.cfg.Window
	case t.event():
		return 0
	}
	return max(t.depth, t.cfg.Window)
}

// Shorten lets the older half of a broadcast that lists everything leave the playlists, for want of space, down to the window. It
// reports whether anything did.
func (t *Timeline) Shorten() bool {
	ref := t.reference()
	if !t.cfg.Event || ref == nil {
		return false
	}
	first := ref.segments[0].MSN
	t.trimTo(ref, max(ref.span()/2, t.cfg.Window))
	ref = t.reference()
	if ref == nil || ref.segments[0].MSN == first {
		return false
	}
	t.note(Record{Kind: recordCut, MSN: ref.segments[0].MSN})
	return true
}
