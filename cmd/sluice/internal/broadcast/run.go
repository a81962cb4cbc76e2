package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// run is one unbroken ffmpeg run with what feeds it and what it writes: a Depacketizer, a Job, an Epoch.
// Its methods do nothing on a nil run, so that a broadcast between two runs need not ask.
type run struct {
	began        time.Time
	video, audio depay.Codec
	depay        *depay.Depacketizer
	job          *transcode.Job // nil before ffmpeg is started
	epoch        *packager.Epoch
	exit         chan error // receives what Job.Run returned or why it could not start, once
	cancel       context.CancelFunc
	broadcast    *Broadcast
	zero         time.Time     // instant of PTS 0, once a frame is out
	placed       bool          // lead is known
	lead         time.Duration // by how much ffmpeg gets everything later, so that its media begins where the epoch before ended

	rungs     int           // that are encoded
	copies    bool          // pictures are passed on as they are
	waits     bool          // for the key frames to begin that with
	held      []depay.Frame // meanwhile
	pictureAt time.Time     // when the newest picture was received

	layers layers
}

// newRun makes what reads the tracks. ffmpeg is to be started for it.
func newRun(b *Broadcast, video, audio depay.Codec) (*run, error) {
	e := &run{began: time.Now(), video: video, audio: audio, broadcast: b, exit: make(chan error, 1)}
	if b.mayLayer() {
		e.layers.tap(b.publisher.picture())
	}
	var err error
	e.depay, err = depay.New(depay.Options{
		Video: video, Audio: audio, Layers: len(e.layers.taps),
		H264ParameterSets: b.publisher.parameterSets(),

		FrameInterval:   frameInterval,
		Slate:           b.options.Slates[video],
		Opening:         b.opening(video),
		Emit:            e.emit,
		RequestKeyFrame: b.requestKeyFrame,
	})
	if err != nil {
		e.layers.close()
		return nil, fmt.Errorf("set up the depacketizer: %w", err)
	}
	return e, nil
}

// start opens an epoch and starts ffmpeg on it, to copy the pictures as the given rendition, and layers as rungs where they fit, or,
// without one, to encode them.
func (e *run) start(source transcode.Rendition, layers ...transcode.Rendition) error {
	e.waits = false
	b, o := e.broadcast, &e.broadcast.options
	rungs := b.ladder.beside(e.video, source, layers...)
	options := transcode.Options{
		FFmpeg: o.FFmpeg,
		Video:  e.video, Audio: e.audio,
		Copy: source, Ladder: rungs,
		Transform: b.transforming.to, Title: o.Stream, Logo: o.Logo,
		MaxLag:  b.ladder.maxLag(e.video, source, rungs),
		Segment: o.Segment, Part: o.Part, Window: ffmpegWindow(o.Segment),
		Logger:          b.log,
		RequestKeyFrame: b.requestKeyFrame,
	}
	e.rungs = e.layers.keep(rungs)
	described := packager.EpochOptions{
		Renditions: b.ladder.standIns(renditions(options)), KeyFrames: transcode.DefaultKeyFrames,
	}
	if e.copies = source.Name != ""; e.copies {
		options.LateKeyFrames = o.lateKeyFrames()
		described.LateKeyFrames, described.Lead = o.lateKeyFrames(), copyLead
	}
	if o.Passthrough && passable(e.video) {
		described.Room = o.lateKeyFrames()
	}
	var err error
	if e.epoch, err = b.timeline.BeginEpoch(described); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	options.Dir, options.Log = e.epoch.Dir(), b.logFile(e.epoch)
	if e.job, err = transcode.NewJob(options); err != nil {
		_ = e.epoch.End()
		return fmt.Errorf("set up ffmpeg: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	go func() { e.exit <- e.job.Run(ctx) }()
	for _, f := range e.held {
		e.write(f)
	}
	e.held = nil
	return nil
}

// failedRun stands for a run that could not start; it has exited already.
func failedRun(video, audio depay.Codec, cause error) *run {
	e := &run{began: time.Now(), video: video, audio: audio, exit: make(chan error, 1)}
	e.exit <- cause
	return e
}

// ffmpegWindow is how much ffmpeg lists, and keeps as long again: the packager gives each file a name of its own as soon as
// it is whole, and alone decides what goes. More would only fill the disk, as bytes go with the last of both names.
func ffmpegWindow(segment time.Duration) time.Duration { return max(time.Minute, 10*segment) }

// emit takes each frame from the depacketizer: all but late ones go to ffmpeg, the received ones to the source recording.
func (e *run) emit(f depay.Frame) {
	if e.zero.IsZero() {
		e.zero, _ = e.depay.Zero()
	}
	if !f.Filler && f.Layer == 0 {
		e.broadcast.source.write(f, e.zero, e.video, e.audio)
		e.broadcast.meter.count(f)
		e.see(f)
	}
	switch {
	case f.Late:
	case e.job != nil:
		e.write(f)
	case e.waits:
		e.held = append(e.held, f)
		switch {
		case f.Key && !f.Filler && f.Codec != depay.Opus:
			e.fail(e.keyed())
		case len(e.held) >= maxHeld:
			e.fail(e.giveUpCopy())
		}
	}
}

// see remembers what an encoding after this one may begin with.
func (e *run) see(f depay.Frame) {
	if f.Codec != e.video {
		return
	}
	e.pictureAt = time.Now()
	if f.Key {
		e.broadcast.newest = f
	}
}

// write hands a frame to ffmpeg; one of a layer that is no rung is left out.
func (e *run) write(f depay.Frame) {
	if !e.layers.passes(f) {
		return
	}
	if !e.placed {
		e.placed = true
		e.lead = e.epoch.SetZero(e.broadcast.options.Wall(e.zero))
	}
	f.PTS += int64(e.lead) * f.Codec.ClockRate() / int64(time.Second)
	// An error here means that ffmpeg has gone, which exited tells with the reason.
	_ = e.job.WriteFrame(f)
}

// fail tells, through exited, of an ffmpeg that could not be started.
func (e *run) fail(err error) {
	if err != nil {
		e.job = nil
		e.exit <- err
	}
}

// push hands one packet of the tap to the depacketizer.
func (e *run) push(kind depay.Kind, p *ingest.Packet) {
	switch {
	case !e.listens():
	case p.Report != nil:
		e.depay.SenderReport(kind, p.Report.NTP, p.Report.RTPTime, p.Arrival)
	default:
		e.depay.Push(kind, &p.RTP, p.Arrival)
	}
}

// drainLayers takes all that has come of the layers.
func (e *run) drainLayers() {
	switch {
	case e == nil:
	case e.listens():
		e.layers.drain(e.depay)
	default:
		e.layers.drain(nil)
	}
}

// listens tells whether frames are wanted: they are not once ffmpeg could not be started.
func (e *run) listens() bool { return e != nil && (e.job != nil || e.waits) }

// tick fills from the first packet of the broadcast on. A key frame that was waited for too long is waited for no more.
func (e *run) tick(now time.Time) {
	if !e.listens() || !(e.broadcast.publisher.heard() || e.broadcast.timelineLives() || !e.zero.IsZero()) {
		return
	}
	e.depay.Tick(now)
	if e.waits && !e.zero.IsZero() && now.Sub(e.zero) > keyFrameWithin {
		e.fail(e.giveUpCopy())
	}
}

func (e *run) detach(now time.Time) {
	if e.listens() {
		e.depay.Detach(now)
	}
}

// reads tells whether the encoding has an input for each of the tracks.
func (e *run) reads(video, audio depay.Codec) bool {
	return (video == 0 || video == e.video) && (audio == 0 || audio == e.audio)
}

// exited receives once when ffmpeg has gone.
func (e *run) exited() <-chan error {
	if e == nil {
		return nil
	}
	return e.exit
}

// errTorn is why an ffmpeg is stopped whose files have a hole.
var errTorn = errors.New("some of what ffmpeg has written is missing on the disk")

// torn tells whether some of ffmpeg's media was lost on its way to the disk.
func (e *run) torn() bool { return e != nil && e.epoch != nil && e.job != nil && e.epoch.Torn() }

// end closes ffmpeg's inputs, waits for its last segments and closes the epoch. The error is ffmpeg's.
func (e *run) end(log *slog.Logger) error {
	e.layers.close()
	if e.waits = false; e.job == nil {
		return nil
	}
	e.job.CloseInput()
	deadline := time.AfterFunc(drainWithin, e.cancel)
	defer deadline.Stop()
	failure := e.job.Wait()
	e.cancel()
	if err := e.epoch.End(); err != nil {
		log.Error("epoch has not ended cleanly", "error", err)
	}
	return failure
}

// renditions describes to the packager what ffmpeg is going to write, in the order in which viewers are offered it.
func renditions(o transcode.Options) []packager.Rendition {
	var renditions []packager.Rendition
	for _, r := range o.Representations() {
		if r.Audio {
			renditions = append(renditions, packager.Rendition{ID: "audio", Rep: r.ID, Bitrate: r.Bitrate})
			continue
		}
		renditions = append(renditions, packager.Rendition{
			ID: r.Rendition.Name, Rep: r.ID, Video: true, Bitrate: r.Bitrate,
			Width: r.Rendition.Width, Height: r.Rendition.Height, FPS: float64(r.Rendition.FPS), Copied: r.Copied,
		})
	}
	return inOrder(o.Video, renditions)
}
