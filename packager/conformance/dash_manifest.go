package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
)

// manifestRules are those that one MPD shows.
func manifestRules() []rule[manifest] {
	return []rule[manifest]{
		{"ISO/IEC 23009-1 §8.4 profile", checkProfile},
		{"DASH-IF TM durations in seconds", checkDurationsPlain},
		{"DASH-IF TM UTCTiming", checkUTCTiming},
		{"DASH-IF TM presentation delay inside the time shift buffer", checkDelay},
		{"DASH-IF TM minimumUpdatePeriod", checkUpdatePeriod},
		{"DASH-IF TM periods follow each other", checkPeriods},
		{"DASH-IF TM adaptation sets have ids", checkSetIDs},
		{"ISO/IEC 23009-1 §5.3.3 segmentAlignment and startWithSAP", checkAlignment},
		{"ISO/IEC 23009-1 §5.3.7 contentType and mimeType", checkMime},
		{"DASH-IF IOP one codec in an adaptation set", checkSetCodecs},
		{"ISO/IEC 23009-1 §5.3.3 selectionPriority", checkSelection},
		{"RFC 9111 §5.2.2 MPDs are cached briefly", checkManifestAge},
	}
}

func checkProfile(m manifest) string {
	if !slices.Contains(strings.Split(m.Profiles, ","), dash.ProfileLive) {
		return m.Profiles
	}
	return ""
}

var (
	durationAttribute = regexp.MustCompile(`\s(?:mediaPresentationDuration|minimumUpdatePeriod|minBufferTime|timeShiftBufferDepth|suggestedPresentationDelay|maxSegmentDuration|maxSubsegmentDuration|start|duration)="(-?P[^"]*)"`)
	plainSeconds      = regexp.MustCompile(`^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$`)
)

func checkDurationsPlain(m manifest) string {
	for _, match := range durationAttribute.FindAllSubmatch(m.visit.Body, -1) {
		if !plainSeconds.Match(match[1]) {
			return string(match[1])
		}
	}
	return ""
}

// utcSchemes are those that the DASH-IF timing model allows.
func utcSchemes() []string {
	return []string{dash.SchemeISO, dash.SchemeXSDate, "urn:mpeg:dash:utc:http-head:2014", "urn:mpeg:dash:utc:direct:2014"}
}

func checkUTCTiming(m manifest) string {
	known := slices.ContainsFunc(m.UTCTimings, func(d dash.Descriptor) bool { return slices.Contains(utcSchemes(), d.Scheme) && d.Value != "" })
	if m.dynamic() && !known {
		return fmt.Sprintf("%v", m.UTCTimings)
	}
	return ""
}

func checkDelay(m manifest) string {
	if m.dynamic() && m.TimeShiftBufferDepth > 0 && m.SuggestedPresentationDelay >= m.TimeShiftBufferDepth {
		return fmt.Sprintf("delay %v, buffer %v", m.SuggestedPresentationDelay, m.TimeShiftBufferDepth)
	}
	return ""
}

// checkUpdatePeriod: there while updates come, gone (with the time shift buffer) when none do.
func checkUpdatePeriod(m manifest) string {
	if m.dynamic() && m.MinimumUpdatePeriod <= 0 {
		return "dynamic without"
	}
	if !m.dynamic() && (m.MinimumUpdatePeriod != 0 || m.TimeShiftBufferDepth != 0) {
		return "static with minimumUpdatePeriod or timeShiftBufferDepth"
	}
	return ""
}

// checkPeriods: a period that says how long it lasts and is followed ends where the next one starts.
func checkPeriods(m manifest) string {
	for i := 1; i < len(m.Periods); i++ {
		before, p := m.Periods[i-1], m.Periods[i]
		if before.Duration <= 0 || before.Start+before.Duration != p.Start {
			return fmt.Sprintf("period %q starts at %v, the one before at %v and lasts %v", p.ID, p.Start, before.Start, before.Duration)
		}
	}
	if last := m.Periods; !m.dynamic() && m.MediaPresentationDuration <= 0 && len(last) > 0 && last[len(last)-1].Duration <= 0 {
		return "static without an end"
	}
	return ""
}

func checkSetIDs(m manifest) string {
	for _, p := range m.Periods {
		seen := make(map[int]bool)
		for _, set := range p.AdaptationSets {
			if seen[set.ID] {
				return fmt.Sprintf("period %q: id %d twice or missing", p.ID, set.ID)
			}
			seen[set.ID] = true
		}
	}
	return ""
}

func checkAlignment(m manifest) string {
	for _, p := range m.Periods {
		for _, set := range p.AdaptationSets {
			if !set.SegmentAlignment || set.StartWithSAP != 1 {
				return fmt.Sprintf("period %q, set %d: segmentAlignment %v, startWithSAP %d", p.ID, set.ID, set.SegmentAlignment, set.StartWithSAP)
			}
		}
	}
	return ""
}

func checkMime(m manifest) (fault string) {
	m.each(func(s stream) {
		mime := s.set.MimeType
		if s.representation.MimeType != "" {
			mime = s.representation.MimeType
		}
		if s.set.ContentType == "" || mime != s.set.ContentType+"/mp4" {
			fault = fmt.Sprintf("representation %q: contentType %q, mimeType %q", s.representation.ID, s.set.ContentType, mime)
		}
	})
	return fault
}

// checkManifestAge: not kept longer than it is good for.
func checkManifestAge(m manifest) string {
	if !m.dynamic() {
		return ""
	}
	return checkMaxAge(m.visit, sharedAge(m.visit), time.Duration(m.MinimumUpdatePeriod))
}

// checkSetCodecs: players switch within a set, which their decoders need not do from one codec to another.
func checkSetCodecs(m manifest) string {
	for _, p := range m.Periods {
		for _, set := range p.AdaptationSets {
			for _, r := range set.Representations {
				if first := set.Representations[0]; family(r.Codecs) != family(first.Codecs) {
					return fmt.Sprintf("period %q, set %d: %s and %s", p.ID, set.ID, first.Codecs, r.Codecs)
				}
			}
		}
	}
	return ""
}

func family(codec string) string {
	name, _, _ := strings.Cut(codec, ".")
	return name
}

// checkSelection: of several sets of pictures, players are told which one to begin with, and that is one of H.264, which all play.
func checkSelection(m manifest) string {
	for _, p := range m.Periods {
		var pictures []dash.AdaptationSet
		for _, set := range p.AdaptationSets {
			if set.ContentType == "video" && len(set.Representations) > 0 {
				pictures = append(pictures, set)
			}
		}
		if len(pictures) < 2 {
			continue
		}
		slices.SortStableFunc(pictures, func(a, b dash.AdaptationSet) int { return max(b.Priority, 1) - max(a.Priority, 1) })
		if best := pictures[0]; best.Priority <= max(pictures[1].Priority, 1) || !strings.HasPrefix(best.Representations[0].Codecs, "avc") {
			return fmt.Sprintf("period %q: set %d of several has priority %d", p.ID, best.ID, best.Priority)
		}
	}
	return ""
}
