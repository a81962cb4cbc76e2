package transcode

import (
	"errors"
	"fmt"
	"strconv"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp8"
)

// MaxEarlier bounds Options.Earlier: 20 s of 30 pictures a second. One core decodes so many of 720p in about a second.
const MaxEarlier = 600

// earlierPace is how many times faster than live pictures earlier ones are decoded, at least.
const earlierPace = 4

func (o Options) validateEarlier() error {
	n := len(o.Earlier)
	switch {
	case n == 0:
	case o.passesThrough():
		return errors.New("pictures that are passed through cannot be left out")
	case n > MaxEarlier:
		return fmt.Errorf("%d pictures: must be up to %d", n, MaxEarlier)
	case o.Earlier[0].Codec != o.Video || !o.Earlier[0].Key:
		return errors.New("they do not begin with a key frame of the video")
	}
	return nil
}

// withoutEarlier leaves out, once they are decoded, all earlier pictures but the last.
func (o Options) withoutEarlier(video *ffmpeg.Stream) *ffmpeg.Stream {
	if len(o.Earlier) < 2 {
		return video
	}
	return video.Filter("trim", nil, ffmpeg.KwArgs{"start_pts": strconv.Itoa(len(o.Earlier) - 1)})
}

// stampEarlier gives each picture a time stamp of its own before all others.
func stampEarlier(frames []depay.Frame) []depay.Frame {
	var stamped []depay.Frame
	for i, f := range frames {
		f.PTS = int64(i)
		stamped = append(stamped, f)
	}
	return stamped
}

// follow lets the queue, which nobody uses yet, go on after earlier pictures: it has room for what comes while they are decoded.
func (q *queue) follow(earlier []depay.Frame) {
	bytes := 0
	for _, f := range earlier {
		if f.Key && f.Codec == depay.VP8 {
			q.shown = vp8.RepeatOptions{Width: f.Width, Height: f.Height}
		}
		q.newest = f.Data
		bytes += len(f.Data)
	}
	q.frames = make([]depay.Frame, len(q.frames)+len(earlier)/earlierPace)
	q.limit += bytes / earlierPace
}
