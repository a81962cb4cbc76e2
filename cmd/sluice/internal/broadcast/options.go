package broadcast

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// Options say what a broadcast is made with. All fields are needed but those that say otherwise.
type Options struct {
	// Stream is the name under which it is published and watched.
	Stream string
	// Timeline takes what ffmpeg writes. The broadcast ends it.
	Timeline *packager.Stream
	// Disk reports whether the live streams can be written. It is asked at each tick, and must not block.
	Disk func() packager.Disk
	// Wall puts an instant with a monotonic reading on the clock of playlists and manifests.
	Wall func(time.Time) time.Time

	// FFmpeg is a name that is looked up in PATH, or a path.
	FFmpeg string
	// Ladder is what is encoded, the best rendition first.
	Ladder transcode.Ladder
	// Encoder makes its renditions of H.264; where its ffmpeg fails soon, x264 does. Default: x264.
	Encoder transcode.Encoder
	// FixedLadder keeps the ladder whole where the machine is too slow for it: frames are dropped then.
	FixedLadder bool
	// Segment and Part are durations of media; the segment is a multiple of the part.
	Segment, Part time.Duration
	// KeyFrames is the time between two key frames of what is encoded, Buffer how much of its bitrate an encoder may spend at once. Defaults: those
	// of transcode.
	KeyFrames, Buffer time.Duration
	// Passthrough lets video go to viewers as it comes, without an encoder, where players take it.
	Passthrough bool
	// Slates holds a key frame for each codec, which viewers see while the publisher is away; without one they see its newest
	// picture.
	Slates map[depay.Codec][]byte
	// Logo is the path of the image that the transform of that name shows, empty where there is none.
	Logo string
	// Faces finds those that the transform of that name draws; nil where there is none. OnFaces, if set, hears where they are, from another
	// goroutine, and must not block.
	Faces   *transcode.FaceFinder
	OnFaces func(Faces)

	// OnEvent, if set, hears what happens, in its order, and must not block.
	OnEvent func(Event)

	// Linger is how long the broadcast waits for its publisher to return.
	Linger time.Duration
	// RecordIVF keeps VP8, VP9 and AV1 as IVF with the audio in Ogg beside it, instead of both as WebM.
	RecordIVF bool
	// KeepOnStop leaves the playlists open for the next process when the context of Run ends.
	KeepOnStop bool

	Logger *slog.Logger
}

// lateKeyFrames is how late publishers' key frames may be, and by how much segments are longer for that.
func (o Options) lateKeyFrames() time.Duration { return o.Segment / 2 }

// keyFrames is the time between two key frames. Publishers whose video is passed on are asked for one each second at most, as those cost them
// what they send.
func (o Options) keyFrames(passedOn bool) time.Duration {
	every := cmp.Or(o.KeyFrames, transcode.DefaultKeyFrames)
	if passedOn && o.Segment%transcode.DefaultKeyFrames == 0 {
		every = max(every, transcode.DefaultKeyFrames)
	}
	return every
}
