package conformance

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/sluice-live/sluice/packager/cmaf"
)

const wholeChunks = "ISO/IEC 23000-19 §7.3.2.3 chunks are whole"

// CheckSegments reports the rules of CMAF that a track's init segment and its segments, in order and of one unbroken run,
// break. Violations name the segment in Detail, counted from 0.
func CheckSegments(initSegment []byte, segments [][]byte) []Violation {
	var r report
	head, err := cmaf.ParseInit(initSegment)
	if err != nil {
		r.add("ISO/IEC 23000-19 §7.3.1 init segment", &Visit{}, err.Error())
		return r.violations
	}
	run := &run{init: head, initSegment: initSegment}
	for i, b := range segments {
		fragments, err := scan(head, b)
		if err != nil {
			r.add(wholeChunks, &Visit{}, fmt.Sprintf("segment %d: %v", i, err))
			continue
		}
		run.segments = append(run.segments, runSegment{i, b, fragments})
	}
	for _, rule := range segmentRules() {
		r.add(rule.name, &Visit{}, rule.check(run))
	}
	return r.violations
}

// scan finds a segment's fragments, which must fill it.
func scan(head cmaf.Init, b []byte) ([]cmaf.Fragment, error) {
	s := cmaf.NewScanner(head.Defaults)
	fragments, err := s.Scan(bytes.NewReader(b), int64(len(b)), nil)
	if err == nil && s.Offset() != int64(len(b)) {
		err = fmt.Errorf("%d bytes after the last chunk", int64(len(b))-s.Offset())
	}
	return fragments, err
}

// run is an unbroken run of segments.
type run struct {
	init        cmaf.Init
	initSegment []byte
	segments    []runSegment
}

type runSegment struct {
	index     int
	bytes     []byte
	fragments []cmaf.Fragment
}

func (s runSegment) seconds(timescale uint32) float64 {
	return float64(s.fragments[len(s.fragments)-1].End()-s.fragments[0].DecodeTime) / float64(timescale)
}

func segmentRules() []rule[*run] {
	return []rule[*run]{
		{"ISO/IEC 23000-19 §7.2 brand", checkBrand},
		{"ISO/IEC 23000-19 §7.5.2 boxes at the top", checkTopBoxes},
		{"ISO/IEC 23000-19 §7.3.2.1 segments start with a key frame", checkKey},
		{"ISO/IEC 23000-19 §7.3.2.2 decode times go on", checkDecodeTimes},
		{"ISO/IEC 23000-19 §9.2.1 no edit list", checkEditList},
		{"ISO/IEC 23000-19 §9.2.1 first picture shows at once", checkComposition},
		{"DASH-IF TM constant segment duration", checkConstant},
		{eventsInFragments, checkEvents},
	}
}

func checkBrand(r *run) string {
	if !r.init.CMAF() {
		return fmt.Sprintf("brands %q: no cmfc or cmf2", r.init.Brands)
	}
	return ""
}

// checkTopBoxes: no index in live segments and no metadata of the file.
func checkTopBoxes(r *run) string {
	for _, b := range append([]runSegment{{index: -1, bytes: r.initSegment}}, r.segments...) {
		for _, kind := range topBoxes(b.bytes) {
			if kind == "sidx" || kind == "meta" || kind == "udta" {
				return fmt.Sprintf("segment %d: %s", b.index, kind)
			}
		}
	}
	return ""
}

// topBoxes are the kinds of the boxes at the top of a file of 32-bit sizes that was parsed before.
func topBoxes(b []byte) []string {
	var kinds []string
	for len(b) >= 8 {
		size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		kinds = append(kinds, string(b[4:8]))
		if size < 8 || size > len(b) {
			break
		}
		b = b[size:]
	}
	return kinds
}

func checkKey(r *run) string {
	for _, s := range r.segments {
		if len(s.fragments) > 0 && !s.fragments[0].Key {
			return fmt.Sprintf("segment %d", s.index)
		}
	}
	return ""
}

func checkDecodeTimes(r *run) string {
	var end uint64
	for i, s := range r.segments {
		for j, f := range s.fragments {
			gapBefore := j == 0 && (i == 0 || r.segments[i-1].index != s.index-1)
			if !gapBefore && f.DecodeTime != end {
				return fmt.Sprintf("segment %d, chunk %d: starts at %d, should at %d", s.index, j, f.DecodeTime, end)
			}
			end = f.End()
		}
	}
	return ""
}

func checkEditList(r *run) string {
	if r.init.EditList {
		return "the init segment has one"
	}
	return ""
}

func checkComposition(r *run) string {
	for _, s := range r.segments {
		if len(s.fragments) > 0 && s.fragments[0].CompositionOffset != 0 && strings.HasPrefix(r.init.Codec, "avc") {
			return fmt.Sprintf("segment %d: %d ticks late", s.index, s.fragments[0].CompositionOffset)
		}
	}
	return ""
}

// checkConstant: all but the last have the first's duration, to within a frame.
func checkConstant(r *run) string {
	for i, s := range r.segments {
		if i == len(r.segments)-1 || len(s.fragments) == 0 || len(r.segments[0].fragments) == 0 {
			continue
		}
		want, got := r.segments[0].seconds(r.init.Timescale), s.seconds(r.init.Timescale)
		if math.Abs(got-want) > frame {
			return fmt.Sprintf("segment %d lasts %.3f s, the first %.3f s", s.index, got, want)
		}
	}
	return ""
}
