package depay

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/depay/h264"
)

// Defaults of Options.
const (
	DefaultReorderWindow = 100 * time.Millisecond
	DefaultFrameInterval = time.Second / 30
	DefaultFillAfter     = 100 * time.Millisecond
)

// Bounds of Options.
const (
	maxReorderWindow = 2 * time.Second
	minFrameInterval = time.Second / 240
	maxFrameInterval = time.Second
	maxFillAfter     = 5 * time.Second
)

// Options configures a Depacketizer.
type Options struct {
	// Video and Audio are the codecs of the declared tracks: one of pictures or none, Opus or none. At least one is needed. Every
	// declared track has output all the time, so only what was negotiated may be declared.
	Video, Audio Codec

	// H264ParameterSets are NAL units without start code, as sprop-parameter-sets of the session description has them in
	// base64 (RFC 6184 §8.1). They hold for every source until it sends others, and are not to be changed afterwards. None:
	// they come with the pictures.
	H264ParameterSets [][]byte

	// Layers is how many more sizes of the same pictures there are, up to 3: the layers of a simulcast (RFC 8853) beside the one that is the
	// video track. What comes of them is emitted as it comes, and never filled. See PushLayer.
	Layers int

	// ReorderWindow is how long a packet waits for one before it that is missing, at most 2 s. It adds delay only where
	// packets are lost. Zero: 100 ms, one NACK interval and round trip; with a longer one the repaired frames would come
	// after the fillers that take their place.
	ReorderWindow time.Duration

	// FrameInterval is the distance between repeat frames, 1/240 s to 1 s. Tick is to be called once per interval.
	// Zero: 1/30 s.
	FrameInterval time.Duration

	// FillAfter is the age up to which Tick fills what is missing, at most 5 s. Less than the jitter of the network costs
	// fillers that were not needed; more delays the other track. Zero: 100 ms.
	FillAfter time.Duration

	// Slate is a key frame of Video that is shown from half a second after Detach on, or from the start while no publisher is
	// there, until the next publisher's picture comes. Empty: the newest picture stands still, and black is shown from the start.
	Slate []byte

	// Opening is a key frame of Video that is shown instead of black, and at once, for want of a publisher that sends pictures:
	// the newest of a Depacketizer before this one. One that cannot be shown is left out.
	Opening []byte

	// Emit takes each frame. It is called from Push, Tick and Detach, in order of PTS within a kind
	// (Frame.PTS). It may call Zero and
	// Stats, nothing else. Required.
	Emit func(Frame)

	// RequestKeyFrame asks the publisher for a key frame (RFC 4585 §6.3.1). It is called after a loss that breaks decoding
	// and until the key frame comes, at most once in 500 ms. Nil: nobody is asked.
	RequestKeyFrame func()
}

// Validate reports all faults of the options.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Video == 0 || newAssembler(o, nil, nil) != nil, "video codec %v is not taken", o.Video)
	check(o.Audio == 0 || o.Audio == Opus, "audio codec %v: only opus is taken", o.Audio)
	check(o.Video != 0 || o.Audio != 0, "no track is declared")
	for i, nal := range o.H264ParameterSets {
		_, err := new(h264.Sets).Add(nal)
		check(err == nil, "H.264 parameter set %d: %w", i, err)
	}
	check(o.ReorderWindow >= 0 && o.ReorderWindow <= maxReorderWindow,
		"reorder window %v: want 0 to %v", o.ReorderWindow, maxReorderWindow)
	check(o.FrameInterval == 0 || o.FrameInterval >= minFrameInterval && o.FrameInterval <= maxFrameInterval,
		"frame interval %v: want %v to %v", o.FrameInterval, minFrameInterval, maxFrameInterval)
	check(o.FillAfter >= 0 && o.FillAfter <= maxFillAfter, "fill after %v: want 0 to %v", o.FillAfter, maxFillAfter)
	check(len(o.Slate) == 0 || o.Video != 0, "slate of %d bytes: no video is declared", len(o.Slate))
	if a := newAssembler(o, nil, nil); len(o.Slate) > 0 && a != nil {
		_, _, err := a.adoptKeyFrame(o.Slate)
		check(err == nil, "slate: %v", err)
	}
	check(o.Layers >= 0 && o.Layers <= maxLayers && (o.Layers == 0 || o.Video != 0), "%d layers of video codec %v: want 0 to %d", o.Layers, o.Video, maxLayers)
	check(o.Emit != nil, "emit is nil: nobody takes the frames")
	return errors.Join(errs...)
}

// withDefaults returns the options with zero values replaced.
func (o Options) withDefaults() Options {
	o.ReorderWindow = cmp.Or(o.ReorderWindow, DefaultReorderWindow)
	o.FrameInterval = cmp.Or(o.FrameInterval, DefaultFrameInterval)
	o.FillAfter = cmp.Or(o.FillAfter, DefaultFillAfter)
	if o.RequestKeyFrame == nil {
		o.RequestKeyFrame = func() {}
	}
	return o
}
