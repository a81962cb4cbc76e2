package conformance

import (
	"fmt"
	"slices"
)

// lowLatencyRules are those that one version of a media playlist with partial segments shows.
func lowLatencyRules() []rule[*playlist] {
	return []rule[*playlist]{
		{"rfc8216bis §4.4.3.7 EXT-X-PART-INF", checkPartInf},
		{"rfc8216bis §4.4.4.9 part durations", checkPartDurations},
		{"rfc8216bis §4.4.4.9 GAP", checkGaps},
		{"rfc8216bis §4.4.3.8 EXT-X-SERVER-CONTROL", checkServerControl},
		{"HLS authoring 14.3 PART-HOLD-BACK", checkPartHoldBack},
		{"rfc8216bis §4.4.4.9 tags before the first part", checkPartTags},
		{"rfc8216bis §3.2 a segment is the union of its parts", checkUnion},
		{"rfc8216bis §6.2.2 parts far from the end are not listed", checkOldParts},
		{"rfc8216bis §4.4.5.3 EXT-X-PRELOAD-HINT", checkHint},
	}
}

func checkPartInf(p *playlist) string {
	if len(p.tags["EXT-X-PART-INF"]) != 1 || p.partTarget() <= 0 {
		return fmt.Sprintf("%q", p.tags["EXT-X-PART-INF"])
	}
	return ""
}

// rounding is what writing times as decimals may add up to, seconds.
const rounding = 1e-4

// checkPartDurations: none is longer than the target; 85 % of it at least have all but the last of a segment, those that
// decoding can start at, gaps and what precedes a gap.
func checkPartDurations(p *playlist) (fault string) {
	p.eachPart(func(s segment, at place, part part) {
		last := int(at.part) == len(s.parts)-1
		exempt := last || part.independent || part.gap || s.parts[at.part+1].gap // the newest may be its segment's last
		switch {
		case part.duration > p.partTarget()+rounding:
			fault = fmt.Sprintf("part %v lasts %.4f s, the target is %.4f s", at, part.duration, p.partTarget())
		case !exempt && part.duration < 0.85*p.partTarget()-rounding:
			fault = fmt.Sprintf("part %v lasts %.4f s, less than 85 %% of %.4f s", at, part.duration, p.partTarget())
		}
	})
	return fault
}

// checkGaps: nothing can be decoded of a gap, nor of what needs it. Playlists that mark no part as INDEPENDENT say nothing of that.
func checkGaps(p *playlist) (fault string) {
	marked, lost := false, false
	p.eachPart(func(_ segment, _ place, part part) { marked = marked || part.independent })
	p.eachPart(func(_ segment, at place, part part) {
		switch {
		case part.gap && part.independent:
			fault = fmt.Sprintf("part %v is a gap that decoding can start at", at)
		case marked && lost && !part.gap && !part.independent:
			fault = fmt.Sprintf("part %v follows a gap, and decoding cannot start at it", at)
		}
		lost = part.gap
	})
	return fault
}

func checkServerControl(p *playlist) string {
	c := p.control()
	skip, hold := c.seconds("CAN-SKIP-UNTIL"), c.seconds("HOLD-BACK")
	switch {
	case c["CAN-BLOCK-RELOAD"] != "YES":
		return "no CAN-BLOCK-RELOAD=YES"
	case skip != 0 && skip < 6*p.target():
		return fmt.Sprintf("CAN-SKIP-UNTIL %.3f, less than six target durations", skip)
	case hold != 0 && hold < 3*p.target():
		return fmt.Sprintf("HOLD-BACK %.3f, less than three target durations", hold)
	}
	return ""
}

// checkPartHoldBack wants three part targets, as Apple does; rfc8216bis §4.4.3.8 is content with two.
func checkPartHoldBack(p *playlist) string {
	if hold := p.control().seconds("PART-HOLD-BACK"); hold < 3*p.partTarget()-rounding {
		return fmt.Sprintf("%.3f s, the part target is %.3f s", hold, p.partTarget())
	}
	return ""
}

// checkPartTags: what applies to parts precedes the first one.
func checkPartTags(p *playlist) string {
	for _, s := range append(p.segments[:len(p.segments):len(p.segments)], p.tail) {
		if s.behind != "" {
			return fmt.Sprintf("segment %d: %s after its first part", s.msn, s.behind)
		}
	}
	return ""
}

func checkUnion(p *playlist) string {
	for _, s := range p.segments {
		sum := 0.0
		for _, part := range s.parts {
			sum += part.duration
		}
		if off := sum - s.duration; len(s.parts) > 0 && max(off, -off) > rounding*float64(len(s.parts)) {
			return fmt.Sprintf("segment %d lasts %.4f s, its parts %.4f s", s.msn, s.duration, sum)
		}
	}
	return ""
}

// checkOldParts allows for one segment more than three target durations.
func checkOldParts(p *playlist) string {
	left := 0.0
	for _, part := range p.tail.parts {
		left += part.duration
	}
	for i := len(p.segments) - 1; i >= 0; i-- {
		if len(p.segments[i].parts) > 0 && left > 4*p.target() {
			return fmt.Sprintf("segment %d lists its parts, %.1f s before the end", p.segments[i].msn, left)
		}
		left += p.segments[i].duration
	}
	return ""
}

// checkHint: a playlist that goes on names its next part; each type is hinted once.
func checkHint(p *playlist) string {
	count := map[string]int{}
	for _, hint := range p.hints {
		count[hint["TYPE"]]++
		if hint["URI"] == "" {
			return "without URI"
		}
	}
	want := map[bool]int{true: 0, false: 1}[p.ended()]
	if count["PART"] != want || count["MAP"] > want || count["PART"]+count["MAP"] != len(p.hints) {
		return fmt.Sprintf("%v, ended %v", count, p.ended())
	}
	return ""
}

// partChangeRules are those between two visits of one media playlist with parts.
func partChangeRules() []change[*playlist] {
	return []change[*playlist]{
		{"rfc8216bis §6.2.1 part target and server control never change", checkControlStays},
		{"rfc8216bis §6.2.1 parts stay as listed", checkPartsStay},
		{"rfc8216bis §4.4.5.3 what is hinted comes", checkHintKept},
	}
}

func checkControlStays(before, after *playlist) string {
	if before.ended() || after.ended() || !before.lowLatency() {
		return ""
	}
	for _, tag := range []string{"EXT-X-PART-INF", "EXT-X-SERVER-CONTROL"} {
		if b, a := fmt.Sprint(before.tags[tag]), fmt.Sprint(after.tags[tag]); b != a {
			return b + " became " + a
		}
	}
	return ""
}

// listedParts are the parts by place.
func (p *playlist) listedParts() map[place]part {
	all := make(map[place]part)
	p.eachPart(func(_ segment, at place, part part) { all[at] = part })
	return all
}

func checkPartsStay(before, after *playlist) string {
	if after.next().before(before.next()) && !after.ended() {
		return fmt.Sprintf("ended before %v, then before %v", before.next(), after.next())
	}
	was := before.listedParts()
	for at, is := range after.listedParts() {
		if b, ok := was[at]; ok && b != is {
			return fmt.Sprintf("part %v was %+v, is %+v", at, b, is)
		}
	}
	return ""
}

// checkHintKept: the hinted part is the next; only a gap or a discontinuity cancels it (rfc8216bis §6.2.6), and before the
// latter's first part is there, the hint of its EXT-X-MAP tells of it.
func checkHintKept(before, after *playlist) string {
	if len(before.hints) == 0 || !before.next().before(after.next()) || after.ended() {
		return ""
	}
	came := make(map[string]bool)
	cancelled, oldest := after.hintsMap(), after.next()
	after.eachPart(func(s segment, at place, part part) {
		came[part.uri] = true
		oldest = earlier(oldest, at)
		cancelled = cancelled || part.gap || s.fresh && !at.before(before.next())
	})
	for _, hint := range after.hints { // a full segment may be listed as ended later than its last part
		came[after.visit.resolve(hint["URI"])] = true
	}
	for _, hint := range before.hints {
		if hint["TYPE"] == "PART" && !came[before.visit.resolve(hint["URI"])] && !cancelled && !before.next().before(oldest) {
			return fmt.Sprintf("%q did not come: next was %v, is %v, and parts are listed from %v on", hint["URI"], before.next(), after.next(), oldest)
		}
	}
	return ""
}

// hintsMap reports whether another initialization segment is announced.
func (p *playlist) hintsMap() bool {
	return slices.ContainsFunc(p.hints, func(hint attributes) bool { return hint["TYPE"] == "MAP" })
}

func earlier(a, b place) place {
	if b.before(a) {
		return b
	}
	return a
}
