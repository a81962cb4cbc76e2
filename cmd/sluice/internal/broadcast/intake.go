package broadcast

import (
	"bytes"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
)

// intake makes frames of what publishers send: for one run of ffmpeg after another, as long as these read the same codecs, and for the source
// recording, which goes on between them. So a run that begins in the middle of a group of pictures has those that came before, and its
// audio and video stay as sender reports have put them.
//
// Its methods do nothing on a nil intake.
type intake struct {
	*depay.Depacketizer
	video, audio  depay.Codec
	parameterSets [][]byte
	layers        int

	gop      gop
	shown    int64             // PTS of the newest picture, of fillers too
	to       func(depay.Frame) // the run that gets all frames; nil while there is none
	received func(f depay.Frame, zero time.Time)
}

// newIntake makes the intake of a run that reads so many layers beside the best one.
func newIntake(o runOptions, layers int) (*intake, error) {
	in := &intake{video: o.video, audio: o.audio, parameterSets: o.parameterSets, layers: layers, received: o.received}
	var err error
	in.Depacketizer, err = depay.New(depay.Options{
		Video: o.video, Audio: o.audio, Layers: layers,
		H264ParameterSets: o.parameterSets,

		FrameInterval:   frameInterval,
		Slate:           o.slate,
		Opening:         o.opening,
		Emit:            in.emit,
		RequestKeyFrame: o.requestKeyFrame,
	})
	return in, err
}

// carriesOn reports whether another run may go on with the intake: one that reads the same, which shows the picture after the newest.
func (in *intake) carriesOn(o runOptions) bool {
	return in != nil && o.simulcast == nil && in.layers == 0 && len(in.gop.frames) > 0 &&
		in.video == o.video && in.audio == o.audio && slices.EqualFunc(in.parameterSets, o.parameterSets, bytes.Equal)
}

// emit gets each frame from the depacketizer.
func (in *intake) emit(f depay.Frame) {
	if f.Codec == in.video && f.Layer == 0 {
		in.gop.add(f)
		in.shown = f.PTS
	}
	if !f.Filler && f.Layer == 0 {
		zero, _ := in.Zero()
		in.received(f, zero)
	}
	if in.to != nil {
		in.to(f)
	}
}

// push hands one packet of a tap to the depacketizer.
func (in *intake) push(kind depay.Kind, p *media.Packet) {
	switch {
	case in == nil:
	case p.Report != nil:
		in.SenderReport(kind, p.Report.NTP, p.Report.RTPTime, p.Arrival)
	default:
		in.Push(kind, &p.RTP, p.Arrival)
	}
}

// tick fills what is missing, once the broadcast has begun.
func (in *intake) tick(now time.Time, begun bool) {
	if in == nil {
		return
	}
	if _, running := in.Zero(); begun || running {
		in.Tick(now)
	}
}

// detach has the fillers stand for a publisher that has left.
func (in *intake) detach(now time.Time) {
	if in != nil {
		in.Detach(now)
	}
}
