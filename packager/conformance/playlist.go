package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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
	tail     segment      // in progress: its parts, and its number
	hints    []attributes // EXT-X-PRELOAD-HINT
	reports  []attributes // EXT-X-RENDITION-REPORT
	skipped  int64        // segments that a delta update leaves out, after the first
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
	parts    []part
	behind   string // a tag that applies to the parts but follows the first
}

// part is a partial segment (rfc8216bis §4.4.4.9).
type part struct {
	uri         string // absolute
	duration    float64
	independent bool
	gap         bool
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
	r.next.msn, r.next.init, r.next.number = r.end(), r.init, r.number()
	r.tail = r.next
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
	case "EXT-X-PART":
		return r.part(parseAttributes(value))
	case "EXT-X-PRELOAD-HINT":
		r.hints = append(r.hints, parseAttributes(value))
	case "EXT-X-RENDITION-REPORT":
		r.reports = append(r.reports, parseAttributes(value))
	case "EXT-X-STREAM-INF":
		r.stream = parseAttributes(value)
	case "EXT-X-MEDIA":
		r.media = append(r.media, parseAttributes(value))
	case "EXT-X-SKIP":
		r.skipped = parseAttributes(value).integer("SKIPPED-SEGMENTS")
		fallthrough
	default:
		r.tags[name] = append(r.tags[name], value)
		if len(r.segments) > 0 {
			r.late = append(r.late, name)
		}
	}
	return nil
}

func (r *reader) part(a attributes) error {
	duration, err := strconv.ParseFloat(a["DURATION"], 64)
	r.next.parts = append(r.next.parts, part{r.visit.resolve(a["URI"]), duration, a["INDEPENDENT"] == "YES", a["GAP"] == "YES"})
	return err
}

// number is how many discontinuities there were from the stream's start up to here.
func (r *reader) number() int64 { return r.integer("EXT-X-DISCONTINUITY-SEQUENCE") + r.fresh }

func (r *reader) segmentTag(name, value string) (err error) {
	if len(r.next.parts) > 0 && name != "EXTINF" && name != "EXT-X-GAP" {
		r.next.behind = name
	}
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
	r.next.msn = r.end()
	r.next.number = r.number()
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

// live reports whether segments still come and go.
func (p *playlist) live() bool { return !p.ended() && !p.has("EXT-X-PLAYLIST-TYPE") }

// end is the media sequence number after the last segment's.
func (p *playlist) end() int64 { return p.first() + p.skipped + int64(len(p.segments)) }

// lowLatency reports whether the playlist has partial segments, or could have.
func (p *playlist) lowLatency() bool {
	return p.has("EXT-X-PART-INF") || len(p.tail.parts) > 0 || slices.ContainsFunc(p.segments, func(s segment) bool { return len(s.parts) > 0 })
}

// next is the part that comes after those listed.
func (p *playlist) next() place { return place{p.end(), int64(len(p.tail.parts))} }

// control is the list of EXT-X-SERVER-CONTROL.
func (p *playlist) control() attributes {
	return parseAttributes(strings.Join(p.tags["EXT-X-SERVER-CONTROL"], ","))
}

// partTarget is the longest that a part may be, seconds.
func (p *playlist) partTarget() float64 {
	return parseAttributes(strings.Join(p.tags["EXT-X-PART-INF"], ",")).seconds("PART-TARGET")
}

// eachPart calls do for every listed part.
func (p *playlist) eachPart(do func(s segment, at place, part part)) {
	for _, s := range append(p.segments[:len(p.segments):len(p.segments)], p.tail) {
		for i, part := range s.parts {
			do(s, place{s.msn, int64(i)}, part)
		}
	}
}

// place is where a part is: the media sequence number of its segment, and its index there.
type place struct{ msn, part int64 }

func (p place) before(o place) bool { return p.msn < o.msn || (p.msn == o.msn && p.part < o.part) }

func (p place) String() string { return fmt.Sprintf("%d.%d", p.msn, p.part) }

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

// seconds is the value of an attribute in seconds, 0 when it is missing or no number.
func (a attributes) seconds(name string) float64 {
	f, _ := strconv.ParseFloat(a[name], 64)
	return f
}

func (a attributes) integer(name string) int64 {
	n, _ := strconv.ParseInt(a[name], 10, 64)
	return n
}
