package conformance

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// partRules are those on partial segments that only all visits together show.
func partRules() []history[*observation] {
	return []history[*observation]{
		{"rfc8216bis §6.2.1 new parts in time", checkPartPace},
		{"rfc8216bis §6.2.4 same part target and server control in all renditions", checkSameControl},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", checkReports},
		{"rfc8216bis §4.4.4.9 part durations are the media's", checkPartMedia},
		{"rfc8216bis §4.4.4.9 INDEPENDENT is the media's", checkIndependentParts},
		{"rfc8216bis §3.2 a segment's bytes are its parts'", checkPartBytes},
		{"rfc8216bis §6.2.5.2 blocking reload", checkBlocking},
		{"rfc8216bis §6.2.5.1 delta updates", checkDeltas},
	}
}

// checkPartPace: while a stream lives, a new part appears at most a part target after the last.
func checkPartPace(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		var last *playlist
		for _, p := range h.playlists[url] {
			if last == nil || last.next().before(p.next()) {
				last = p
			}
			limit := time.Duration(last.partTarget()*float64(time.Second)) + h.options.tolerance()
			if still := p.visit.At.Sub(last.visit.At); p.live() && p.lowLatency() && still > limit {
				fault(last.visit, fmt.Sprintf("no part %v for more than %v", last.next(), limit))
			}
		}
	}
}

func checkSameControl(h *observation, fault func(*Visit, string)) {
	want := ""
	for _, url := range h.urls {
		p := h.playlists[url][0]
		got := fmt.Sprint(p.tags["EXT-X-PART-INF"], p.tags["EXT-X-SERVER-CONTROL"])
		if want == "" {
			want = got
		}
		if got != want {
			fault(p.visit, fmt.Sprintf("%s, another rendition has %s", got, want))
		}
	}
}

// checkReports: a live playlist with parts reports every other one that had anything by then, up to a part that was there at
// that time.
func checkReports(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			if p.lowLatency() && !p.ended() {
				h.checkReportsOf(p, url, func(detail string) { fault(p.visit, detail) })
			}
		}
	}
}

func (h *observation) checkReportsOf(p *playlist, own string, fault func(string)) {
	reported := make(map[string]place)
	for _, r := range p.reports {
		at := place{r.integer("LAST-MSN"), -1}
		if r["LAST-PART"] != "" {
			at.part = r.integer("LAST-PART")
		}
		if strings.Contains(r["URI"], "://") || strings.HasPrefix(r["URI"], "/") {
			fault(fmt.Sprintf("URI %q is not relative", r["URI"]))
		}
		reported[p.visit.resolve(r["URI"])] = at
	}
	for _, other := range h.urls {
		at, ok := reported[other]
		switch {
		case other == own && ok:
			fault("reports itself")
		case other != own && !ok && h.playlists[other][0].visit.At.Before(p.visit.At.Add(-h.options.tolerance())):
			fault("no report of " + other)
		case ok:
			h.checkReport(p, other, at, fault)
		}
	}
}

// checkReport: the report is not older than what was seen of the other playlist well before, nor newer than what well after.
func (h *observation) checkReport(p *playlist, other string, at place, fault func(string)) {
	tolerance := h.options.tolerance()
	for _, o := range h.playlists[other] {
		last := o.last()
		early := o.visit.At.Before(p.visit.At.Add(-tolerance))
		late := o.visit.At.After(p.visit.At.Add(tolerance))
		if early && at.before(last) || late && last.before(at) {
			fault(fmt.Sprintf("reports %v of %s, which had %v %v later", at, other, last, o.visit.At.Sub(p.visit.At).Round(time.Millisecond)))
			return
		}
	}
}

// last is the newest part, or the newest segment with -1 or its last listed part.
func (p *playlist) last() place {
	if n := len(p.tail.parts); n > 0 {
		return place{p.end(), int64(n) - 1}
	}
	if n := len(p.segments); n > 0 {
		return place{p.end() - 1, int64(len(p.segments[n-1].parts)) - 1}
	}
	return place{p.end() - 1, -1}
}

// eachFetchedPart calls do for every listed part that was fetched, once. A gap has no media: who asked for it, as one that was hinted at
// before, may have got anything.
func (h *observation) eachFetchedPart(do func(v *Visit, head cmaf.Init, part part, fragments []cmaf.Fragment)) {
	seen := make(map[string]bool)
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			p.eachPart(func(s segment, _ place, part part) {
				body, fetched := h.body(part.uri)
				initSegment, known := h.body(s.init)
				if part.gap || seen[part.uri] || !fetched || !known {
					return
				}
				seen[part.uri] = true
				head, err := cmaf.ParseInit(initSegment)
				if err != nil {
					return // said where the segments are read
				}
				fragments, err := scan(head, body)
				if err != nil || len(fragments) == 0 {
					h.add(wholeChunks, h.byPath[part.uri][0], fmt.Sprintf("part of %d chunks, then: %v", len(fragments), err))
					return
				}
				do(h.byPath[part.uri][0], head, part, fragments)
			})
		}
	}
}

func checkPartMedia(h *observation, fault func(*Visit, string)) {
	h.eachFetchedPart(func(v *Visit, head cmaf.Init, part part, fragments []cmaf.Fragment) {
		seconds := float64(fragments[len(fragments)-1].End()-fragments[0].DecodeTime) / float64(head.Timescale)
		if math.Abs(seconds-part.duration) > 1e-3 {
			fault(v, fmt.Sprintf("listed as %.4f s, lasts %.4f s", part.duration, seconds))
		}
	})
}

// checkIndependentParts: INDEPENDENT=YES is said of pictures that begin with a key frame, and of no others. Sound needs none.
func checkIndependentParts(h *observation, fault func(*Visit, string)) {
	h.eachFetchedPart(func(v *Visit, head cmaf.Init, part part, fragments []cmaf.Fragment) {
		if key := fragments[0].Key; part.independent && !key || head.Video && key && !part.independent {
			fault(v, fmt.Sprintf("INDEPENDENT is %v, begins with a key frame is %v", part.independent, key))
		}
	})
}

// checkPartBytes: where the segment and all its parts were fetched, the parts one after the other are the segment. One that was given up, as
// a gap, has only the parts that were listed by then, while its file, which DASH still takes, may have more.
func checkPartBytes(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		for _, p := range h.playlists[url] {
			for _, s := range p.segments {
				whole, ok := h.body(s.uri)
				if union, all := h.union(s); ok && all && !s.gap && !bytes.Equal(whole, union) {
					fault(h.byPath[s.uri][0], fmt.Sprintf("%d bytes, its parts have %d", len(whole), len(union)))
				}
			}
		}
	}
}

// union is the content of a segment's parts; all is false when one is missing or a gap.
func (h *observation) union(s segment) (union []byte, all bool) {
	for _, part := range s.parts {
		body, ok := h.body(part.uri)
		if !ok || part.gap {
			return nil, false
		}
		union = append(union, body...)
	}
	return union, len(s.parts) > 0
}

// checkBlocking: the answer to a request with directives contains what it asked for.
func checkBlocking(h *observation, fault func(*Visit, string)) {
	var all []*playlist
	for _, url := range h.urls {
		all = append(all, h.playlists[url]...)
	}
	for _, p := range append(all, h.deltas...) {
		msn, err := strconv.ParseInt(p.visit.query("_HLS_msn"), 10, 64)
		if err != nil || p.ended() || p.visit.Status != http.StatusOK {
			continue
		}
		part := int64(-1) // the whole segment
		if text := p.visit.query("_HLS_part"); text != "" {
			part, _ = strconv.ParseInt(text, 10, 64)
		}
		if !p.contains(msn, part) {
			fault(p.visit, fmt.Sprintf("asked for %v, the answer ends before %v", place{msn, part}, p.next()))
		}
	}
}

// contains reports whether a whole segment has a part. One without any, which is a gap, is all that there will ever be.
func (s segment) contains(part int64) bool { return len(s.parts) == 0 || part < int64(len(s.parts)) }

// contains reports whether the playlist has a part, or with -1 the whole segment, or something later. A part past the last of
// a whole segment is the first of the next (rfc8216bis §6.2.5.2).
func (p *playlist) contains(msn, part int64) bool {
	switch end := p.end(); {
	case end > msn+1, end > msn && part < 0:
		return true
	case end == msn+1:
		return len(p.tail.parts) > 0 || len(p.segments) > 0 && p.segments[len(p.segments)-1].contains(part)
	case end == msn:
		return part >= 0 && part < int64(len(p.tail.parts))
	}
	return false
}
