package conformance

import (
	"fmt"
	"net/http"
	"time"
)

// historyRules are those that only all visits together show.
func historyRules() []history[*observation] {
	return []history[*observation]{
		{"rfc8216bis §6.2.1 new segments in time", checkPace},
		{"rfc8216bis §6.2.1 listed segments are there", checkListedExist},
		{"rfc8216bis §6.2.2 one URI, one segment", checkURIsNotReused},
		{"rfc8216bis §6.2.4 same target duration in all renditions", checkSameTarget},
		{"rfc8216bis §6.2.4 renditions in step", checkInStep},
		{"rfc8216bis §6.2.1 all renditions end", checkAllEnd},
		{"HLS authoring 8.1 durations are the media's", checkDurations},
		{"HLS authoring 7.3 decode times go on", checkContinuous},
		{"libavformat decode times go back nowhere", checkForward},
		{"HLS authoring 9.1 CODECS are the init segment's", checkCodecsTrue},
		{"HLS authoring 9.2 RESOLUTION is the init segment's", checkResolutionTrue},
		{"HLS authoring 1.29 BANDWIDTH holds the peak", checkPeak},
		{"HLS authoring 1.28 AVERAGE-BANDWIDTH holds the mean", checkMean},
		{"ISO/IEC 23000-19 §7.3 segments", checkContents},
	}
}

// checkPace: while a stream lives, a new segment appears at most one and a half target durations after the last.
func checkPace(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		var last *playlist
		for _, p := range h.playlists[url] {
			if last == nil || p.end() > last.end() {
				last = p
			}
			limit := last.targetDuration()*3/2 + h.options.tolerance()
			if still := p.visit.At.Sub(last.visit.At); p.live() && still > limit {
				fault(last.visit, fmt.Sprintf("no segment after %d for more than %v", last.end()-1, limit))
			}
		}
	}
}

func checkListedExist(h *observation, fault func(*Visit, string)) {
	since := make(map[string]time.Time) // it was listed; one that is asked for before is only guessed, or hinted at
	list := func(uri string, gap bool, at time.Time) {
		if old, listed := since[uri]; !gap && (!listed || at.Before(old)) {
			since[uri] = at
		}
	}
	gaps := make(map[string]bool)
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			for _, s := range p.segments {
				gaps[s.uri] = s.gap
				list(s.uri, s.gap, p.visit.At)
				list(s.init, s.gap, p.visit.At)
			}
			p.eachPart(func(s segment, _ place, part part) {
				gaps[part.uri] = part.gap
				list(part.uri, part.gap, p.visit.At)
				list(s.init, part.gap, p.visit.At)
			})
		}
	}
	for _, v := range h.all {
		at, listed := since[v.path()]
		asked := v.Asked
		if asked.IsZero() {
			asked = v.At
		}
		if listed && !gaps[v.path()] && !asked.Before(at) && v.Status != http.StatusOK && v.Status != http.StatusPartialContent && v.Status != http.StatusNotModified {
			fault(v, fmt.Sprintf("status %d", v.Status))
		}
	}
}

func checkURIsNotReused(h *observation, fault func(*Visit, string)) {
	number := make(map[string]int64)
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			for _, s := range p.segments {
				if n, ok := number[s.uri]; ok && n != s.msn {
					fault(p.visit, fmt.Sprintf("%s is segment %d and %d", s.uri, n, s.msn))
				}
				number[s.uri] = s.msn
			}
		}
	}
}

func checkSameTarget(h *observation, fault func(*Visit, string)) {
	var want float64
	for _, url := range h.urls {
		p := h.playlists[url][0]
		if want == 0 {
			want = p.target()
		}
		if p.target() != want {
			fault(p.visit, fmt.Sprintf("%.0f s, another rendition has %.0f s", p.target(), want))
		}
	}
}

// stepTolerance is how far the edges of renditions' segments may be apart: audio is cut between its own frames.
const stepTolerance = 100 * time.Millisecond

// checkInStep: the same number is the same period of time and of the same discontinuity in all renditions. A gap may begin earlier,
// where what the rendition has before it ended.
func checkInStep(h *observation, fault func(*Visit, string)) {
	seen := make(map[int64]segment)
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			for _, s := range p.segments {
				other, ok := seen[s.msn]
				if !ok {
					seen[s.msn] = s
					continue
				}
				if s.number != other.number {
					fault(p.visit, fmt.Sprintf("segment %d has discontinuity number %d, in another rendition %d", s.msn, s.number, other.number))
				}
				if other.gap {
					seen[s.msn] = s
				}
				if off := s.pdt.Sub(other.pdt); !s.gap && !other.gap && !s.pdt.IsZero() && !other.pdt.IsZero() && off.Abs() > stepTolerance {
					fault(p.visit, fmt.Sprintf("segment %d is %v off another rendition's", s.msn, off))
				}
			}
		}
	}
}

// checkAllEnd: once one rendition has ended, the others have at their next visit.
func checkAllEnd(h *observation, fault func(*Visit, string)) {
	var end time.Time
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			if p.ended() && (end.IsZero() || p.visit.At.Before(end)) {
				end = p.visit.At
			}
		}
	}
	for _, url := range h.urls {
		versions := h.playlists[url]
		last := versions[len(versions)-1]
		if !end.IsZero() && !last.ended() && !last.visit.At.Before(end.Add(h.options.tolerance())) {
			fault(last.visit, "has no EXT-X-ENDLIST, another rendition has")
		}
	}
}

// checkContents applies the rules on segments to each unbroken run of fetched segments with one init segment.
func checkContents(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		var bodies [][]byte
		var before *content
		check := func() {
			if before == nil {
				return
			}
			head, _ := h.body(before.init)
			for _, v := range CheckSegments(head, bodies) {
				fault(h.byPath[before.init][0], v.Rule+": "+v.Detail)
			}
		}
		for _, c := range h.tracks[url].inOrder() {
			if before != nil && (c.init != before.init || c.msn != before.msn+1) {
				check()
				bodies = nil
			}
			body, _ := h.body(c.uri)
			bodies, before = append(bodies, body), c
		}
		check()
	}
}
