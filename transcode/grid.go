package transcode

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// validateGrid wants segments of whole parts and of whole key frame intervals.
func (o Options) validateGrid(faults *optionFaults) {
	faults.want(inRange(o.Segment, 500*time.Millisecond, 10*time.Second), "Segment", "%v is not between 500ms and 10s", o.Segment)
	faults.want(inRange(o.Part, 50*time.Millisecond, o.Segment), "Part", "%v is not between 50ms and a segment, which is %v", o.Part, o.Segment)
	faults.want(o.KeyFrames > 0, "KeyFrames", "%v must be more than 0", o.KeyFrames)
	faults.want(o.Part <= 0 || o.Segment%o.Part == 0, "Segment", "%v is not a multiple of the part, which is %v", o.Segment, o.Part)
	if o.KeyFrames > 0 && o.Segment%o.KeyFrames != 0 {
		below := o.Segment.Truncate(o.KeyFrames)
		faults.want(false, "Segment", "%v does not end at a key frame, of which there is one every %v: choose %v or %v",
			o.Segment, o.KeyFrames, max(below, o.KeyFrames), below+o.KeyFrames)
	}
}

// wholePictures says which renditions cannot be cut at segment, part and key frame boundaries, and what fits them.
func (o Options) wholePictures() error {
	var faults []error
	seen := map[int]bool{}
	for _, r := range o.Ladder {
		if r.FPS < 1 || seen[r.FPS] {
			continue // one of each frame rate says it all
		}
		seen[r.FPS] = true
		for _, d := range []time.Duration{o.Segment, o.KeyFrames} {
			if !r.fills(d) {
				faults = append(faults, fmt.Errorf("rendition %q: %v is not a whole number of pictures at %d fps", r.Name, d, r.FPS))
			}
		}
		if !r.fills(o.Part) {
			faults = append(faults, fmt.Errorf("rendition %q: a part of %v is not a whole number of pictures at %d fps: choose %s",
				r.Name, o.Part, r.FPS, o.instead(r)))
		}
	}
	return errors.Join(faults...)
}

// fills reports whether whole pictures last exactly d.
func (r Rendition) fills(d time.Duration) bool { return time.Duration(r.FPS)*d%time.Second == 0 }

// instead says which part suits the rendition, or which frame rate suits the part: the nearest on either side.
func (o Options) instead(r Rendition) string {
	const step = time.Millisecond
	parts := nearest(o.Part, step, func(d time.Duration) bool { return d <= o.Segment && o.Segment%d == 0 && r.fills(d) })
	rates := nearest(r.FPS, 1, func(fps int) bool { return fps <= MaxFPS && (Rendition{FPS: fps}).fills(o.Part) })
	var choices []string
	if len(parts) > 0 {
		choices = append(choices, "a part of "+joinOr(parts))
	}
	if len(rates) > 0 {
		choices = append(choices, joinOr(rates)+" fps")
	}
	return strings.Join(choices, ", or ")
}

// nearest returns what fits closest to v on either side of it, in steps and within a factor of ten.
func nearest[T int | time.Duration](v, step T, fits func(T) bool) (found []T) {
	for below := v - step; below > 0; below -= step {
		if fits(below) {
			found = append(found, below)
			break
		}
	}
	for above := v + step; above <= 10*v; above += step {
		if fits(above) {
			return append(found, above)
		}
	}
	return found
}

func joinOr[T any](some []T) string {
	words := make([]string, len(some))
	for i, v := range some {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, " or ")
}
