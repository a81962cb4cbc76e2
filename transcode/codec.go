package transcode

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// Codec is what a rendition is encoded as.
type Codec string

// The codecs of renditions. Every player takes H.264; of the others a player takes what it can.
const (
	H264 Codec = ""     // by x264
	H265 Codec = "h265" // by x265, as hvc1
	AV1  Codec = "av1"  // by SVT-AV1
)

// Codecs are all but H264, in the order to show them.
func Codecs() []Codec { return []Codec{H265, AV1} }

// String is the codec's name.
func (c Codec) String() string {
	switch c {
	case H264:
		return "H.264"
	case H265:
		return "H.265"
	case AV1:
		return "AV1"
	}
	return fmt.Sprintf("codec %q", string(c))
}

// encoder is ffmpeg's name of what encodes the codec.
func (c Codec) encoder() string {
	switch c {
	case H265:
		return "libx265"
	case AV1:
		return "libsvtav1"
	}
	return "libx264"
}

// work is what encoding takes relative to x264's superfast, measured with 720p30 at 2.5 Mbit/s.
func (r Rendition) work() float64 {
	switch r.Codec {
	case H265:
		return 5.0
	case AV1:
		return 3.2
	}
	return presetUnits[max(presetWork(r.X264Preset()), 0)]
}

// Beside reports whether renditions of the codec can be encoded beside video that is passed through, whose encoder has to make key frames
// where it is told to. SVT-AV1 (1.4) makes them at its own interval alone.
func (c Codec) Beside() bool { return c != AV1 }

// args are the encoder's options that are the same for all renditions of the codec. Every encoder works without delay and without
// pictures that refer to later ones; only SVT-AV1 is some three pictures late.
func (c Codec) args() ffmpeg.KwArgs {
	args := ffmpeg.KwArgs{
		"c":        c.encoder(),
		"pix_fmt":  "yuv420p",
		"fps_mode": "cfr",

		// The matrix is what matrix makes it. Saying so is right and free, converting all to BT.709 is not.
		"colorspace": "smpte170m", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv",
	}
	switch c {
	case H264:
		args["tune"], args["profile"] = "zerolatency", "high"
		args["sc_threshold"] = 0 // key frames at the interval and nowhere else
	case H265:
		args["preset"], args["tune"], args["tag"] = "ultrafast", "zerolatency", "hvc1"
		args["forced-idr"] = 1
		args["x265-params"] = "scenecut=0:open-gop=0:info=0:log-level=error:pools=" + x265Threads
	case AV1:
		args["preset"], args["tag"] = 12, "av01"
		args["svtav1-params"] = "pred-struct=1:lookahead=0:rc=2" // low delay, constant rate
	}
	return args
}

// x265Threads are those of one encoder, which work on the rows of one picture: more than eight find nothing to do. Without a number it
// would count the cores where it may not look, and take one.
const x265Threads = "8"

// addLadderArgs adds the options of a ladder that is encoded as a whole.
func (o Options) addLadderArgs(args ffmpeg.KwArgs) {
	one := len(o.Ladder.Alternates()) == 0
	if one {
		addEncoderArgs(args, o.Encoder, ":v")
	}
	for i, r := range o.Ladder {
		suffix := ":v:" + strconv.Itoa(i)
		if !one {
			r.addCodecArgs(args, o.Encoder, suffix)
		}
		r.addArgs(args, o.Encoder, suffix, r.group(o.KeyFrames), o.rateControl())
	}
}

// addEncoderArgs adds what is the same for all renditions of H.264.
func addEncoderArgs(args ffmpeg.KwArgs, e Encoder, suffix string) {
	for name, value := range e.args() {
		args[name+suffix] = value
	}
}

// addCodecArgs adds what is the same for all encoded renditions of the codec.
func (r Rendition) addCodecArgs(args ffmpeg.KwArgs, e Encoder, suffix string) {
	if r.Codec == H264 {
		addEncoderArgs(args, e, suffix)
		return
	}
	for name, value := range r.Codec.args() {
		args[name+suffix] = value
	}
}

// Alternates are the renditions that are not of H.264.
func (l Ladder) Alternates() Ladder {
	return slices.DeleteFunc(slices.Clone(l), func(r Rendition) bool { return r.Codec == H264 })
}

// validateCodecs says what is wrong with the codecs of a ladder that is encoded as a whole. Players begin with what comes first, and
// hls.js with the codec of the smallest rendition.
func (l Ladder) validateCodecs() error {
	var faults []error
	least, others := 0, false
	for _, r := range l {
		switch {
		case r.Codec != H264:
			others = true
			continue
		case others:
			faults = append(faults, fmt.Errorf("rendition %q: put those of H.264, which every player takes, before those of other codecs", r.Name))
		}
		if least == 0 || r.Height < least {
			least = r.Height
		}
	}
	for _, r := range l.Alternates() {
		if least == 0 || r.Height < least {
			faults = append(faults, fmt.Errorf("rendition %q: not every player takes %s: add a rendition of H.264 that is not larger", r.Name, r.Codec))
		}
	}
	return errors.Join(faults...)
}

// Missing says which encoders of the ladder this build lacks, and what to do, or nil.
func (b Build) Missing(l Ladder) error {
	var faults []error
	for _, r := range l {
		if name := r.Codec.encoder(); !b.encodes(name) {
			faults = append(faults, fmt.Errorf("rendition %q: ffmpeg %s was built without the encoder %s: apt-get install ffmpeg brings a build that has it; or make it one of H.264",
				r.Name, b.Version, name))
		}
	}
	return errors.Join(faults...)
}
