package live

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

const (
	waitingEvents = 16  // told, and in no fragment yet: of more the oldest go
	placedEvents  = 128 // that are remembered for renditions that come later to the same time
)

// events are what an epoch tells beside its pictures: what is so from an instant on, until the next event says otherwise. All renditions have
// the same ones at the same times.
type events struct {
	mu      sync.Mutex
	waiting []event
	placed  []event       // oldest first
	until   time.Duration // up to here it is decided what fragments have
}

type event struct {
	at   time.Duration // media time of the epoch
	text string
}

// tell says what is so from a media time on.
func (e *events) tell(at time.Duration, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == waitingEvents {
		e.waiting = slices.Delete(e.waiting, 0, 1)
	}
	e.waiting = append(e.waiting, event{at, text})
}

// within returns the events of a fragment from start to end. No fragment has more than one event but where renditions have fragments of
// different lengths. One that comes too late for its fragment is in the next one, from whose beginning on it holds (Carriage of ID3 Timed
// Metadata in CMAF, §2.2.3: the time is within the fragment). The first fragment of a segment has one at its beginning, which says again what is
// so if nothing else is: who begins there needs no segment before.
func (e *events) within(start, end time.Duration, first bool) (found []event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if end > e.until {
		e.place(max(start, e.until), end, first)
		e.until = end
	}
	from, _ := slices.BinarySearchFunc(e.placed, start, func(p event, at time.Duration) int { return cmp.Compare(p.at, at) })
	for _, p := range e.placed[from:] {
		if p.at < end {
			found = append(found, p)
		}
	}
	return found
}

// place decides what there is from a time on that nothing has been decided for.
func (e *events) place(from, end time.Duration, first bool) {
	newest := -1
	for i, w := range e.waiting {
		if w.at < end {
			newest = i
		}
	}
	switch {
	case newest >= 0:
		next := e.waiting[newest]
		if next.at = max(next.at, from); first {
			next.at = from
		}
		e.waiting = slices.Delete(e.waiting, 0, newest+1)
		e.placed = append(e.placed, next)
	case first && len(e.placed) > 0:
		e.placed = append(e.placed, event{from, e.placed[len(e.placed)-1].text})
	}
	if more := len(e.placed) - placedEvents; more > 0 {
		e.placed = slices.Delete(e.placed, 0, more)
	}
}

// box is the event in front of a fragment of a track whose decode times begin at origin, an epoch's. Its ID is its time in milliseconds.
func (v event) box(dst []byte, timescale uint32, origin time.Duration) []byte {
	at := origin + v.at
	return cmaf.AppendID3Event(dst, cmaf.Event{
		Timescale: timescale, Time: timeline.ToTicks(at, timescale), ID: uint32(at.Milliseconds()), Value: timeline.EventValue,
		Message: cmaf.AppendID3Text(nil, timeline.EventValue, v.text),
	})
}
