package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// presentationRules are those that the MPDs and the segments show together.
func presentationRules() []history[*presentation] {
	return []history[*presentation]{
		{"DASH-IF TM available segments are there", checkAvailable},
		{"DASH-IF TM segments start near their nominal time", checkNominal},
		{"DASH-IF TM timescale is the media's", checkTimescale},
		{"ISO/IEC 23009-1 §5.3.7 codecs are the init segment's", checkRepresentation},
		{"DASH-IF TM timeline follows the clock", checkClock},
		{eventsAnnounced, checkAnnounced},
	}
}

// visitedSlot is a segment of the MPD that somebody has asked for.
type visitedSlot struct {
	stream
	slot
	url string
}

// eachSlot calls do for every visited segment that the MPD visited at some time made available by then, each URL once.
func (d *presentation) eachSlot(do func(s stream, at slot, url string)) {
	for i := range d.visited {
		do(d.visited[i].stream, d.visited[i].slot, d.visited[i].url)
	}
}

// findVisited finds what eachSlot is about. The last MPD that has a period knows its end: what an earlier one promised beyond it, for an
// encoder that died, is not a segment.
func (d *presentation) findVisited() (found []visitedSlot) {
	seen := make(map[string]bool)
	ends, lasts := make(map[string]time.Duration), make(map[string]uint64)
	var later []byte
	for i := len(d.manifests) - 1; i >= 0; i-- {
		m := d.manifests[i]
		if bytes.Equal(m.visit.Body, later) {
			continue // it made no more available than the later visit
		}
		later = m.visit.Body
		until := time.Duration(m.MediaPresentationDuration)
		if m.dynamic() {
			until = m.visit.At.Sub(m.AvailabilityStartTime)
		}
		for _, p := range m.Periods {
			if _, known := ends[p.ID]; p.Duration > 0 && !known {
				ends[p.ID] = time.Duration(p.Start + p.Duration)
			}
		}
		m.each(func(s stream) {
			until := until
			if end, known := ends[s.period.ID]; known {
				until = min(until, end)
			}
			id := s.period.ID
			lasts[id] = max(lasts[id], s.template.EndNumber)
			urlOf := s.urls()
			for _, at := range s.slots(until) {
				if lasts[id] > 0 && at.number > lasts[id] {
					break
				}
				if url := urlOf(at.number); len(d.byPath[url]) > 0 && !seen[url] {
					seen[url] = true
					found = append(found, visitedSlot{s, at, url})
				}
			}
		})
	}
	return found
}

// checkAvailable: a segment asked for between its availability and its removal is served.
func checkAvailable(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, at slot, url string) {
		m := s.manifest
		from := m.AvailabilityStartTime.Add(s.end(at))
		until := from.Add(time.Duration(m.TimeShiftBufferDepth))
		for _, v := range d.byPath[url] {
			within := v.At.After(from) && (m.TimeShiftBufferDepth == 0 || v.At.Before(until))
			if within && v.Status != http.StatusOK && v.Status != http.StatusPartialContent && v.Status != http.StatusNotModified {
				fault(v, fmt.Sprintf("status %d, available since %v", v.Status, v.At.Sub(from).Round(time.Millisecond)))
			}
		}
	})
}

// checkNominal: with @duration, a segment may start half a duration off; with a timeline, at its time exactly.
func checkNominal(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, at slot, url string) {
		head, ok := d.track(s)
		body, fetched := d.body(url)
		if !ok || !fetched {
			return
		}
		fragments, err := scan(head, body)
		if err != nil || len(fragments) == 0 {
			return
		}
		got := int64(fragments[0].DecodeTime) + int64(fragments[0].CompositionOffset)
		if off := got - int64(at.start); max(off, -off) > int64(at.nominal/2) {
			fault(d.byPath[url][0], fmt.Sprintf("starts at %d, nominally at %d, duration %d", got, at.start, at.nominal))
		}
	})
}

// eachTrack calls do for every representation whose init segment was fetched, as last seen.
func (d *presentation) eachTrack(do func(s stream, v *Visit)) {
	seen := make(map[string]bool)
	for i := len(d.manifests) - 1; i >= 0; i-- {
		d.manifests[i].each(func(s stream) {
			if !seen[s.init()] {
				seen[s.init()] = true
				do(s, d.manifests[i].visit)
			}
		})
	}
}

func checkTimescale(d *presentation, fault func(*Visit, string)) {
	d.eachTrack(func(s stream, v *Visit) {
		if head, ok := d.track(s); ok && head.Timescale != s.template.Timescale {
			fault(v, fmt.Sprintf("%s: %d, the init segment says %d", s.representation.ID, s.template.Timescale, head.Timescale))
		}
	})
}

func checkRepresentation(d *presentation, fault func(*Visit, string)) {
	d.eachTrack(func(s stream, v *Visit) {
		head, ok := d.track(s)
		r := s.representation
		if ok && (head.Codec != r.Codecs || head.Width != r.Width || head.Height != r.Height) {
			fault(v, fmt.Sprintf("%s: %s %dx%d, the init segment says %s %dx%d", r.ID, r.Codecs, r.Width, r.Height, head.Codec, head.Width, head.Height))
		}
	})
}

// checkClock: media does not run ahead of the wall clock by more than a segment. (That it falls behind shows as segments
// that are not there when they are available.)
func checkClock(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, at slot, url string) {
		m := s.manifest
		if m.AvailabilityStartTime.IsZero() {
			return
		}
		v := d.byPath[url][0]
		early := m.AvailabilityStartTime.Add(s.end(at)).Sub(v.At)
		if v.Status == http.StatusOK && early > time.Duration(m.MaxSegmentDuration)+d.options.tolerance() {
			fault(v, fmt.Sprintf("was there %v before its time", early.Round(time.Millisecond)))
		}
	})
}
