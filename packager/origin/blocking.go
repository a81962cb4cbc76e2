package origin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/problem"
)

// directives are what a client asks of a media playlist (rfc8216bis §6.2.5).
type directives struct {
	msn  int64 // -1 for none
	part int64 // -1 for none
	skip bool  // a delta update will do
}

// parseDirectives reads a query. Parameters that it does not know are for somebody else, who may write them as they like: a signature with
// semicolons or a broken escape is no fault of a playlist's. Of a directive that is there twice, the first counts.
func parseDirectives(query string) (d directives, err error) {
	d = directives{msn: -1, part: -1}
	skips := false
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if name, err = url.QueryUnescape(name); err != nil {
			continue
		}
		number := &d.msn
		switch name {
		case "_HLS_skip":
			if value, err = url.QueryUnescape(value); err == nil && !skips {
				d.skip, skips = value == "YES" || value == "v2", true
			}
			continue
		case "_HLS_part":
			number = &d.part
		case "_HLS_msn":
		default:
			continue
		}
		value, err = url.QueryUnescape(value)
		n, notNumber := strconv.ParseUint(value, 10, 63)
		if err != nil || notNumber != nil {
			return d, fmt.Errorf("%s is not a whole number below 2^63", name)
		}
		if *number < 0 {
			*number = int64(n)
		}
	}
	if d.part >= 0 && d.msn < 0 {
		return d, errors.New("_HLS_part needs _HLS_msn")
	}
	return d, nil
}

// contains reports whether the playlist has what is asked for, or something later (rfc8216bis §6.2.5.2).
func (p *playlist) contains(d directives) bool {
	last := p.Last()
	switch {
	case d.msn < last, d.msn == last && d.part < 0:
		return true
	case d.msn == last:
		// A part after the last of a whole segment is the first of the next one.
		s, _ := timeline.FindSegment(p.Segments, last)
		return len(s.Parts) == 0 || d.part < int64(len(s.Parts)) || p.Growing != nil
	}
	return p.Growing != nil && d.msn == p.Growing.MSN && d.part >= 0 && d.part < int64(len(p.Growing.Parts))
}

// tooFar reports whether what is asked for is so far ahead that nobody who reads the playlist would ask for it (rfc8216bis §6.2.5.2).
func (p *playlist) tooFar(d directives) bool {
	next := p.Last() + 1
	if d.msn > next+1 {
		return true
	}
	limit, newest := int64(3), int64(-1)
	if p.PartTarget < time.Second {
		limit = int64(3 * time.Second / p.PartTarget)
	}
	if p.Growing != nil && d.msn == next {
		newest = int64(len(p.Growing.Parts)) - 1
	}
	return d.msn >= next && d.part-newest > limit
}

// servePlaylist answers with a media playlist, which may have to wait until it contains what is asked for.
func (s *Stream) servePlaylist(w http.ResponseWriter, r *http.Request, id string) {
	d, err := parseDirectives(r.URL.RawQuery)
	v, now := viewerOf(r), s.snapshot.Load()
	p := now.playlist(id)
	switch {
	case p == nil:
		notFound(w, "The stream "+s.name+" has no such rendition any more.")
		return
	case now.Ended:
		p.forViewer(s, v).full.serve(w, r, v.caching(s.origin, s.origin.manifestCC)) // rfc8216bis §6.2.5: all directives are ignored
		return
	case err != nil:
		refuse(w, err.Error())
		return
	case d.msn < 0:
		s.awaitEdge(r, s.awaitStart(r, p)).forViewer(s, v).pick(d).serve(w, r, v.caching(s.origin, s.origin.manifestCC))
		return
	case p.tooFar(d):
		refuse(w, "The playlist will not have that for a long time.")
		return
	}
	now, p = s.awaitPlaylist(r, id, s.origin.blockWait(), func(now *snapshot, p *playlist) bool { return p == nil || now.Ended || p.contains(d) })
	switch {
	case p == nil:
		notFound(w, "The stream "+s.name+" has no such rendition any more.")
	case now.Ended:
		p.forViewer(s, v).full.serve(w, r, v.caching(s.origin, s.origin.manifestCC))
	case !p.contains(d):
		unavailable(w, "The playlist did not get that far in time; ask again.")
	default:
		p.forViewer(s, v).pick(d).serve(w, r, v.caching(s.origin, s.origin.blockedCC))
	}
}

// awaitStart returns the rendition's playlist once a player finds in it the place to start at, PART-HOLD-BACK before its end, and a whole
// segment: without one hls.js takes it for empty, and asks again only a target duration later.
func (s *Stream) awaitStart(r *http.Request, p *playlist) *playlist {
	if p.deep {
		return p
	}
	_, newest := s.awaitPlaylist(r, p.ID, startWait, func(now *snapshot, p *playlist) bool { return p == nil || now.Ended || p.deep })
	return cmp.Or(newest, p)
}

// awaitEdge returns the rendition's playlist with the part that is about to come, when the newest is older than half a part. A player
// starts PART-HOLD-BACK before the end of the first playlist that it reads, and stays as much further behind as that was old.
// A part that is late is not waited for.
func (s *Stream) awaitEdge(r *http.Request, p *playlist) *playlist {
	age := time.Since(p.made)
	if age < p.PartTarget/2 || age >= p.PartTarget {
		return p
	}
	_, newest := s.awaitPlaylist(r, p.ID, p.PartTarget-age, func(_ *snapshot, n *playlist) bool { return n != p })
	return cmp.Or(newest, p)
}

// pick is the delta update where it is wanted and leaves anything out, or else the full playlist.
func (p *playlist) pick(d directives) *document {
	if d.skip && p.delta != nil {
		return p.delta
	}
	return p.full
}

// refuse answers to what no client of ours should ask.
func refuse(w http.ResponseWriter, detail string) {
	problem.Write(w, http.StatusBadRequest, detail)
}

// unavailable asks the client to come again.
func unavailable(w http.ResponseWriter, detail string) {
	problem.WriteRetry(w, http.StatusServiceUnavailable, 1, detail)
}
