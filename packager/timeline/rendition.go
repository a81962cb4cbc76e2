package timeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/public/name"
)

// Bounds of what an ffmpeg run may be said to write.
const (
	maxRenditions = 16
	maxLate       = 5 * time.Second // half of the longest segment
)

// Rendition is one of the ladder, or the audio. It becomes one HLS variant (or audio rendition) and one DASH Representation.
type Rendition struct {
	ID      string  `json:"id"`  // public name, such as "720p" or "audio": [A-Za-z0-9][A-Za-z0-9_-]{0,63}, not index or manifest
	Rep     string  `json:"rep"` // ffmpeg's representation id, which names its files: init-REP.mp4, seg-REP-NUMBER.m4s, numbers from 1; two may share one
	Video   bool    `json:"video,omitempty"`
	Width   int     `json:"width,omitempty"`  // pixels
	Height  int     `json:"height,omitempty"` // pixels
	FPS     float64 `json:"fps,omitempty"`
	Bitrate int     `json:"bitrate"` // bit/s: the most that the encoder may make over any segment; of what is copied, a guess

	// Copied video is the publisher's own.
	Copied bool `json:"copied,omitempty"`
	// Events are told in front of fragments: timed metadata, ID3 in event message boxes.
	Events bool `json:"events,omitempty"`
}

// frameRate is how many frames, of video or of AAC, the rendition has a second.
func (r Rendition) frameRate() float64 {
	if r.Video {
		return r.FPS
	}
	return 48000.0 / 1024
}

func (r Rendition) validate() error {
	switch {
	case !name.Valid(r.ID), r.ID == "index", r.ID == "manifest":
		return errors.New("name is not " + name.Rule + ", or is index or manifest")
	case !name.Valid(r.Rep):
		return fmt.Errorf("representation %q is not %s", r.Rep, name.Rule)
	case r.Bitrate <= 0 || r.Bitrate > 1<<30:
		return fmt.Errorf("bitrate %d is not within 1 and %d", r.Bitrate, 1<<30)
	case r.Video && (r.Width <= 0 || r.Height <= 0 || !(r.FPS > 0 && r.FPS <= 1000)):
		return fmt.Errorf("video of %dx%d at %g fps", r.Width, r.Height, r.FPS)
	}
	return nil
}

// Description is a rendition as manifests describe it.
type Description struct {
	Rendition
	Init      cmaf.Init
	Bandwidth int64 // bit/s, peak
	Average   int64 // bit/s
}

// EpochOptions describe what one ffmpeg run will write.
type EpochOptions struct {
	// Renditions in the order of the ladder, best video first, audio last. At least one; at most 16.
	Renditions []Rendition
	// KeyFrames is the longest time between two key frames. 0 says once a segment.
	KeyFrames time.Duration
	// LateKeyFrames is how long after their time segments may begin, because a rendition is copied and the key frames are the
	// publisher's: so much longer they may be, in all renditions. What the first epoch of a broadcast says decides TARGETDURATION,
	// which never changes; a later one must not say more.
	LateKeyFrames time.Duration
	// Room is what TARGETDURATION has room for, if that is more than LateKeyFrames, because a later epoch may need it. It counts
	// in the first epoch of a broadcast.
	Room time.Duration
	// Lead is how long before its first sample an epoch begins that follows on no other. ffmpeg fills it at once, so that a lead of a
	// segment is one that players can begin with, as some cannot without a whole one.
	Lead time.Duration
}

// Validate reports all faults at once.
func (o EpochOptions) Validate() error {
	var faults []error
	if len(o.Renditions) == 0 || len(o.Renditions) > maxRenditions {
		faults = append(faults, fmt.Errorf("%d renditions: not within 1 and %d", len(o.Renditions), maxRenditions))
	}
	for _, late := range []time.Duration{o.LateKeyFrames, o.Room} {
		if late < 0 || late > maxLate {
			faults = append(faults, fmt.Errorf("key frames up to %v late: not within 0 and %v", late, maxLate))
		}
	}
	if o.Lead < 0 || o.Lead > maxLead {
		faults = append(faults, fmt.Errorf("lead of %v: not within 0 and %v", o.Lead, maxLead))
	}
	seen := make(map[string]bool)
	for _, r := range o.Renditions {
		if err := r.validate(); err != nil {
			faults = append(faults, fmt.Errorf("rendition %q: %w", r.ID, err))
		}
		if seen[r.ID] {
			faults = append(faults, fmt.Errorf("rendition %q: name used twice", r.ID))
		}
		seen[r.ID] = true
	}
	return errors.Join(faults...)
}
