package conformance

import (
	"bytes"
	"fmt"
	"math"
	"time"

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

// checkPeriodsStay: only the oldest leave, new ones come at the end, those in between keep their start and their end. A
// manifest that has become static refers to nothing that is gone, so there a period may begin later than it did.
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
		moved := a.Start < b.Start || (a.Start > b.Start && after.dynamic())
		if a.ID != b.ID || moved || (b.Duration > 0 && a.Start+a.Duration != b.Start+b.Duration) {
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

// numbering is what gives the segments of a representation with @duration their names and times.
type numbering struct {
	names     string  // time scale, duration and names
	presented float64 // when segment 0 would be shown, seconds on the MPD's timeline
	media     int64   // where segment 0 would begin in the media, ticks
}

// numberings are those of a period, by representation.
func numberings(m manifest, id string) map[string]numbering {
	all := make(map[string]numbering)
	m.each(func(s stream) {
		t := s.template
		if s.period.ID != id || t.Duration == 0 {
			return
		}
		before := t.StartNumber * t.Duration
		all[s.representation.ID] = numbering{
			names:     fmt.Sprint(t.Timescale, " ", t.Duration, " ", t.Media, " ", t.Initialization),
			presented: time.Duration(s.period.Start).Seconds() - float64(before)/float64(t.Timescale),
			media:     int64(t.PresentationTimeOffset - before),
		}
	})
	return all
}

// same allows for times that are rounded to a tick.
func (n numbering) same(o numbering) bool {
	return n.names == o.names && n.media == o.media && math.Abs(n.presented-o.presented) < 0.001
}

// checkTemplatesStay: the same number is always the same file, media and time.
func checkTemplatesStay(before, after manifest) string {
	return eachShared(before, after, func(b, a *dash.Period) string {
		was := numberings(before, b.ID)
		for id, is := range numberings(after, a.ID) {
			if w, ok := was[id]; ok && !w.same(is) {
				return fmt.Sprintf("%s: %v became %v", id, w, is)
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
