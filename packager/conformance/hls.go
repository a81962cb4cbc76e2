package conformance

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// CheckHLS reports the rules of HLS, CMAF and HTTP that the visits to one stream's playlists and segments break, each
// once per resource. Other visits are passed over.
func CheckHLS(visits []Visit, o Options) []Violation {
	h := newHLS(visits, o)
	for _, v := range h.all {
		if v.is(".m3u8") || v.media() {
			checkResponse(&h.report, v)
		}
	}
	for _, p := range h.multivariant {
		apply(&h.report, multivariantRules(), p)
	}
	for _, url := range h.urls {
		versions := h.playlists[url]
		for i, p := range versions {
			apply(&h.report, playlistRules(), p)
			if p.lowLatency() {
				apply(&h.report, lowLatencyRules(), p)
			}
			if i > 0 {
				applyChange(&h.report, append(changeRules(), partChangeRules()...), versions[i-1], p)
			}
		}
	}
	for _, rule := range append(historyRules(), partRules()...) {
		rule.check(h, func(v *Visit, detail string) { h.add(rule.name, v, detail) })
	}
	return h.violations
}

// observation is what was seen of one stream.
type observation struct {
	report
	*archive
	options      Options
	multivariant []*playlist            // by time
	urls         []string               // of media playlists, in order of first sight
	playlists    map[string][]*playlist // media playlists by URL, by time
	deltas       []*playlist            // delta updates, by time
	tracks       map[string]*track      // by URL of the media playlist
}

// track is what a rendition's segments hold.
type track struct {
	inits    []cmaf.Init        // that differ; more than one when the ladder changed meanwhile
	segments map[int64]*content // by media sequence number; what was fetched
}

// know adds an init segment unless one says the same of the picture or sound.
func (t *track) know(init cmaf.Init) {
	if !slices.ContainsFunc(t.inits, func(i cmaf.Init) bool {
		return i.Codec == init.Codec && i.Width == init.Width && i.Height == init.Height
	}) {
		t.inits = append(t.inits, init)
	}
}

// content is one fetched segment.
type content struct {
	segment
	timescale  float64
	fragments  []cmaf.Fragment
	bytes      int
	start, end uint64 // decode times, ticks
}

func (c *content) seconds() float64 { return float64(c.end-c.start) / c.timescale }

func newHLS(visits []Visit, o Options) *observation {
	h := &observation{archive: newArchive(visits), options: o, playlists: make(map[string][]*playlist), tracks: make(map[string]*track)}
	for _, v := range h.all {
		if v.Status == http.StatusOK && v.is(".m3u8") {
			h.take(v)
		}
	}
	for _, url := range h.urls {
		h.tracks[url] = h.track(h.playlists[url])
	}
	return h
}

// take parses one good visit of a playlist.
func (h *observation) take(v *Visit) {
	p, err := parsePlaylist(v)
	switch {
	case err != nil:
		h.add("rfc8216bis §4.1 playlist format", v, err.Error())
	case p.multivariant():
		h.multivariant = append(h.multivariant, p)
	case p.has("EXT-X-SKIP"):
		h.deltas = append(h.deltas, p)
	default:
		if !slices.Contains(h.urls, v.path()) {
			h.urls = append(h.urls, v.path())
		}
		h.playlists[v.path()] = append(h.playlists[v.path()], p)
	}
}

// track reads the segments that a media playlist listed and that were fetched.
func (h *observation) track(versions []*playlist) *track {
	t := &track{segments: make(map[int64]*content)}
	for _, p := range versions {
		for _, s := range p.segments {
			if t.segments[s.msn] != nil || s.gap {
				continue
			}
			if c := h.content(p, s, t); c != nil {
				t.segments[s.msn] = c
			}
		}
	}
	return t
}

func (h *observation) content(p *playlist, s segment, t *track) *content {
	head, ok := h.body(s.init)
	if !ok {
		return nil
	}
	body, ok := h.body(s.uri)
	if !ok {
		return nil
	}
	initSegment, err := cmaf.ParseInit(head)
	if err != nil {
		h.add("ISO/IEC 23000-19 §7.3.1 init segment", p.visit, err.Error())
		return nil
	}
	t.know(initSegment)
	fragments, err := scan(initSegment, body)
	if err != nil || len(fragments) == 0 {
		h.add(wholeChunks, h.byPath[s.uri][0], fmt.Sprintf("%d chunks, then: %v", len(fragments), err))
		return nil
	}
	return &content{
		segment: s, timescale: float64(initSegment.Timescale), fragments: fragments, bytes: len(body),
		start: fragments[0].DecodeTime, end: fragments[len(fragments)-1].End(),
	}
}

// rule is a rule on one document.
type rule[D any] struct {
	name  string
	check func(D) string // what is wrong, or nothing
}

func apply(r *report, rules []rule[*playlist], p *playlist) {
	for _, rule := range rules {
		r.add(rule.name, p.visit, rule.check(p))
	}
}

// change is a rule on two visits of one document that follow each other.
type change[D any] struct {
	name  string
	check func(before, after D) string
}

func applyChange(r *report, rules []change[*playlist], before, after *playlist) {
	for _, rule := range rules {
		r.add(rule.name, after.visit, rule.check(before, after))
	}
}

// history is a rule on all visits.
type history[H any] struct {
	name  string
	check func(h H, fault func(v *Visit, detail string))
}
