package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

const (
	keyFrameWithin = 1500 * time.Millisecond // for the key frame that passthrough begins with
	rateWithin     = 200 * time.Millisecond  // for the frames behind it that show the rate
	maxHeld        = 512                     // frames that wait
)

// errIncomplete is why an ffmpeg is stopped whose files have a hole.
var errIncomplete = errors.New("some of what ffmpeg has written is missing on the disk")

// run is one unbroken ffmpeg run with what feeds it and what it writes: a Depacketizer, a Job, an Epoch. It knows of its broadcast
// what runOptions say. Its methods do nothing on a nil run, so that a broadcast between two runs need not ask.
type run struct {
	runOptions
	began  time.Time
	depay  *depay.Depacketizer
	job    *transcode.Job // nil before ffmpeg is started
	epoch  *live.Epoch
	exit   chan error // receives what Job.Run returned or why it could not start, once
	cancel context.CancelFunc
	zero   time.Time     // instant of PTS 0, once a frame is out
	placed bool          // lead is known
	lead   time.Duration // by how much ffmpeg gets everything later, so that its media begins where the epoch before ended

	made        transcode.Options
	encoded     int           // renditions
	passthrough bool          // video is passed on as it is
	waits       bool          // for the key frames to begin that with
	held        []depay.Frame // meanwhile
	entryAt     time.Time     // when those had come
	videoAt     time.Time     // when the newest frame of video was received

	layers layers
}

// runOptions are what a run is made with.
type runOptions struct {
	video, audio    depay.Codec
	parameterSets   [][]byte     // of the publisher's offer, when it sends H.264
	simulcast       *media.Track // whose layers are read beside the best one; nil for none
	slate, opening  []byte       // key frames, see depay.Options
	requestKeyFrame func()       // asks the publisher for one

	timeline *packager.Stream
	wall     func(time.Time) time.Time      // puts an instant on the clock of playlists
	logFile  func(epoch *live.Epoch) string // where ffmpeg's words are kept; "" for nowhere
	// received gets each frame that the publisher has sent, of the best layer only, and the instant of PTS 0.
	received func(f depay.Frame, zero time.Time)
	// plan says what ffmpeg is to make, with the key frames that passthrough can begin with, if there are any.
	plan func(from entry) plan
	// missed hears that those have not come when they were asked for: only those of the layers, or none.
	missed func(onlyLayers bool)

	log *slog.Logger
}

// plan says what one ffmpeg is to make.
type plan struct {
	job         transcode.Options // but for Dir and Log
	epoch       timeline.EpochOptions
	passthrough bool // beginning with the entry that the plan was made for
}

// newRun makes what reads the tracks. ffmpeg is to be started for it.
func newRun(o runOptions) (*run, error) {
	r := &run{runOptions: o, began: time.Now(), exit: make(chan error, 1)}
	if o.simulcast != nil {
		r.layers.tap(o.simulcast)
	}
	var err error
	r.depay, err = depay.New(depay.Options{
		Video: o.video, Audio: o.audio, Layers: len(r.layers.taps),
		H264ParameterSets: o.parameterSets,

		FrameInterval:   frameInterval,
		Slate:           o.slate,
		Opening:         o.opening,
		Emit:            r.emit,
		RequestKeyFrame: o.requestKeyFrame,
	})
	if err != nil {
		r.layers.close()
		return nil, fmt.Errorf("set up the depacketizer: %w", err)
	}
	return r, nil
}

// failedRun stands for a run that could not start; it has exited already.
func failedRun(video, audio depay.Codec, cause error) *run {
	r := &run{runOptions: runOptions{video: video, audio: audio}, began: time.Now(), exit: make(chan error, 1)}
	r.exit <- cause
	return r
}

// waitForEntry has the run hold its frames until there are key frames that passthrough can begin with.
func (r *run) waitForEntry() {
	r.waits = true
	r.requestKeyFrame()
}

// startIfComplete starts ffmpeg once all layers have a key frame of the same picture, and the rate of what comes has been seen or
// waited for.
func (r *run) startIfComplete(now time.Time) {
	e := entryOf(r.held)
	if !e.found() || len(e.layers) < len(r.layers.taps) {
		return
	}
	if r.entryAt.IsZero() {
		r.entryAt = now
	}
	if e.span != 0 || isAlternative(r.video) || now.Sub(r.entryAt) > rateWithin {
		r.start(e)
	}
}

// startAnyway starts ffmpeg without the layers that have no key frame or, without any key frame, with black until one comes.
func (r *run) startAnyway() {
	e := entryOf(r.held)
	if e.found() || !r.videoAt.IsZero() {
		r.missed(e.found())
	}
	r.start(e)
}

// start starts ffmpeg, to pass on the video that begins with an entry or, without one, to encode it. A failure is told through exited.
func (r *run) start(from entry) {
	r.waits = false
	if err := r.startPlan(from, r.plan(from)); err != nil {
		r.job = nil
		r.exit <- err
	}
}

// startPlan opens an epoch and starts ffmpeg on it.
func (r *run) startPlan(from entry, p plan) (err error) {
	if r.passthrough = p.passthrough; p.passthrough {
		r.layers.try(from.layers)
		r.held = from.follows(r.held)
	}
	r.made, r.encoded = p.job, r.layers.keep(p.job.Ladder)
	if r.epoch, err = r.timeline.BeginEpoch(p.epoch); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	p.job.Dir, p.job.Log = r.epoch.Dir(), r.logFile(r.epoch)
	if r.job, err = transcode.NewJob(p.job); err != nil {
		_ = r.epoch.End()
		return fmt.Errorf("set up ffmpeg: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		var err error
		if fault := panics.Contain(r.log, "the run of ffmpeg", func() { err = r.job.Run(ctx) }); fault != nil {
			err = fault
		}
		r.exit <- err
	}()
	for _, f := range r.held {
		r.write(f)
	}
	r.held = nil
	return nil
}

// emit gets each frame from the depacketizer: all but late ones go to ffmpeg, the received ones to the broadcast.
func (r *run) emit(f depay.Frame) {
	if r.zero.IsZero() {
		r.zero, _ = r.depay.Zero()
	}
	if !f.Filler && f.Layer == 0 {
		if f.Codec == r.video {
			r.videoAt = time.Now()
		}
		r.received(f, r.zero)
	}
	switch {
	case f.Late:
	case r.job != nil:
		r.write(f)
	case r.waits:
		r.hold(f)
	}
}

// hold keeps a frame until ffmpeg is started, and starts it when there is what to begin with, or too much is held.
func (r *run) hold(f depay.Frame) {
	r.held = append(r.held, f)
	switch {
	case !f.Filler && f.Codec != depay.Opus && (f.Key || !r.entryAt.IsZero()):
		r.startIfComplete(time.Now())
	case len(r.held) >= maxHeld:
		r.startAnyway()
	}
}

// write hands a frame to ffmpeg; one of a layer that is no rendition is left out.
func (r *run) write(f depay.Frame) {
	if !r.layers.passes(f) {
		return
	}
	if !r.placed {
		r.placed = true
		r.lead = r.epoch.SetZero(r.wall(r.zero))
	}
	f.PTS += int64(r.lead) * f.Codec.ClockRate() / int64(time.Second)
	// An error here means that ffmpeg has gone, which exited tells with the reason.
	_ = r.job.WriteFrame(f)
}

// push hands one packet of a tap to the depacketizer.
func (r *run) push(kind depay.Kind, p *media.Packet) {
	switch {
	case !r.reads():
	case p.Report != nil:
		r.depay.SenderReport(kind, p.Report.NTP, p.Report.RTPTime, p.Arrival)
	default:
		r.depay.Push(kind, &p.RTP, p.Arrival)
	}
}

// readLayers reads all that has come of the layers.
func (r *run) readLayers() {
	switch {
	case r == nil:
	case r.reads():
		r.layers.read(r.depay)
	default:
		r.layers.read(nil)
	}
}

// reads reports whether frames are wanted: they are not once ffmpeg could not be started.
func (r *run) reads() bool { return r != nil && (r.job != nil || r.waits) }

// tick fills what is missing, once the broadcast has begun. A key frame that was waited for too long is waited for no more.
func (r *run) tick(now time.Time, begun bool) {
	if !r.reads() || !begun && r.zero.IsZero() {
		return
	}
	r.depay.Tick(now)
	switch {
	case !r.waits || r.zero.IsZero():
	case !r.entryAt.IsZero():
		r.startIfComplete(now)
	case now.Sub(r.zero) > keyFrameWithin:
		r.startAnyway()
	}
}

// detach has the fillers stand for a publisher that has left.
func (r *run) detach(now time.Time) {
	if r.reads() {
		r.depay.Detach(now)
	}
}

// fits reports whether the run has an input for each of the tracks.
func (r *run) fits(video, audio depay.Codec) bool {
	return (video == 0 || video == r.video) && (audio == 0 || audio == r.audio)
}

// works reports whether ffmpeg has been started.
func (r *run) works() bool { return r != nil && r.job != nil }

// exited receives once when ffmpeg has gone.
func (r *run) exited() <-chan error {
	if r == nil {
		return nil
	}
	return r.exit
}

// incomplete reports whether some of ffmpeg's media was lost on its way to the disk.
func (r *run) incomplete() bool { return r.works() && r.epoch != nil && r.epoch.Lossy() }

// end closes ffmpeg's inputs, waits for its last segments and closes the epoch. The error is ffmpeg's.
func (r *run) end() error {
	r.layers.close()
	if r.waits = false; r.job == nil {
		return nil
	}
	r.job.CloseInput()
	deadline := time.AfterFunc(drainWithin, r.cancel)
	defer deadline.Stop()
	failure := r.job.Wait()
	r.cancel()
	if err := r.epoch.End(); err != nil {
		r.log.Error("epoch has not ended cleanly", "error", err)
	}
	return failure
}
