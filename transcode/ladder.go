package transcode

import (
	"errors"
	"fmt"
	"strings"
)

// Ladder is the renditions of one encode, the best first.
type Ladder []Rendition

// DefaultLadder returns 720p, 480p and 240p at 30 pictures per second.
func DefaultLadder() Ladder {
	return Ladder{
		{Name: "720p", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_800_000},
		{Name: "480p", Width: 854, Height: 480, FPS: 30, Bitrate: 1_200_000},
		{Name: "240p", Width: 426, Height: 240, FPS: 30, Bitrate: 400_000},
	}
}

// Validate returns every fault of the renditions, and of two renditions with one name, joined.
func (l Ladder) Validate() error {
	var faults []error
	if len(l) == 0 || len(l) > MaxRenditions {
		faults = append(faults, fmt.Errorf("%d renditions are not between 1 and %d", len(l), MaxRenditions))
	}
	seen := make(map[string]bool, len(l))
	for _, r := range l {
		faults = append(faults, r.Validate())
		if seen[r.Name] {
			faults = append(faults, fmt.Errorf("rendition %q: the name is there twice", r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(faults...)
}

// String lists the names, best first.
func (l Ladder) String() string {
	names := make([]string, len(l))
	for i, r := range l {
		names[i] = r.Name
	}
	return strings.Join(names, " ")
}
