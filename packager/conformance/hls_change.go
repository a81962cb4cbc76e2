package conformance

import "fmt"

// changeRules are those between two visits of one media playlist.
func changeRules() []change[*playlist] {
	return []change[*playlist]{
		{"rfc8216bis §6.2.1 target duration never changes", checkTargetStays},
		{"rfc8216bis §6.2.2 media sequence never falls", checkSequenceGrows},
		{"HLS authoring 8.11 window", checkWindow},
		{"rfc8216bis §6.2.1 segments stay as listed", checkSegmentsStay},
		{"rfc8216bis §6.2.2 discontinuity sequence counts what left", checkDiscontinuitiesCount},
		{"rfc8216bis §4.4.3.4 nothing after EXT-X-ENDLIST", checkEndIsFinal},
	}
}

func checkTargetStays(before, after *playlist) string {
	if b, a := before.target(), after.target(); b != a {
		return fmt.Sprintf("%.0f s became %.0f s", b, a)
	}
	return ""
}

// checkSequenceGrows: neither end of the list goes back.
func checkSequenceGrows(before, after *playlist) string {
	if after.first() < before.first() || after.end() < before.end() {
		return fmt.Sprintf("segments %d to %d became %d to %d", before.first(), before.end()-1, after.first(), after.end()-1)
	}
	return ""
}

// checkWindow wants six segments and three target durations (rfc8216bis §6.2.2) once segments have begun to leave. Before
// that a list is as short as the stream, or as the rendition that joined it later.
func checkWindow(before, after *playlist) string {
	if !after.live() || after.first() <= before.first() {
		return ""
	}
	total := 0.0
	for _, s := range after.segments {
		total += s.duration
	}
	if len(after.segments) < 6 || total < 3*after.target() {
		return fmt.Sprintf("%d segments, %.1f s", len(after.segments), total)
	}
	return ""
}

// checkSegmentsStay: under one number always the same URI, duration and date.
func checkSegmentsStay(before, after *playlist) string {
	for _, a := range after.segments {
		i := a.msn - before.first()
		if i < 0 || i >= int64(len(before.segments)) {
			continue
		}
		b := before.segments[i]
		if b.uri != a.uri || b.duration != a.duration || b.gap != a.gap || b.fresh != a.fresh || b.init != a.init {
			return fmt.Sprintf("segment %d was %s (%.6f s), is %s (%.6f s)", a.msn, b.uri, b.duration, a.uri, a.duration)
		}
		if !b.pdt.IsZero() && !a.pdt.IsZero() && !b.pdt.Equal(a.pdt) {
			return fmt.Sprintf("segment %d was dated %v, is %v", a.msn, b.pdt, a.pdt)
		}
	}
	return ""
}

// checkDiscontinuitiesCount can tell only when what left was listed at the first visit.
func checkDiscontinuitiesCount(before, after *playlist) string {
	const tag = "EXT-X-DISCONTINUITY-SEQUENCE"
	left := after.first() - before.first()
	if left < 0 || left > int64(len(before.segments)) {
		return ""
	}
	want := before.integer(tag)
	for _, s := range before.segments[:left] {
		if s.fresh {
			want++
		}
	}
	if got := after.integer(tag); got != want {
		return fmt.Sprintf("is %d, should be %d", got, want)
	}
	return ""
}

func checkEndIsFinal(before, after *playlist) string {
	if before.ended() && (!after.ended() || after.end() != before.end()) {
		return fmt.Sprintf("ended with segment %d, then ended %v with segment %d", before.end()-1, after.ended(), after.end()-1)
	}
	return ""
}
