package transcode

import (
	"fmt"
	"strings"
	"time"
)

// adaptationSets says how long the fragments are. Beside video that is passed through, whose segments may be longer, the audio gets no
// segments of its own: the muxer cuts it whenever it cuts video.
func (o Options) adaptationSets() string {
	var sets []string
	for i, r := range o.Representations() {
		fragment, own := o.Part, ""
		if r.Audio {
			fragment = audioFragment(o.Part)
		}
		if r.Audio && o.passesThrough() {
			own = "seg_duration=" + seconds(o.Segment+o.LateKeyFrames+time.Second) + ","
		}
		sets = append(sets, fmt.Sprintf("id=%d,%sfrag_duration=%s,streams=%d", i, own, seconds(fragment), i))
	}
	return strings.Join(sets, " ")
}

// audioFragment is the half of a part: frames of AAC fit into no part evenly, and of halves parts can be made that keep pace with those of
// the video. But where two halves, each rounded up to whole frames, are so long that a part of video would have less than 85 % of that
// (rfc8216bis §4.4.4.9), it is a whole part. Whoever makes parts of fragments has to know.
func audioFragment(part time.Duration) time.Duration {
	half := part / 2
	frames := (half*audioRate + samplesPerFrame*time.Second - 1) / (samplesPerFrame * time.Second)
	if longest := 2 * frames * samplesPerFrame * time.Second / audioRate; part*100 < longest*85 {
		return part
	}
	return half
}

// AAC-LC at the rate that all audio is encoded with.
const (
	audioRate       = 48_000
	samplesPerFrame = 1024
)
