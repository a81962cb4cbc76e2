package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxPlaylist bounds the text that is parsed, bytes.
const maxPlaylist = 4 << 20

// playlist is an HLS playlist as read: what it says and in which words, with no judgement.
type playlist struct {
	visit *Visit
	tags  map[string][]string // values of the playlist's own tags, by name

	media    []attributes // EXT-X-MEDIA
	variants []variant
	segments []segment
	// late are the playlist's own tags that came after its first segment.
	late []string
}

type variant struct {
	attributes
	uri string // absolute
}

type segment struct {
	msn      int64
	number   int64  // of discontinuities from the stream's start
	uri      string // absolute
	init     string // absolute URI of its EXT-X-MAP
	duration float64
	pdt      time.Time
	pdtText  string
	gap      bool
	fresh    bool // has EXT-X-DISCONTINUITY
}

var (
	errNoHeader = errors.New("the first line is not #EXTM3U")
	errTooLong  = fmt.Errorf("more than %d bytes", maxPlaylist)
)

func parsePlaylist(v *Visit) (*playlist, error) {
	if len(v.Body) > maxPlaylist {
		return nil, errTooLong
	}
	r := reader{playlist: &playlist{visit: v, tags: make(map[string][]string)}}
	first := true
	for raw := range bytes.Lines(v.Body) {
		line := strings.TrimRight(string(raw), "\r\n")
		if first && line != "#EXTM3U" {
			return nil, errNoHeader
		}
		first = false
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("line %.80q: %w", line, err)
		}
	}
	if first {
		return nil, errNoHeader
	}
	return r.playlist, nil
}

// reader keeps what holds for the next URI line.
type reader struct {
	*playlist
	next      segment
	stream    attributes // of EXT-X-STREAM-INF
	init      string
	fresh     int64
	hasExtinf bool
}

func (r *reader) line(line string) error {
	switch {
	case line == "", strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#EXT"):
		return nil
	case !strings.HasPrefix(line, "#"):
		return r.uri(line)
	}
	name, value, _ := strings.Cut(line[1:], ":")
	switch name {
	case "EXTINF", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-MAP", "EXT-X-GAP", "EXT-X-DISCONTINUITY":
		return r.segmentTag(name, value)
	case "EXT-X-STREAM-INF":
		r.stream = parseAttributes(value)
	case "EXT-X-MEDIA":
		r.media = append(r.media, parseAttributes(value))
	default:
		r.tags[name] = append(r.tags[name], value)
		if len(r.segments) > 0 {
			r.late = append(r.late, name)
		}
	}
	return nil
}

func (r *reader) segmentTag(name, value string) (err error) {
	switch name {
	case "EXTINF":
		text, _, _ := strings.Cut(value, ",")
		r.next.duration, err = strconv.ParseFloat(text, 64)
		r.hasExtinf = true
	case "EXT-X-PROGRAM-DATE-TIME":
		r.next.pdtText = value
		r.next.pdt, err = time.Parse(time.RFC3339Nano, value)
	case "EXT-X-MAP":
		r.init = r.visit.resolve(parseAttributes(value)["URI"])
	case "EXT-X-GAP":
		r.next.gap = true
	case "EXT-X-DISCONTINUITY":
		r.next.fresh = true
		r.fresh++
	}
	return err
}

func (r *reader) uri(line string) error {
	if r.stream != nil {
		r.variants = append(r.variants, variant{r.stream, r.visit.resolve(line)})
		r.stream = nil
		return nil
	}
	if !r.hasExtinf {
		return errors.New("URI without EXTINF")
	}
	r.next.uri, r.next.init = r.visit.resolve(line), r.init
	r.next.msn = r.integer("EXT-X-MEDIA-SEQUENCE") + int64(len(r.segments))
	r.next.number = r.integer("EXT-X-DISCONTINUITY-SEQUENCE") + r.fresh
	r.segments = append(r.segments, r.next)
	r.next, r.hasExtinf = segment{}, false
	return nil
}

func (p *playlist) has(tag string) bool { return len(p.tags[tag]) > 0 }

// integer is the value of a tag, 0 when it is missing or no number.
func (p *playlist) integer(tag string) int64 {
	if !p.has(tag) {
		return 0
	}
	n, _ := strconv.ParseInt(p.tags[tag][0], 10, 64)
	return n
}

func (p *playlist) multivariant() bool { return len(p.variants) > 0 }
func (p *playlist) ended() bool        { return p.has("EXT-X-ENDLIST") }
func (p *playlist) first() int64       { return p.integer("EXT-X-MEDIA-SEQUENCE") }

// live tells whether segments still come and go.
func (p *playlist) live() bool { return !p.ended() && !p.has("EXT-X-PLAYLIST-TYPE") }

// end is the media sequence number after the last segment's.
func (p *playlist) end() int64 { return p.first() + int64(len(p.segments)) }

// target is the target duration in seconds.
func (p *playlist) target() float64 { return float64(p.integer("EXT-X-TARGETDURATION")) }

func (p *playlist) targetDuration() time.Duration {
	return time.Duration(p.integer("EXT-X-TARGETDURATION")) * time.Second
}

// attributes is an attribute list (rfc8216bis §4.2), quotes taken off.
type attributes map[string]string

func parseAttributes(s string) attributes {
	all := make(attributes)
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return all
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			_, s, _ = strings.Cut(rest, ",")
		} else {
			value, s, _ = strings.Cut(rest, ",")
		}
		all[strings.TrimSpace(name)] = value
	}
	return all
}

func (a attributes) integer(name string) int64 {
	n, _ := strconv.ParseInt(a[name], 10, 64)
	return n
}
