package timeline

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Timing is what the durations of segments and parts follow from. Its owner has validated it.
type Timing struct {
	Segment time.Duration // nominal duration of a segment
	Part    time.Duration // nominal duration of a part: one fragment of video, one or two of audio
	Window  time.Duration // how much of a live stream is listed
	// Event lists everything from the beginning of the broadcast on, up to a day; Window is then what stays listed when the disk is full.
	Event bool
	Distance
}

// Distance is how far behind the live edge players are asked to stay: the more, the worse a network may be. Zero values take the default.
type Distance struct {
	HoldBack int // PART-HOLD-BACK, in PART-TARGETs (3)
	// Target, Least and Most are the latencies of an MPD, which count from the capture of a frame, in parts (5, 3, 15): a part is there once
	// it is over and encoded; fetching, decoding and unsteady networks take the rest.
	Target, Least, Most int
}

// leastHoldBack is what Apple's authoring specification (14.3) asks for; rfc8216bis §4.4.3.8 is content with two.
const leastHoldBack = 3

// WithDefaults fills zero values in.
func (d Distance) WithDefaults() Distance {
	return Distance{
		HoldBack: cmp.Or(d.HoldBack, leastHoldBack), Target: cmp.Or(d.Target, 5), Least: cmp.Or(d.Least, 3), Most: cmp.Or(d.Most, 15),
	}
}

// Validate says what is wrong.
func (d Distance) Validate() error {
	d = d.WithDefaults()
	switch {
	case d.HoldBack < leastHoldBack:
		return fmt.Errorf("players have to stay %d parts behind at least, not %d", leastHoldBack, d.HoldBack)
	case d.Least < 1 || d.Target < d.Least || d.Most < d.Target:
		return fmt.Errorf("latencies of at least %d, %d and at most %d parts are not in order", d.Least, d.Target, d.Most)
	}
	return nil
}

// minSegments are listed even where the window is shorter (Apple's authoring specification 8.11).
const minSegments = 6

// lateFrames is what the transcoder allows beyond a late key frame: three frames of 30 a second.
const lateFrames = 100 * time.Millisecond

// TargetDuration is EXT-X-TARGETDURATION in seconds, the same for all playlists of a stream for ever. Segments may be longer than
// nominal by up to late, and then by a few last frames.
func (t Timing) TargetDuration(late time.Duration) int {
	longest := t.Segment
	if late > 0 {
		longest += late + lateFrames
	}
	return max(1, int(longest.Round(time.Second)/time.Second))
}

// PartTarget is PART-TARGET: the longest part that any of the renditions, or audio, can make, rounded up to a millisecond. ffmpeg
// ends a fragment with the first frame that fills the nominal duration; a frame of AAC has 1,024 samples at 48 kHz.
func (t Timing) PartTarget(renditions []Rendition) time.Duration {
	longest := t.LongestPart(Rendition{})
	for _, r := range renditions {
		longest = max(longest, t.LongestPart(r))
	}
	return longest
}

// LongestPart is the rendition's share in PartTarget.
func (t Timing) LongestPart(r Rendition) time.Duration {
	fragment, count := t.fragments(r)
	return (time.Duration(count)*fragment + time.Millisecond - 1).Truncate(time.Millisecond)
}

// fragments is how long the encoder's fragments of the rendition are, and how many make a part.
func (t Timing) fragments(r Rendition) (length time.Duration, perPart int64) {
	if r.Video {
		return wholeFrames(t.Part, r.frameRate()), 1
	}
	half, whole := wholeFrames(t.Part/2, r.frameRate()), wholeFrames(t.Part, r.frameRate())
	if t.Part*100 < 2*half*leastPart {
		return whole, 1
	}
	return half, 2
}

// leastPart is what a part of video has at least of PART-TARGET, in percent (rfc8216bis §4.4.4.9): where parts of two halves of audio would
// be so long that those of video had less, the encoder makes audio of whole parts.
const leastPart = 85

// Grace is how long a segment stays on disk once it has left the playlists: rfc8216bis §6.2.2 asks for its own duration plus
// that of the longest playlist that listed it, the DASH-IF timing model for the time shift buffer, one segment and one update period.
func (t Timing) Grace() time.Duration { return t.Window + 3*t.Segment }

// wholeFrames is the shortest time of whole frames that is not below d, exact to a microsecond.
func wholeFrames(d time.Duration, rate float64) time.Duration {
	frames := math.Ceil(d.Seconds()*rate - 1e-6)
	return time.Duration(frames / rate * float64(time.Second)).Round(time.Microsecond)
}

// FromTicks turns n ticks into a duration, exact to a nanosecond, for n up to cmaf.MaxTime.
func FromTicks(n int64, timescale uint32) time.Duration {
	scale := int64(timescale)
	return time.Duration(n/scale)*time.Second + time.Duration(n%scale)*time.Second/time.Duration(scale)
}

// ToTicks converts a duration to the nearest tick.
func ToTicks(d time.Duration, timescale uint32) uint64 {
	scale := uint64(timescale)
	whole, rest := uint64(d/time.Second), uint64(d%time.Second)
	return whole*scale + (rest*scale+uint64(time.Second)/2)/uint64(time.Second)
}
