package timeline

import (
	"math"
	"time"
)

// Timing is what the durations of segments and parts follow from. Its owner has validated it.
type Timing struct {
	Segment time.Duration // nominal duration of a segment
	Part    time.Duration // nominal duration of a part: one fragment of video, two of audio
	Window  time.Duration // how much of a live stream is listed
	// Event lists everything from the beginning of the broadcast on, up to a day; Window is then what stays listed when the disk is full.
	Event bool
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

// LongestPart is the rendition's share in PartTarget: one fragment of video, two of audio.
func (t Timing) LongestPart(r Rendition) time.Duration {
	fragment, count := t.fragments(r)
	return (time.Duration(count)*fragment + time.Millisecond - 1).Truncate(time.Millisecond)
}

// fragments is how long the encoder's fragments of the rendition are, and how many make a part.
func (t Timing) fragments(r Rendition) (length time.Duration, perPart int64) {
	if r.Video {
		return wholeFrames(t.Part, r.frameRate()), 1
	}
	return wholeFrames(t.Part/2, r.frameRate()), 2
}

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
