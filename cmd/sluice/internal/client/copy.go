package client

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

const (
	// probed is how much of a file is looked through for key frames, and mostApart how far apart they may be there: a file cannot be
	// asked for one, and so long a viewer waits who comes in between.
	probed    = 30 * time.Second
	mostApart = 5 * time.Second
	// mostAstray is how far from the time that its number tells a picture may be.
	mostAstray = 100 * time.Millisecond
)

// copied is video of a file that is sent as it is.
type copied struct {
	codec  string // name of the videoCodec
	format string // its fmtp parameters where they are not those that are encoded
	fps    string // frames per second, as a fraction; of H.264, whose byte stream has no times
}

// fileTracks is what ffprobe tells of a file.
type fileTracks struct {
	Streams []fileTrack `json:"streams"`
}

type fileTrack struct {
	Kind    string `json:"codec_type"`
	Codec   string `json:"codec_name"`
	Profile string `json:"profile"`
	Level   int    `json:"level"`
	Pixels  string `json:"pix_fmt"`
	Fields  string `json:"field_order"`
	BFrames int    `json:"has_b_frames"`
	Rate    string `json:"r_frame_rate"`
	Average string `json:"avg_frame_rate"`
}

// first is the first track of a kind.
func (f fileTracks) first(kind string) (t fileTrack, ok bool) {
	i := slices.IndexFunc(f.Streams, func(t fileTrack) bool { return t.Kind == kind })
	if i < 0 {
		return t, false
	}
	return f.Streams[i], true
}

// copied is how the track is sent as it is; an error says why it is not.
func (t fileTrack) copied() (c copied, err error) {
	switch {
	case t.Pixels != "yuv420p" && t.Pixels != "yuvj420p":
		return c, fmt.Errorf("its pixels are %s", t.Pixels)
	case t.Codec == "h264":
		return t.copiedH264()
	case t.Codec == "vp9" && t.Profile != "Profile 0", t.Codec == "av1" && t.Profile != "Main":
		return c, fmt.Errorf("its profile is %s", t.Profile)
	case slices.ContainsFunc(videoCodecs(), func(c videoCodec) bool { return c.name == t.Codec }):
		return copied{codec: t.Codec}, nil
	}
	return c, fmt.Errorf("it is %s", t.Codec)
}

// h264Profiles are the first four digits of profile-level-id (RFC 6184 §8.1).
var h264Profiles = map[string]string{"Constrained Baseline": "42e0", "Baseline": "4200", "Main": "4d00", "High": "6400"}

func (t fileTrack) copiedH264() (c copied, err error) {
	profile, known := h264Profiles[t.Profile]
	switch {
	case !known:
		return c, fmt.Errorf("its profile is %s", t.Profile)
	case t.BFrames > 0:
		return c, errors.New("it has B-frames, which browsers do not show over WebRTC")
	case t.Fields != "progressive" && t.Fields != "unknown" && t.Fields != "":
		return c, errors.New("it is interlaced")
	case t.Rate != t.Average || !isRate(t.Rate):
		return c, errors.New("its frame rate is not constant")
	}
	return copied{codec: t.Codec, format: h264Format(fmt.Sprintf("%s%02x", profile, t.Level)), fps: t.Rate}, nil
}

// isRate reports whether s is frames per second as a fraction, such as 30000/1001.
func isRate(s string) bool {
	over, under, found := strings.Cut(s, "/")
	n, err := strconv.Atoi(over)
	d, err2 := strconv.Atoi(under)
	return found && err == nil && err2 == nil && n > 0 && d > 0 && n <= maxRateTerm && d <= maxRateTerm
}

// maxRateTerm bounds a fraction, so that times are computed without overflow.
const maxRateTerm = 1_000_000

// copyVideo has the video of a file sent as it is where it can be, and offers its codec first. why says why it cannot, or is "".
func copyVideo(ctx context.Context, o Publish, file fileTracks) (same Publish, why string) {
	track, ok := file.first("video")
	switch {
	case !ok || o.NoVideo:
		return o, ""
	case o.Encode || o.changes:
		return o, ""
	case strings.Contains(o.Source, "://"):
		return o, "it is no file"
	}
	c, err := track.copied()
	if err == nil {
		err = checkPictures(ctx, o, c)
	}
	if err != nil {
		return o, err.Error()
	}
	first := slices.IndexFunc(videoCodecs(), func(v videoCodec) bool { return v.name == c.codec })
	own := videoCodecs()[first]
	if c.format != "" {
		own.formats = []string{c.format}
	}
	others := slices.DeleteFunc(slices.Clone(o.codecs), func(v videoCodec) bool { return v.name == c.codec })
	switch asked := len(others) < len(o.codecs); {
	case o.Codec == "":
		o.codecs = append([]videoCodec{own}, others...)
	case !asked:
		return o, "it is " + c.codec + ", which --codec does not name"
	default:
		o.codecs[slices.IndexFunc(o.codecs, func(v videoCodec) bool { return v.name == c.codec })] = own
	}
	o.copied = &c
	return o, ""
}

// checkPictures wants key frames close enough to each other, and what has no times of its own at a constant rate.
func checkPictures(ctx context.Context, o Publish, c copied) error {
	cmd := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-read_intervals", fmt.Sprintf("%%+%d", int(probed.Seconds())),
		"-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i", o.Source)
	out, err := sandbox.Output(cmd, policyOf(o))
	if err != nil {
		return fmt.Errorf("its key frames cannot be found: %w", err)
	}
	var first, last time.Duration // last is of the newest key frame
	n := 0
	for line := range strings.Lines(string(out)) {
		text, flags, _ := strings.Cut(strings.TrimSpace(line), ",")
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		at, key := time.Duration(seconds*float64(time.Second)), strings.HasPrefix(flags, "K")
		if n == 0 {
			first, last = at, at
		}
		switch {
		case n == 0 && !key:
			return errors.New("it does not begin with a key frame")
		case at-last > mostApart:
			return fmt.Errorf("its key frames are more than %v apart", mostApart)
		case c.fps != "" && (at-first-rateOfText(c.fps).time(n)).Abs() > mostAstray:
			return errors.New("its frame rate is not constant")
		case key:
			last = at
		}
		n++
	}
	if n == 0 {
		return errors.New("its key frames cannot be found")
	}
	return nil
}

// copyArgs are ffmpeg's to hand a file's video on. The byte stream of H.264 gets access unit delimiters, and its parameter sets before each
// key frame.
func copyArgs(c copied) []string {
	args := []string{"-map", "0:v:0", "-c:v", "copy"}
	if c.codec == "h264" {
		args = append(args, "-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert")
	}
	return args
}

// rate is pictures per second, as a fraction.
type rate struct{ over, under int64 }

// rateOf is that of what is sent of a codec.
func rateOf(o Publish, codec videoCodec) rate {
	if c := o.copied; c != nil && c.codec == codec.name && c.fps != "" {
		return rateOfText(c.fps)
	}
	return rate{int64(o.FPS), 1}
}

// rateOfText reads a fraction that is one.
func rateOfText(s string) rate {
	over, under, _ := strings.Cut(s, "/")
	n, _ := strconv.ParseInt(over, 10, 64)
	d, _ := strconv.ParseInt(under, 10, 64)
	return rate{n, d}
}

// time is when the picture of a number is shown.
func (r rate) time(n int) time.Duration {
	return time.Duration(float64(n) * float64(r.under) / float64(r.over) * float64(time.Second))
}
