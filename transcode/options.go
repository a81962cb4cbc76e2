package transcode

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// Defaults of Options.
const (
	DefaultFFmpeg       = "ffmpeg"
	DefaultAudioBitrate = 128_000
	DefaultSegment      = 2 * time.Second
	DefaultPart         = 200 * time.Millisecond
	DefaultKeyFrames    = time.Second
	DefaultBuffer       = 300 * time.Millisecond
	DefaultWindow       = 10 * time.Minute
	DefaultThumbnail    = 10 * time.Second
	DefaultStall        = 2 * time.Second
	DefaultGrace        = 3 * time.Second
)

// Options of one ffmpeg run. Dir and at least one of Video and Audio are needed; the rest has defaults.
type Options struct {
	// FFmpeg is the program: a path, or a name looked up in PATH. Default "ffmpeg".
	FFmpeg string
	// Dir is the existing directory that everything is written to. No other run may have written there.
	Dir string
	// Video and Audio are the codecs of the inputs, 0 for an input that is not there. Pictures may be VP8, VP9, H.264
	// (access units as Annex B of the standard has them, parameter sets with each key frame, no B-frames) and AV1
	// (temporal units, the sequence header with each key frame); audio is Opus.
	Video, Audio depay.Codec
	// Width and Height go into the IVF header, in pixels. Only a hint: every key frame states its own size. Default
	// 640x480. With Passthrough, they are its own.
	Width, Height int
	// Ladder is the renditions, the best first; each costs an encode. Default DefaultLadder, or none with Passthrough. Not
	// used without Video.
	Ladder Ladder
	// Encoder makes the renditions of H.264. Default: x264.
	Encoder Encoder
	// Passthrough, if it has a name, describes video of H.264, VP9 or AV1 that becomes a rendition as it is, before those of the ladder, and
	// cost about as much as the audio; see PassthroughOf. FPS is the constant rate that they are put on, and must be that of every rendition
	// of the ladder; Bitrate is what they may be announced with, though nobody holds them to it. Without Ladder there are no
	// others. Not used without Video. A run that can pass video through no longer ends with a PassthroughError. Renditions of the ladder can be layers of
	// a simulcast, passed through likewise: they show the same pictures, and must have their key frames at the same ones.
	Passthrough Rendition
	// LateKeyFrames is how long after the end of a segment the publisher's key frame may come with which the next one begins. It
	// makes segments up to so much longer, which the playlists must have room for. Default, and most, is half a segment: that is
	// how far segments may be from their time in an MPD that has no timeline of them (DASH-IF timing model). Only with Passthrough.
	LateKeyFrames time.Duration
	// Earlier are the pictures that the first one written needs, from a key frame on, where the run begins in the middle of a group: up to
	// MaxEarlier of layer 0. They are decoded at once, and only the last is shown, from media time 0 on; their own time stamps do not count,
	// and those of what is written must be greater than their number. Default none. Not with Passthrough.
	Earlier []depay.Frame
	// Transform is made to the video before it is encoded; Title is what TransformClock shows before the time, of the grammar
	// of streams' names. Logo is the path of a PNG that TransformLogo shows. Default none. Not with Passthrough.
	Transform   Transform
	Title, Logo string
	// Faces finds those that TransformFaces draws; OnFaces, if set, hears of each picture that was searched, from a goroutine of Run. It must
	// not block.
	Faces   *FaceFinder
	OnFaces func(FacesFound)
	// Offset is added to the time stamps of all that is written, so that decode times go on from an earlier run: its media begins at that
	// time and not at 0. It must be a whole number of milliseconds, and of ticks in every track. Default 0.
	Offset time.Duration
	// AudioBitrate of the AAC in bit/s. Default 128,000.
	AudioBitrate int
	// Segment is the duration of a segment, Part that of a fragment within it: how long a viewer waits for more bytes.
	// Defaults 2 s and 0.2 s. Audio keeps them to within one AAC frame (1,024 samples).
	Segment, Part time.Duration
	// KeyFrames is the interval between IDR pictures; a segment must be a whole number of them. A shorter one lets
	// players start sooner and costs a few percent of quality at the same bitrate. Default 1 s.
	KeyFrames time.Duration
	// Buffer is how much of a rendition's bitrate its encoder may spend at once (the VBV of x264): a shorter one makes key frames that take
	// less time to reach a viewer, and look worse. Default 300 ms.
	Buffer time.Duration
	// Window is how much media ffmpeg lists in its own manifests and then keeps on disk after that: as much again. It
	// bounds those manifests and the disk when nobody else deletes. Make it several times what viewers are shown: ffmpeg
	// must never delete what is listed. Default 10 min.
	Window time.Duration
	// Thumbnail is the interval at which thumbnail.jpg is renewed, by a short ffmpeg run of its own; negative for none. Costs
	// about 80 ms of CPU each time. Default 10 s.
	Thumbnail time.Duration
	// Stall is how long ffmpeg may be fed and do nothing before the run ends with ErrStalled; five times that while it
	// starts, uses the CPU and reports nothing, or leaves a full pipe unread. Default 2 s.
	Stall time.Duration
	// MaxLag is how far ffmpeg may be behind what it is given: beyond it for seconds, and not catching up, it is killed, and
	// the run ends with a SlowError. Default 0: it may be as late as it likes, and pictures are dropped.
	MaxLag time.Duration
	// Log is a file to be made for ffmpeg's command, all that it says (bounded) and its end. Default "": none.
	Log string
	// Grace is how long ffmpeg may take to finish once its inputs are closed by the end of the context, and again once
	// it was told to terminate, before it is killed. Default 3 s.
	Grace time.Duration
	// Logger gets ffmpeg's warnings (at debug level) and the run's beginning and end. Default: none.
	Logger *slog.Logger
	// OnProgress, if set, is called about twice a second from one goroutine of Run. It must not block.
	OnProgress func(Progress)
	// RequestKeyFrame, if set, is called by WriteFrame while video is dropped: pictures flow again at the next key frame, and
	// the last one is repeated until then. With Passthrough it is also called from a goroutine of Run, once in each interval of KeyFrames
	// that no key frame has begun, and twice a second until one comes. It must not block.
	RequestKeyFrame func()
}

// withDefaults returns o with every zero field that has a default filled in.
func (o Options) withDefaults() Options {
	o.FFmpeg = orDefault(o.FFmpeg, DefaultFFmpeg)
	if o.passesThrough() {
		o.Width, o.Height = o.Passthrough.Width, o.Passthrough.Height
	}
	o.Width = orDefault(o.Width, 640)
	o.Height = orDefault(o.Height, 480)
	o.AudioBitrate = orDefault(o.AudioBitrate, DefaultAudioBitrate)
	o.Segment = orDefault(o.Segment, DefaultSegment)
	o.Part = orDefault(o.Part, DefaultPart)
	o.KeyFrames = orDefault(o.KeyFrames, DefaultKeyFrames)
	o.Buffer = orDefault(o.Buffer, DefaultBuffer)
	o.Window = orDefault(o.Window, DefaultWindow)
	o.Thumbnail = orDefault(o.Thumbnail, DefaultThumbnail)
	o.Stall = orDefault(o.Stall, DefaultStall)
	o.Grace = orDefault(o.Grace, DefaultGrace)
	o.Logger = orDefault(o.Logger, slog.New(slog.DiscardHandler))
	if o.Ladder == nil && !o.passesThrough() {
		o.Ladder = DefaultLadder()
	}
	if o.passesThrough() {
		o.LateKeyFrames = orDefault(o.LateKeyFrames, o.Segment/2)
	}
	return o
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// OptionError is one fault of Options.
type OptionError struct {
	Option string // the field's name, such as "Part"
	Reason string // what is wrong and what is allowed
}

// Error is the fault in one line.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// Validate returns every fault of the options with their defaults filled in, joined, each an [*OptionError].
func (o Options) Validate() error {
	_, decodes := decoderOf(o.Video)
	ladder := "Ladder"
	if o.Ladder == nil {
		ladder = "Part" // nobody has chosen the ladder, so that the other has to change
	}
	o = o.withDefaults()
	var faults optionFaults
	faults.want(o.Dir != "", "Dir", "is missing")
	faults.want(o.Video != 0 || o.Audio != 0, "Video", "there is neither video nor audio")
	faults.want(o.Video == 0 || decodes, "Video", "%v is none of VP8, VP9, H264 and AV1", o.Video)
	faults.want(o.Audio == 0 || o.Audio == depay.Opus, "Audio", "%v is not Opus", o.Audio)
	faults.want(inRange(o.Width, 1, 16383) && inRange(o.Height, 1, 16383), "Width", "%dx%d: both sides must be between 1 and 16383", o.Width, o.Height)
	faults.want(inRange(o.AudioBitrate, 32_000, 512_000), "AudioBitrate", "%s is not between 32k and 512k", rate(o.AudioBitrate))
	faults.want(inRange(o.Window, 10*o.Segment, 48*time.Hour), "Window", "%v is not between 10 segments and 48h", o.Window)
	faults.want(inRange(o.Buffer, 100*time.Millisecond, 2*time.Second), "Buffer", "%v is not between 100ms and 2s", o.Buffer)
	faults.want(o.Stall > 0 && o.Grace > 0, "Stall", "%v, and grace %v, must be more than 0", o.Stall, o.Grace)
	faults.want(o.Offset >= 0 && o.Offset%time.Millisecond == 0, "Offset", "%v must be whole milliseconds and not negative", o.Offset)
	faults.want(o.MaxLag >= 0, "MaxLag", "%v must not be negative", o.MaxLag)
	o.validateGrid(&faults)
	faults.add("Transform", o.validateTransform())
	faults.add("Earlier", o.validateEarlier())
	switch {
	case o.passesThrough():
		faults.add("Passthrough", o.validatePassthrough())
		faults.add("Ladder", o.validateLayers())
	case o.Video != 0:
		faults.add("Ladder", o.Ladder.Validate())
		faults.add("Ladder", o.Ladder.validateCodecs())
		faults.add(ladder, o.wholePictures())
		faults.want(len(o.encoded()) == len(o.Ladder), "Ladder", "a rendition is a layer, and the video is not passed through")
	}
	return errors.Join(faults...)
}

// optionFaults gathers what is wrong with Options.
type optionFaults []error

// want records a fault unless ok.
func (f *optionFaults) want(ok bool, option, format string, args ...any) {
	if !ok {
		*f = append(*f, &OptionError{option, fmt.Sprintf(format, args...)})
	}
}

// add records each of the errors that err joins.
func (f *optionFaults) add(option string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			f.add(option, e)
		}
		return
	}
	f.want(err == nil, option, "%v", err)
}

// passesThrough reports whether video is passed through.
func (o Options) passesThrough() bool { return o.Video != 0 && o.Passthrough.Name != "" }

// validatePassthrough says what is wrong with a run that passes video through. Segments are cut at whole pictures there, whatever the rate.
func (o Options) validatePassthrough() error {
	faults := []error{append(Ladder{o.Passthrough}, o.Ladder...).Validate(), o.Passthrough.wholeTicks()}
	if newPassthroughCodec(o.Video, 0) == nil {
		faults = append(faults, fmt.Errorf("video codec %v: only H264, VP9 and AV1 are passed through", o.Video))
	}
	if !inRange(o.LateKeyFrames, 1, o.Segment/2) {
		faults = append(faults, fmt.Errorf("key frames up to %v late: must be up to half a segment, %v", o.LateKeyFrames, o.Segment/2))
	}
	for _, r := range o.Ladder {
		if !r.Codec.Beside() {
			faults = append(faults, fmt.Errorf("rendition %q: %s cannot have its key frames where the source has them", r.Name, r.Codec))
		}
		if r.FPS != o.Passthrough.FPS {
			faults = append(faults, fmt.Errorf("rendition %q: %d fps beside a source of %d fps", r.Name, r.FPS, o.Passthrough.FPS))
		}
	}
	return errors.Join(faults...)
}

// validateLayers says what is wrong with the renditions that are layers.
func (o Options) validateLayers() error {
	var faults []error
	layers := o.layers()
	if len(layers) > maxLayers {
		faults = append(faults, fmt.Errorf("%d layers beside the best: must be up to %d", len(layers), maxLayers))
	}
	taken := map[int]bool{}
	for _, r := range layers {
		if r.Layer < 0 || taken[r.Layer] || o.Video != depay.H264 {
			faults = append(faults, fmt.Errorf("rendition %q: layer %d of %v: must be one of H264, counted from 1, that no other rendition is", r.Name, r.Layer, o.Video))
		}
		taken[r.Layer] = true
	}
	return errors.Join(faults...)
}

// layers are the renditions that are layers of their own, passed through.
func (o Options) layers() (layers Ladder) {
	if !o.passesThrough() {
		return nil
	}
	for _, r := range o.Ladder {
		if r.Layer != 0 {
			layers = append(layers, r)
		}
	}
	return layers
}

// encoded are the renditions that are encoded.
func (o Options) encoded() (renditions Ladder) {
	for _, r := range o.Ladder {
		if r.Layer == 0 {
			renditions = append(renditions, r)
		}
	}
	return renditions
}

// videoInputs is how many inputs the video has.
func (o Options) videoInputs() int {
	if o.Video == 0 {
		return 0
	}
	return 1 + len(o.layers())
}

// renditions are those of the video, the one that is passed through before the encoded ones.
func (o Options) renditions() Ladder {
	switch {
	case o.Video == 0:
		return nil
	case o.passesThrough():
		return append(Ladder{o.Passthrough}, o.Ladder...)
	}
	return o.Ladder
}

// usesEncoder reports whether something is encoded into H.264.
func (o Options) usesEncoder() bool {
	return o.Video != 0 && slices.ContainsFunc(o.encoded(), func(r Rendition) bool { return r.Codec == H264 })
}

// UsesHardware reports whether something is encoded by another encoder than x264 that may be taken instead.
func (o Options) UsesHardware() bool { return o.usesEncoder() && o.Encoder.Kind != Software }

// policy lets ffmpeg write where its segments go. It has no bound on CPU time, which it takes as long as the broadcast lasts: the watchdog
// and the lag say whether it does anything for that.
func (o Options) policy() sandbox.Policy {
	p := sandbox.Policy{Write: []string{o.Dir}}
	if o.Transform == TransformLogo {
		p.Read = []string{o.Logo}
	}
	if o.usesEncoder() {
		o.Encoder.allow(&p)
	}
	return p
}

func inRange[T int | time.Duration](v, least, most T) bool { return v >= least && v <= most }
