package broadcast

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

const (
	keyFrameWithin = 1500 * time.Millisecond // for the key frame that passthrough begins with
	answerWithin   = 500 * time.Millisecond  // for that, where encoding can begin without one
	rateWithin     = 200 * time.Millisecond  // for the frames behind it that show the rate
	maxHeld        = 512                     // frames that wait
)

// plan says what one ffmpeg is to make.
type plan struct {
	job         transcode.Options // but for Dir and Log
	epoch       timeline.EpochOptions
	passthrough bool // beginning with the entry that the plan was made for
}

// carryOn has the run go on with the intake of the one before: the first picture that is shown is the newest from before.
func (r *run) carryOn() {
	r.earlier = slices.Clone(r.intake.gop.frames)
	r.zero, _ = r.intake.Zero()
	r.shown, r.patience = r.intake.shown, r.intake.gop.nextWithin()
}

// place sets when the time of a run begins that goes on with an intake: with the key frame that it passes on, or such that there is room for
// the earlier pictures.
func (r *run) place(key depay.Frame) {
	switch {
	case r.earlier == nil:
	case r.passthrough:
		r.since, r.earlier = key.PTS/ticksPerMS, nil
	default:
		r.since = (r.shown-int64(len(r.earlier)))/ticksPerMS - 1
		r.held = slices.DeleteFunc(r.held, func(f depay.Frame) bool { return f.Codec == r.video && f.PTS <= r.shown })
	}
}

// ticksPerMS is the clock rate of video.
const ticksPerMS = 90

// waitForEntry has the run hold its frames until there are key frames that passthrough can begin with: one from before the run if it came
// so lately.
func (r *run) waitForEntry(within time.Duration) {
	r.waits = true
	if r.earlier == nil || !r.intake.gop.begunWithin(within) {
		r.requestKeyFrame()
		return
	}
	r.held = slices.Clone(r.earlier)
	r.startIfComplete(time.Now())
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

// startAnyway starts ffmpeg without the layers that have no key frame or, without any key frame, with the pictures from before the run, or
// else with black until one comes.
func (r *run) startAnyway() {
	e := entryOf(r.held)
	if r.earlier == nil && (e.found() || !r.videoAt.IsZero()) {
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
	r.place(from.key)
	r.made, r.encoded = p.job, r.layers.keep(p.job.Ladder)
	if r.epoch, err = r.timeline.BeginEpoch(p.epoch); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	p.job.Dir, p.job.Log, p.job.Earlier, p.job.Offset = r.epoch.Dir(), r.logFile(r.epoch), r.earlier, r.epoch.Offset()
	p.job.OnFaces = alsoInMedia(p.job.OnFaces, r.wall, r.epoch.Tell)
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
	r.held, r.earlier = nil, nil
	return nil
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
