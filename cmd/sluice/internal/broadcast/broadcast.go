package broadcast

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

const (
	frameInterval = time.Second / 30 // pace of the fillers
	drainWithin   = 8 * time.Second  // ffmpeg's time to write its last segments
	firstWithin   = 10 * time.Second // for the first publisher to be offered; it may have left while the timeline was opened
	returnWithin  = 15 * time.Second // beyond linger, for the first packet of who is about to publish by then

	// StatusEvery is how old a status may be.
	StatusEvery = time.Second
)

// ErrHandedOver is the cause with which the context of Run is canceled where another process goes on with the stream: it is left as with
// KeepOnStop.
var ErrHandedOver = errors.New("another process goes on with it")

// ErrEnded is returned to whoever comes to a broadcast that has just come to its end.
var ErrEnded = errors.New("the broadcast has ended")

// Broadcast carries one stream from its first publisher to its end: it reads the publisher's taps, has depay make
// frames of them, and feeds ffmpeg and the source recording. It outlives its publishers, which come and go.
//
// Everything in it is used by the one goroutine of Run, but for what the exported methods and requestKeyFrame use.
type Broadcast struct {
	options  Options
	log      *slog.Logger
	started  time.Time // when the stream began
	begun    time.Time // when Run was called
	timeline *packager.Stream

	input      *input                      // nil while nobody publishes
	expected   []*input                    // that are about to publish, in their order
	offered    bool                        // somebody has been expected
	told       bool                        // that it has begun: by this process, or by one before it
	videoTrack atomic.Pointer[media.Track] // the publisher's, nil where there is none; for requestKeyFrame
	away       time.Time                   // since when nobody publishes; zero before the first publisher
	source     *source                     // of the recording, while there is one
	newest     depay.Frame                 // of video that needs no other, of those that were received
	meter      meter                       // of the video as received

	run             *run        // nil while no ffmpeg runs
	intake          *intake     // of the newest run
	video, audio    depay.Codec // what the newest run reads, which viewers have had from then on
	ladder          ladder
	growth          growth
	passthrough     passthrough
	simulcast       simulcast
	transform       transcode.Transform
	transformReason string    // why one is not made any more, else ""
	failures        int       // of ffmpeg in a row
	retryAt         time.Time // when the next ffmpeg starts, while run is nil
	restarts        int       // of ffmpeg
	runs            int       // of ffmpeg, those that did not start too

	yields     chan struct{} // another node goes on with it; capacity 1
	offers     chan *session.Publisher
	arrivals   chan *input // that have begun, or have gone without
	transforms chan transcode.Transform
	recordings chan struct{} // another recording has begun, or one has been stopped; capacity 1
	done       chan struct{} // closed when Run has returned
	status     atomic.Pointer[Status]
	faces      atomic.Pointer[Faces]
}

// New makes the broadcast of a timeline that has just been opened. It goes on once Run is called, and answers before.
func New(o Options) *Broadcast {
	b := &Broadcast{
		options: o, timeline: o.Timeline,
		log:         o.Logger.With("stream", o.Stream),
		started:     o.Timeline.Info().Started, // before a restart of the service, when this continues what that has cut
		ladder:      newLadder(o.Ladder, o.Timeline.Info().Renditions...).after(o.Timeline.Before()),
		passthrough: passthrough{fps: normalFPS},
		yields:      make(chan struct{}, 1),
		offers:      make(chan *session.Publisher),
		arrivals:    make(chan *input),
		transforms:  make(chan transcode.Transform),
		recordings:  make(chan struct{}, 1),
		done:        make(chan struct{}),
	}
	b.meter.log = b.log
	b.source = newSource(o.Timeline.Recording, o.RecordIVF, b.log)
	b.faces.Store(&Faces{newer: make(chan struct{})})
	b.told = b.playable() || len(o.Timeline.Before()) > 0
	b.publishStatus(StateStarting, nil)
	return b
}

// Stream returns the name under which the broadcast is published and watched.
func (b *Broadcast) Stream() string { return b.options.Stream }

// Started returns when the broadcast began: before a restart of the service, if it goes on with what that has cut.
func (b *Broadcast) Started() time.Time { return b.started }

// Status returns how the broadcast is, as of the last second.
func (b *Broadcast) Status() *Status { return b.status.Load() }

// Info is the packager's side of the broadcast.
func (b *Broadcast) Info() packager.Info { return b.timeline.Info() }

// Done is closed when the broadcast has come to its end.
func (b *Broadcast) Done() <-chan struct{} { return b.done }

// Ended reports whether the broadcast has come to its end.
func (b *Broadcast) Ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// Offer hands over who is about to publish. ErrEnded says that the broadcast has ended meanwhile and another must be made.
func (b *Broadcast) Offer(ctx context.Context, p *session.Publisher) error {
	select {
	case b.offers <- p:
		return nil
	case <-b.done:
		return ErrEnded
	case <-ctx.Done():
		return errors.New("the stream is still ending: try again in a few seconds")
	}
}

// Run carries the broadcast until its publisher has been away for longer than linger, it fails, or ctx ends. The error is why it has
// failed.
func (b *Broadcast) Run(ctx context.Context) error {
	defer close(b.done)
	b.begun = time.Now()
	b.log.Info("stream has begun")
	b.source.start()
	var err error
	if fault := panics.Contain(b.log, "the stream", func() { err = b.loop(ctx) }); fault != nil {
		err = fault
		b.drop(err)
	}
	if errors.Is(err, errYielded) {
		return b.leave()
	}
	handed := errors.Is(context.Cause(ctx), ErrHandedOver)
	published, suspend := b.input != nil, ctx.Err() != nil && (b.options.KeepOnStop || handed)
	if published && handed {
		b.input.Close(ErrHandedOver.Error()) // at once, so that it is on its way to the other process while this one ends its ffmpeg
	}
	if fault := panics.Contain(b.log, "the stream", func() { b.finish(err, suspend) }); fault != nil {
		err = fault
		b.abandon(fault)
	}
	switch {
	case err != nil || !suspend:
		b.tellEnd(err, ctx.Err() != nil)
	case published:
		b.tellInterrupted("the service is started anew")
	}
	return err
}

// drop parts from the publisher without reading what it has sent, which may be what the loop has failed of.
func (b *Broadcast) drop(cause error) {
	if in := b.input; in != nil {
		in.Close(cause.Error())
		in.close()
		b.input = nil
	}
}

// abandon leaves what cannot be finished: no ffmpeg stays, and nobody waits for the stream.
func (b *Broadcast) abandon(cause error) {
	if b.run.works() {
		b.run.cancel()
	}
	b.drop(cause)
	_ = panics.Contain(b.log, "the end of the stream", func() {
		_ = b.timeline.End() // what it says is less than what has been logged
		b.publishStatus(StateFailed, cause)
	})
}

func (b *Broadcast) loop(ctx context.Context) error {
	fill, report := time.NewTicker(frameInterval), time.NewTicker(StatusEvery)
	defer fill.Stop()
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.yields:
			return errYielded
		case p := <-b.offers:
			b.expect(p)
		case in := <-b.arrivals:
			b.arrived(in)
		case t := <-b.transforms:
			b.setTransform(t)
		case <-b.recordings:
			b.recordAnew()
		case <-b.input.videoReady():
			b.readTap(depay.Video, b.input.video)
		case <-b.input.audioReady():
			b.readTap(depay.Audio, b.input.audio)
		case err := <-b.run.exited():
			if err := b.runEnded(err); err != nil {
				return err
			}
		case <-fill.C:
			if ended, err := b.tick(time.Now()); ended || err != nil {
				return err
			}
		case now := <-report.C:
			b.govern(now)
			b.publishStatus(b.state(), nil)
		}
	}
}

// tick fills the pipes, and sees what has changed: a publisher that left, a stream that nobody came back to, an ffmpeg to restart.
func (b *Broadcast) tick(now time.Time) (ended bool, err error) {
	b.readTaps() // what has come is not missing
	b.intake.tick(now, b.input != nil && b.input.heard || b.playable())
	b.run.tick(now)
	if b.input.gone() {
		reason := b.input.Err()
		b.detach(now, nil)
		b.tellInterrupted(reason.Error())
	}
	if b.abandoned(now) {
		return true, nil
	}
	return false, b.tickRun(now)
}

// abandoned reports whether there has been no publisher for too long. Where nobody has ever published there is nothing to wait for once
// those who were about to have gone.
func (b *Broadcast) abandoned(now time.Time) bool {
	waits := b.options.Linger
	switch expected := len(b.expected) > 0; {
	case b.input != nil, b.away.IsZero() && expected:
		return false
	case b.away.IsZero():
		return b.offered || now.Sub(b.begun) > firstWithin
	case expected:
		waits += returnWithin
	}
	return now.Sub(b.away) >= waits
}

// tickRun begins another run where the one that there is no longer fits, or where there is none.
func (b *Broadcast) tickRun(now time.Time) error {
	if why := b.whyPassOnNow(now); why != "" {
		b.log.Info("ffmpeg is started anew", "because", why)
		b.passthrough.quiet = false
		b.restartRun()
	}
	switch disk := b.options.Disk(); {
	case b.run != nil && disk.Loses:
		return b.runEnded(errUnwritable)
	case b.run.incomplete():
		return b.runEnded(errIncomplete)
	case b.run == nil && !b.retryAt.IsZero() && !now.Before(b.retryAt) && disk.Fault == "":
		b.retryAt = time.Time{}
		b.startRun()
		b.requestKeyFrame()
	}
	return nil
}

// finish drains in the direction of the data: tap, pipes, ffmpeg, last segments, playlists, recording. With suspend the
// playlists stay open for the next process.
func (b *Broadcast) finish(cause error, suspend bool) {
	if cause != nil {
		b.log.Error("stream has failed", "error", cause)
		if b.input != nil {
			b.input.Close(cause.Error())
		}
	}
	b.dismiss(cmp.Or(cause, ErrEnded))
	b.detach(time.Now(), cmp.Or(cause, ErrEnded))
	b.endRun(nil)
	b.source.Close()
	state, end := StateEnded, b.timeline.End
	switch {
	case cause != nil:
		state = StateFailed
	case suspend:
		state, end = StateInterrupted, b.timeline.Suspend
	}
	if err := end(); err != nil {
		b.log.Error("timeline has not ended cleanly", "error", err)
	}
	b.publishStatus(state, cause)
}
