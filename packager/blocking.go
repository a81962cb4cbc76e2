package packager

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/internal/problem"
)

// directives are what a client asks of a media playlist (rfc8216bis §6.2.5).
type directives struct {
	msn  int64 // -1 for none
	part int64 // -1 for none
	skip bool  // a delta update will do
}

// parseDirectives reads a query. Parameters that it does not know are for somebody else.
func parseDirectives(query string) (d directives, err error) {
	d = directives{msn: -1, part: -1}
	if query == "" {
		return d, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return d, fmt.Errorf("query: %w", err)
	}
	skip := values.Get("_HLS_skip")
	d.skip = skip == "YES" || skip == "v2"
	if values.Has("_HLS_part") && !values.Has("_HLS_msn") {
		return d, errors.New("_HLS_part needs _HLS_msn")
	}
	for name, number := range map[string]*int64{"_HLS_msn": &d.msn, "_HLS_part": &d.part} {
		if !values.Has(name) {
			continue
		}
		n, err := strconv.ParseUint(values.Get(name), 10, 63)
		if err != nil {
			return d, fmt.Errorf("%s is not a whole number below 2^63", name)
		}
		*number = int64(n)
	}
	return d, nil
}

// contains reports whether the playlist has what is asked for, or something later (rfc8216bis §6.2.5.2).
func (v *view) contains(d directives) bool {
	last := v.last()
	switch {
	case d.msn < last, d.msn == last && d.part < 0:
		return true
	case d.msn == last:
		// A part after the last of a whole segment is the first of the next one.
		s, _ := findSegment(v.segments, last)
		return len(s.Parts) == 0 || d.part < int64(len(s.Parts)) || v.growing != nil
	}
	return v.growing != nil && d.msn == v.growing.MSN && d.part >= 0 && d.part < int64(len(v.growing.Parts))
}

// tooFar reports whether what is asked for is so far ahead that nobody who reads the playlist would ask for it (rfc8216bis §6.2.5.2).
func (v *view) tooFar(d directives) bool {
	next := v.last() + 1
	if d.msn > next+1 {
		return true
	}
	limit, newest := int64(3), int64(-1)
	if v.partTarget < time.Second {
		limit = int64(3 * time.Second / v.partTarget)
	}
	if v.growing != nil && d.msn == next {
		newest = int64(len(v.growing.Parts)) - 1
	}
	return d.msn >= next && d.part-newest > limit
}

// servePlaylist answers with a media playlist, which may have to wait until it contains what is asked for.
func (t *Timeline) servePlaylist(w http.ResponseWriter, r *http.Request, id string) {
	d, err := parseDirectives(r.URL.RawQuery)
	s := t.snap.Load()
	v := s.views[id]
	switch {
	case v == nil:
		notFound(w, "The stream "+t.stream+" has no such rendition any more.")
		return
	case s.ended:
		v.full.serve(w, r, t.p.manifestCC) // rfc8216bis §6.2.5: all directives are ignored
		return
	case err != nil:
		refuse(w, err.Error())
		return
	case d.msn < 0:
		t.awaitEdge(r, t.awaitStart(r, v)).pick(d).serve(w, r, t.p.manifestCC)
		return
	case v.tooFar(d):
		refuse(w, "The playlist will not have that for a long time.")
		return
	}
	s, v = t.awaitView(r, id, t.p.opts.blockWait(), func(s *snapshot, v *view) bool { return v == nil || s.ended || v.contains(d) })
	switch {
	case v == nil:
		notFound(w, "The stream "+t.stream+" has no such rendition any more.")
	case s.ended:
		v.full.serve(w, r, t.p.manifestCC)
	case !v.contains(d):
		unavailable(w, "The playlist did not get that far in time; ask again.")
	default:
		v.pick(d).serve(w, r, t.p.blockedCC)
	}
}

// awaitStart returns the rendition's view once a player finds in it the place to start at, PART-HOLD-BACK before its end: hls.js
// that has to start in the gap before a broadcast waits for the first whole segment.
func (t *Timeline) awaitStart(r *http.Request, v *view) *view {
	if v.deep {
		return v
	}
	_, newest := t.awaitView(r, v.id, startWait, func(s *snapshot, v *view) bool { return v == nil || s.ended || v.deep })
	return cmp.Or(newest, v)
}

// awaitEdge returns the rendition's view with the part that is about to come, when the newest is older than half a part. A player
// starts PART-HOLD-BACK before the end of the first playlist that it reads, and stays as much further behind as that was old.
// A part that is late is not waited for.
func (t *Timeline) awaitEdge(r *http.Request, v *view) *view {
	age := time.Since(v.made)
	if age < v.partTarget/2 || age >= v.partTarget {
		return v
	}
	_, newest := t.awaitView(r, v.id, v.partTarget-age, func(_ *snapshot, n *view) bool { return n != v })
	return cmp.Or(newest, v)
}

// pick is the delta update where it is wanted and leaves anything out, or else the full playlist.
func (v *view) pick(d directives) *document {
	if d.skip && v.delta != nil {
		return v.delta
	}
	return v.full
}

// refuse answers to what no client of ours should ask.
func refuse(w http.ResponseWriter, detail string) {
	problem.Write(w, http.StatusBadRequest, detail)
}

// unavailable asks the client to come again.
func unavailable(w http.ResponseWriter, detail string) {
	problem.WriteRetry(w, http.StatusServiceUnavailable, 1, detail)
}
