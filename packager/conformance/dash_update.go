package conformance

import (
	"bytes"
	"fmt"

	"github.com/sluice-live/sluice/packager/dash"
)

// updateRules are those between two visits of the MPD.
func updateRules() []change[manifest] {
	return []change[manifest]{
		{"DASH-IF TM availabilityStartTime never moves", checkStartStays},
		{"ISO/IEC 23009-1 §5.4 publishTime grows with each change", checkPublishTime},
		{"DASH-IF TM periods stay", checkPeriodsStay},
		{"DASH-IF TM adaptation sets and representations stay", checkSetsStay},
		{"DASH-IF TM segment numbers stay", checkTemplatesStay},
		{"DVB-DASH 4.8.3 timeShiftBufferDepth stays", checkDepthStays},
		{"DVB-DASH 4.8.3 maxSegmentDuration never grows", checkMaxSegment},
		{"ISO/IEC 23009-1 §5.4 static is final", checkStaticIsFinal},
	}
}

func checkStartStays(before, after manifest) string {
	if before.dynamic() && after.dynamic() && !before.AvailabilityStartTime.Equal(after.AvailabilityStartTime) {
		return fmt.Sprintf("%v became %v", before.AvailabilityStartTime, after.AvailabilityStartTime)
	}
	return ""
}

func checkPublishTime(before, after manifest) string {
	same := bytes.Equal(before.visit.Body, after.visit.Body)
	if same || !after.dynamic() || after.PublishTime.After(before.PublishTime) {
		return ""
	}
	return fmt.Sprintf("changed, but %v became %v", before.PublishTime, after.PublishTime)
}

// checkPeriodsStay: only the oldest leave, new ones come at the end, the start of those in between stays.
func checkPeriodsStay(before, after manifest) string {
	if len(after.Periods) == 0 {
		return "none left"
	}
	left := 0
	for left < len(before.Periods) && before.Periods[left].ID != after.Periods[0].ID {
		left++
	}
	for i, b := range before.Periods[left:] {
		if i >= len(after.Periods) {
			return fmt.Sprintf("period %q left before older ones", b.ID)
		}
		a := after.Periods[i]
		if a.ID != b.ID || a.Start != b.Start || (b.Duration > 0 && a.Duration != b.Duration) {
			return fmt.Sprintf("period %q at %v for %v became %q at %v for %v", b.ID, b.Start, b.Duration, a.ID, a.Start, a.Duration)
		}
	}
	return ""
}

// eachShared calls do for the periods that both manifests have.
func eachShared(before, after manifest, do func(b, a *dash.Period) string) string {
	for i := range before.Periods {
		for j := range after.Periods {
			if before.Periods[i].ID != after.Periods[j].ID {
				continue
			}
			if fault := do(&before.Periods[i], &after.Periods[j]); fault != "" {
				return fmt.Sprintf("period %q: %s", before.Periods[i].ID, fault)
			}
		}
	}
	return ""
}

// identity is what may not change of a period's tracks.
func identity(p *dash.Period) string {
	var b bytes.Buffer
	for _, set := range p.AdaptationSets {
		fmt.Fprintf(&b, "%d %s %s:", set.ID, set.ContentType, set.Lang)
		for _, r := range set.Representations {
			fmt.Fprintf(&b, " %s %s,", r.ID, r.Codecs)
		}
	}
	return b.String()
}

func checkSetsStay(before, after manifest) string {
	return eachShared(before, after, func(b, a *dash.Period) string {
		if was, is := identity(b), identity(a); was != is {
			return was + " became " + is
		}
		return ""
	})
}

// numbering is what gives segments of a period with @duration their names and times.
func numbering(m manifest, id string) map[string]string {
	all := make(map[string]string)
	m.each(func(s stream) {
		t := s.template
		if s.period.ID == id && t.Duration > 0 {
			all[s.representation.ID] = fmt.Sprint(t.Timescale, t.PresentationTimeOffset, t.Duration, t.StartNumber, t.Media, t.Initialization)
		}
	})
	return all
}

func checkTemplatesStay(before, after manifest) string {
	return eachShared(before, after, func(b, a *dash.Period) string {
		was := numbering(before, b.ID)
		for id, is := range numbering(after, a.ID) {
			if was[id] != "" && was[id] != is {
				return fmt.Sprintf("%s: %s became %s", id, was[id], is)
			}
		}
		return ""
	})
}

func checkDepthStays(before, after manifest) string {
	if b, a := before.TimeShiftBufferDepth, after.TimeShiftBufferDepth; after.dynamic() && a != b {
		return fmt.Sprintf("%v became %v", b, a)
	}
	return ""
}

func checkMaxSegment(before, after manifest) string {
	if b, a := before.MaxSegmentDuration, after.MaxSegmentDuration; a > b {
		return fmt.Sprintf("%v became %v", b, a)
	}
	return ""
}

func checkStaticIsFinal(before, after manifest) string {
	if !before.dynamic() && after.dynamic() {
		return "static became dynamic"
	}
	return ""
}
