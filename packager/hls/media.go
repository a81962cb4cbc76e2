package hls

import (
	"strconv"
	"time"
)

// PlaylistType is the value of EXT-X-PLAYLIST-TYPE (rfc8216bis §4.4.3.5).
type PlaylistType string

// The types of a media playlist.
const (
	Live  PlaylistType = ""      // segments come and go; no tag
	Event PlaylistType = "EVENT" // segments only come
	VOD   PlaylistType = "VOD"   // never changes
)

// MediaPlaylist is one rendition's list of segments (rfc8216bis §4.4.3).
type MediaPlaylist struct {
	TargetDuration        int   // seconds, at least 1 and every segment's rounded duration; never changes during a stream
	MediaSequence         int64 // number of the first segment; grows by one for each that left, never falls
	DiscontinuitySequence int64 // number of discontinuities that left; always written
	Type                  PlaylistType
	Segments              []Segment
	Ended                 bool // nothing follows: EXT-X-ENDLIST

	// Skipped makes a delta update: so many segments from MediaSequence on are replaced by EXT-X-SKIP, and Segments holds those
	// that follow. SkippedMap is the init segment of the last of them.
	Skipped    int
	SkippedMap string
	LowLatency *LowLatency // nil for a playlist without partial segments
}

// Segment is one entry of a media playlist (rfc8216bis §4.4.4).
type Segment struct {
	URI       string // one line
	Duration  int64  // ticks
	Timescale int64  // ticks a second
	// Map is the URI of the init segment. It is written for the first segment and whenever it changes; it may be empty
	// only throughout a playlist.
	Map             string
	ProgramDateTime time.Time // when its first sample was captured, to the millisecond; zero writes no tag
	Discontinuity   bool      // its time stamps or its encoding do not go on from the segment before it
	Gap             bool      // it has no data and is not to be loaded
	Parts           []Part    // what it was published as before it was whole; written for the newest segments only
}

// Append appends the playlist's text to dst and returns the extended buffer, which it does not allocate when dst has
// room. The playlist must be valid (see [MediaPlaylist.Validate]).
func (p *MediaPlaylist) Append(dst []byte) []byte {
	return p.AppendRest(p.AppendHead(dst), p.SkippedMap)
}

// AppendHead appends what comes before the first segment.
func (p *MediaPlaylist) AppendHead(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = strconv.AppendInt(dst, p.version(), 10)
	dst = append(dst, "\n#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, int64(p.TargetDuration), 10)
	dst = append(dst, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, p.MediaSequence, 10)
	dst = append(dst, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...) // before the first segment: rfc8216bis §4.4.3.3
	dst = strconv.AppendInt(dst, p.DiscontinuitySequence, 10)
	if p.Type != Live {
		dst = append(dst, "\n#EXT-X-PLAYLIST-TYPE:"...)
		dst = append(dst, p.Type...)
	}
	dst = append(dst, '\n')
	if p.LowLatency != nil {
		dst = p.LowLatency.appendControl(dst)
	}
	if p.Skipped > 0 {
		dst = append(dst, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
		dst = append(strconv.AppendInt(dst, int64(p.Skipped), 10), '\n')
	}
	return dst
}

// AppendRest appends the segments, of which the one before has that init segment, and what comes after them.
func (p *MediaPlaylist) AppendRest(dst []byte, initSegment string) []byte {
	dst = AppendSegments(dst, p.Segments, initSegment)
	if n := len(p.Segments); n > 0 {
		initSegment = p.Segments[n-1].Map
	}
	if p.LowLatency != nil {
		dst = p.LowLatency.appendEdge(dst, initSegment)
	}
	if p.Ended {
		dst = append(dst, "#EXT-X-ENDLIST\n"...)
	}
	return dst
}

// AppendSegments appends the lines of segments that follow on one with that init segment, "" for none.
func AppendSegments(dst []byte, segments []Segment, initSegment string) []byte {
	for i := range segments {
		s := &segments[i]
		dst = s.append(dst, s.Map != initSegment)
		initSegment = s.Map
	}
	return dst
}

// version is the lowest that the playlist's tags allow (rfc8216bis §8): 3 for durations with decimals, 6 for EXT-X-MAP, 9 for
// EXT-X-SKIP. A playlist that offers delta updates has theirs, so that a client that puts one together gets its very bytes.
func (p *MediaPlaylist) version() int64 {
	if p.LowLatency != nil {
		return 9
	}
	for i := range p.Segments {
		if p.Segments[i].Map != "" {
			return 6
		}
	}
	return 3
}

func (s *Segment) append(dst []byte, newMap bool) []byte {
	dst = s.appendHead(dst, newMap)
	if s.Gap {
		dst = append(dst, "#EXT-X-GAP\n"...)
	}
	dst = append(dst, "#EXTINF:"...)
	dst = appendSeconds(dst, s.Duration, s.Timescale)
	dst = append(dst, ",\n"...)
	dst = append(dst, s.URI...)
	return append(dst, '\n')
}

// appendHead appends the tags that apply to the segment's parts too, which therefore precede them (rfc8216bis §4.4.4.9), and the
// parts.
func (s *Segment) appendHead(dst []byte, newMap bool) []byte {
	if s.Discontinuity {
		dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
	}
	if newMap {
		dst = append(dst, "#EXT-X-MAP:URI="...)
		dst = append(appendQuoted(dst, s.Map), '\n')
	}
	if !s.ProgramDateTime.IsZero() {
		dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
		dst = s.ProgramDateTime.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z\n")
	}
	for i := range s.Parts {
		dst = s.Parts[i].append(dst, s.Timescale)
	}
	return dst
}

// appendSeconds appends ticks/timescale in seconds, rounded to a microsecond: over a day of 2 s segments the sum of what
// is written is off by less than 22 ms.
func appendSeconds(dst []byte, ticks, timescale int64) []byte {
	whole, rest := ticks/timescale, ticks%timescale
	micros := (rest*1_000_000 + timescale/2) / timescale
	dst = strconv.AppendInt(dst, whole+micros/1_000_000, 10)
	dst = append(dst, '.')
	return appendPadded(dst, micros%1_000_000, 6)
}

// appendPadded appends n, at least 0 and below 10^digits, with leading zeros.
func appendPadded(dst []byte, n int64, digits int) []byte {
	for range digits {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] += byte(n % 10)
		n /= 10
	}
	return dst
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
