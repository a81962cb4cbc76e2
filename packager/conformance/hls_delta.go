package conformance

import (
	"fmt"
	"strings"
)

// checkDeltas: a delta update leaves out only what is older than the skip boundary, and put together with an older full
// playlist it is the full playlist of its time, byte for byte. When an epoch ends, hints change without anything new before
// them: such versions of one time are not compared.
func checkDeltas(h *observation, fault func(*Visit, string)) {
	for _, delta := range h.deltas {
		if detail := checkBoundary(delta); detail != "" {
			fault(delta.visit, detail)
		}
		var before, same *playlist
		for _, full := range h.playlists[delta.visit.path()] {
			if full.next().before(delta.next()) && full.visit.At.Before(delta.visit.At) {
				before = full
			}
			if full.first() == delta.first() && full.next() == delta.next() && full.ended() == delta.ended() && full.hintsMap() == delta.hintsMap() && same == nil {
				same = full
			}
		}
		if before == nil || before.end() < delta.first()+delta.skipped {
			continue
		}
		merged, err := merge(before, delta)
		if err == nil && same != nil {
			err = compareLines(merged, string(same.visit.Body))
		}
		if err != nil {
			fault(delta.visit, err.Error())
		}
	}
}

func checkBoundary(delta *playlist) string {
	boundary := delta.control().seconds("CAN-SKIP-UNTIL")
	left := 0.0
	for _, s := range delta.segments {
		left += s.duration
	}
	for _, part := range delta.tail.parts {
		left += part.duration
	}
	switch {
	case len(delta.tags["EXT-X-SKIP"]) != 1 || delta.skipped < 1:
		return fmt.Sprintf("EXT-X-SKIP %q", delta.tags["EXT-X-SKIP"])
	case delta.ended() || boundary == 0:
		return fmt.Sprintf("ended %v, CAN-SKIP-UNTIL %.3f", delta.ended(), boundary)
	case left < boundary-rounding:
		return fmt.Sprintf("lists %.3f s, the boundary is %.3f s", left, boundary)
	}
	return ""
}

// block is the text of one segment: its tags and its URI.
type block struct {
	tags []string
	uri  string
	init string // EXT-X-MAP that applies
}

// text is the block as it stands in a playlist; parts are no longer listed of what is old enough to be skipped, and the init
// segment is named where it is another one than before.
func (b block) text(named string) string {
	var out strings.Builder
	for i, tag := range b.tags {
		mapDue := b.init != named && !strings.HasPrefix(tag, "#EXT-X-DISCONTINUITY")
		if mapDue && (i == 0 || strings.HasPrefix(b.tags[i-1], "#EXT-X-DISCONTINUITY")) {
			out.WriteString(b.init)
		}
		if !strings.HasPrefix(tag, "#EXT-X-MAP:") && !strings.HasPrefix(tag, "#EXT-X-PART:") {
			out.WriteString(tag)
		}
	}
	out.WriteString(b.uri)
	return out.String()
}

// blocks cuts a full media playlist into its segments.
func blocks(text string) (all []block) {
	var next block
	started, named := false, ""
	for line := range strings.Lines(text) {
		started = started || segmentLine(line)
		if strings.HasPrefix(line, "#EXT-X-MAP:") {
			named = line
		}
		switch {
		case !started:
		case strings.HasPrefix(line, "#"):
			next.tags = append(next.tags, line)
		default:
			next.uri, next.init = line, named
			all = append(all, next)
			next = block{}
		}
	}
	return all
}

// segmentLine reports whether a line belongs to a segment (rfc8216bis §4.4.4).
func segmentLine(line string) bool {
	for _, tag := range []string{"EXTINF:", "EXT-X-DISCONTINUITY\n", "EXT-X-MAP:", "EXT-X-PROGRAM-DATE-TIME:", "EXT-X-GAP", "EXT-X-PART:"} {
		if strings.HasPrefix(line, "#"+tag) {
			return true
		}
	}
	return false
}

// MergeDelta makes of a delta update and an older full playlist the full one of its time (rfc8216bis §6.3.7).
func MergeDelta(before, delta string) (string, error) {
	old, err := parsePlaylist(&Visit{Body: []byte(before)})
	if err != nil {
		return "", err
	}
	update, err := parsePlaylist(&Visit{Body: []byte(delta)})
	if err != nil {
		return "", err
	}
	return merge(old, update)
}

// merge puts the segments that a delta update leaves out back from an older full playlist, as a client does (rfc8216bis
// §6.3.7).
func merge(before, delta *playlist) (string, error) {
	from := delta.first() - before.first()
	old := blocks(string(before.visit.Body))
	if from < 0 || from+delta.skipped > int64(len(old)) {
		return "", fmt.Errorf("leaves out %d segments from %d on, the playlist before has %d from %d on", delta.skipped, delta.first(), len(old), before.first())
	}
	var restored strings.Builder
	named := ""
	for _, b := range old[from : from+delta.skipped] {
		restored.WriteString(b.text(named))
		named = b.init
	}
	var merged strings.Builder
	for line := range strings.Lines(string(delta.visit.Body)) {
		if strings.HasPrefix(line, "#EXT-X-SKIP:") {
			line = restored.String()
		}
		merged.WriteString(line)
	}
	return merged.String(), nil
}

// compareLines tells the first difference.
func compareLines(merged, full string) error {
	a, b := strings.SplitAfter(merged, "\n"), strings.SplitAfter(full, "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i >= len(b):
			return fmt.Errorf("merged it has %d lines, the full playlist has %d", len(a), len(b))
		case a[i] != b[i]:
			return fmt.Errorf("merged, line %d is %q, in the full playlist %q", i+1, a[i], b[i])
		}
	}
	return nil
}
