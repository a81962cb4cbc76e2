package conformance

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// playlistRules are those that one version of a media playlist shows.
func playlistRules() []rule[*playlist] {
	return []rule[*playlist]{
		{"rfc8216bis §4.4.1.2 EXT-X-VERSION", checkVersion},
		{"rfc8216bis §4.4.3.1 EXT-X-TARGETDURATION", checkTarget},
		{"rfc8216bis §4.4.3.2 EXT-X-MEDIA-SEQUENCE", checkHasSequence},
		{"rfc8216bis §4.4.3.3 EXT-X-DISCONTINUITY-SEQUENCE", checkHasDiscontinuitySequence},
		{"rfc8216bis §4.4.3.5 EXT-X-PLAYLIST-TYPE", checkType},
		{"rfc8216bis §4.4.4.6 EXT-X-PROGRAM-DATE-TIME", checkDates},
		{"rfc8216bis §6.2.1 dates agree with durations", checkDatesAgree},
		{"HLS authoring 8.20 EXT-X-MAP", checkMap},
		{"HLS authoring 9.12 EXT-X-INDEPENDENT-SEGMENTS in one place", checkIndependentOnce},
	}
}

// checkVersion wants the lowest version that the tags need (rfc8216bis §8), those of its delta updates too: what is put together
// from one is then the playlist itself, byte for byte (§6.2.5.1).
func checkVersion(p *playlist) string {
	need := "3" // EXTINF with decimals
	for _, s := range p.segments {
		if s.init != "" {
			need = "6"
		}
	}
	if p.has("EXT-X-SKIP") || p.control().seconds("CAN-SKIP-UNTIL") > 0 {
		need = "9"
	}
	if got := p.tags["EXT-X-VERSION"]; !slices.Equal(got, []string{need}) && len(p.segments) > 0 {
		return fmt.Sprintf("versions %q, needs %s", got, need)
	}
	return ""
}

func checkTarget(p *playlist) string {
	if p.integer("EXT-X-TARGETDURATION") < 1 {
		return fmt.Sprintf("target duration %q", p.tags["EXT-X-TARGETDURATION"])
	}
	for _, s := range p.segments {
		if math.Round(s.duration) > p.target() {
			return fmt.Sprintf("segment %d lasts %.3f s, the target is %.0f s", s.msn, s.duration, p.target())
		}
	}
	return ""
}

func checkHasSequence(p *playlist) string { return checkCounter(p, "EXT-X-MEDIA-SEQUENCE") }

// checkHasDiscontinuitySequence wants the tag always, since a live stream may get a discontinuity at any time.
func checkHasDiscontinuitySequence(p *playlist) string {
	return checkCounter(p, "EXT-X-DISCONTINUITY-SEQUENCE")
}

// checkCounter wants one tag with a number, before the first segment.
func checkCounter(p *playlist, tag string) string {
	values := p.tags[tag]
	if len(values) != 1 {
		return fmt.Sprintf("%d tags", len(values))
	}
	if _, err := strconv.ParseUint(values[0], 10, 63); err != nil {
		return fmt.Sprintf("value %q", values[0])
	}
	if slices.Contains(p.late, tag) {
		return "after the first segment"
	}
	return ""
}

func checkType(p *playlist) string {
	values := p.tags["EXT-X-PLAYLIST-TYPE"]
	switch {
	case len(values) == 0, slices.Equal(values, []string{"EVENT"}):
		return ""
	case slices.Equal(values, []string{"VOD"}) && p.ended():
		return ""
	}
	return fmt.Sprintf("%q, ended %v", values, p.ended())
}

var datePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}(Z|[+-]\d\d:?\d\d)$`)

// checkDates wants dates in milliseconds with a time zone on the first segment and at each discontinuity.
func checkDates(p *playlist) string {
	for i, s := range p.segments {
		switch {
		case s.pdtText != "" && !datePattern.MatchString(s.pdtText):
			return fmt.Sprintf("segment %d: %q has no milliseconds or no time zone", s.msn, s.pdtText)
		case s.pdtText == "" && (i == 0 || s.fresh) && p.live():
			return fmt.Sprintf("segment %d has no date", s.msn)
		}
	}
	return ""
}

// dateTolerance is what rounding dates and durations may add up to within one playlist.
const dateTolerance = 20 * time.Millisecond

func checkDatesAgree(p *playlist) string {
	var expected time.Time
	for _, s := range p.segments {
		if !s.pdt.IsZero() {
			if off := s.pdt.Sub(expected); !expected.IsZero() && !s.fresh && off.Abs() > dateTolerance {
				return fmt.Sprintf("segment %d is dated %v off the end of the segment before it", s.msn, off)
			}
			if expected.IsZero() || s.fresh {
				expected = s.pdt
			}
		}
		if !expected.IsZero() {
			expected = expected.Add(time.Duration(s.duration * float64(time.Second)))
		}
	}
	return ""
}

func checkMap(p *playlist) string {
	for _, s := range p.segments {
		if s.init == "" {
			return fmt.Sprintf("segment %d has no init segment", s.msn)
		}
	}
	return ""
}

func checkIndependentOnce(p *playlist) string {
	if p.has("EXT-X-INDEPENDENT-SEGMENTS") {
		return "said in a media playlist: it belongs into the multivariant playlist"
	}
	return ""
}
