package e2e

import (
	"net/url"
	"strconv"
	"strings"
)

// position is a part of a stream: the media sequence number of its segment and its place in it.
type position struct{ msn, part int64 }

func (p position) before(o position) bool {
	return p.msn < o.msn || (p.msn == o.msn && p.part < o.part)
}

// listing is a media playlist as a player of LL-HLS reads it. URIs are absolute.
type listing struct {
	text     string
	first    int64            // media sequence number of its first segment
	skipped  int64            // segments left out of a delta update
	segments map[int64]string // by media sequence number
	inits    []string
	parts    map[position]string
	next     position // of the part that comes next
	hint     string   // its URI
	blocks   bool     // CAN-BLOCK-RELOAD=YES
	ended    bool
}

// parseListing trusts its input: what is wrong with it is for the conformance checks to say.
func parseListing(base, text string) *listing {
	l := &listing{text: text, segments: map[int64]string{}, parts: map[position]string{}}
	from, _ := url.Parse(base)
	absolute := func(reference string) string {
		u, err := from.Parse(reference)
		if err != nil {
			return reference
		}
		return u.String()
	}
	gap := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-MEDIA-SEQUENCE":
			l.first, _ = strconv.ParseInt(value, 10, 64)
			l.next = position{l.first, 0}
		case "#EXT-X-SKIP":
			l.skipped, _ = strconv.ParseInt(attribute(value, "SKIPPED-SEGMENTS"), 10, 64)
			l.next.msn += l.skipped
		case "#EXT-X-MAP":
			l.inits = append(l.inits, absolute(attribute(value, "URI")))
		case "#EXT-X-PART":
			if !strings.Contains(value, "GAP=YES") {
				l.parts[l.next] = absolute(attribute(value, "URI"))
			}
			l.next.part++
		case "#EXT-X-PRELOAD-HINT":
			l.hint = absolute(attribute(value, "URI"))
		case "#EXT-X-SERVER-CONTROL":
			l.blocks = strings.Contains(value, "CAN-BLOCK-RELOAD=YES")
		case "#EXT-X-ENDLIST":
			l.ended = true
		case "#EXT-X-GAP":
			gap = true
		default:
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if !gap {
				l.segments[l.next.msn] = absolute(line)
			}
			l.next, gap = position{l.next.msn + 1, 0}, false
		}
	}
	return l
}

// attribute is a value of an attribute list, without its quotes.
func attribute(list, name string) string {
	_, rest, found := strings.Cut(","+list, ","+name+"=")
	if !found {
		return ""
	}
	if quoted, ok := strings.CutPrefix(rest, `"`); ok {
		value, _, _ := strings.Cut(quoted, `"`)
		return value
	}
	value, _, _ := strings.Cut(rest, ",")
	return value
}
