package broadcast

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

const (
	frameInterval = time.Second / 30 // pace of the fillers
	StatusEvery   = time.Second      // how old a status may be
	drainWithin   = 8 * time.Second  // ffmpeg's time to write its last segments
	tapPackets    = 512              // per track: 2 s of a 2.5 Mbit/s picture
)

// ErrEnded is returned to whoever comes to a broadcast that has just come to its end.
var ErrEnded = errors.New("the broadcast has ended")

// Broadcast carries one stream from its first publisher to its end: it reads the publisher's taps, has depay make
// frames of them, and feeds ffmpeg and the source recording. It outlives its publishers, which come and go.
//
// Everything in it is used by the one goroutine of Run, but for what the exported methods and requestKeyFrame use.
type Broadcast struct {
	options  Options
	log      *slog.Logger
	started  time.Time
	timeline *packager.Timeline

	publisher *input                       // nil while nobody publishes
	picture   atomic.Pointer[ingest.Track] // the publisher's, nil where there is none; for requestKeyFrame
	away      time.Time                    // since when nobody publishes
	run       *run                         // nil while no ffmpeg runs
	videoIn   depay.Codec                  // what the newest run reads, which viewers have had from then on
	audioIn   depay.Codec
	source    *source // nil when nothing is recorded
	ladder    ladder
	copying   copying
	layering  layering
	newest    depay.Frame // that needs no other, of those that were received
	failures  int         // of ffmpeg in a row
	retryAt   time.Time   // when the next ffmpeg starts, while run is nil
	meter     meter       // of the frames as received
	restarts  int         // of ffmpeg
	runs      int         // of ffmpeg, those that did not start too

	transforming transforming
	transforms   chan transcode.Transform

	offers chan *ingest.Publisher
	done   chan struct{} // closed when Run has returned
	status atomic.Pointer[Status]
}

// New makes the broadcast of a timeline that has just been opened. It goes on once Run is called, and answers before.
func New(o Options) *Broadcast {
	b := &Broadcast{
		options: o, timeline: o.Timeline,
		log:     o.Logger.With("stream", o.Stream),
		started: o.Timeline.Info().Started, // before a restart of the service, when this continues what that has cut
		ladder:  newLadder(o.Ladder, o.Timeline.Info().Renditions...),
		copying: copying{fps: copiedFPS},
		offers:  make(chan *ingest.Publisher),

		transforms: make(chan transcode.Transform),
		done:       make(chan struct{}),
	}
	if o.Record {
		b.source = newSource(o.Timeline.Recording, b.log)
	}
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

// Offer hands a publisher over. ErrEnded says that the broadcast has ended meanwhile and another must be made.
func (b *Broadcast) Offer(ctx context.Context, p *ingest.Publisher) error {
	select {
	case b.offers <- p:
		return nil
	case <-b.done:
		return ErrEnded
	case <-ctx.Done():
		return errors.New("the stream is still ending: try again in a few seconds")
	}
}

// Run carries the broadcast until its publisher has been away for longer than linger, it fails, or ctx ends.
func (b *Broadcast) Run(ctx context.Context) {
	defer close(b.done)
	b.log.Info("stream has begun")
	b.source.begin()
	err := b.carry(ctx)
	b.finish(err, ctx.Err() != nil && b.options.KeepOnStop)
}

func (b *Broadcast) carry(ctx context.Context) error {
	fill, report := time.NewTicker(frameInterval), time.NewTicker(StatusEvery)
	defer fill.Stop()
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-b.offers:
			b.take(p)
		case t := <-b.transforms:
			b.change(t)
		case <-b.publisher.videoReady():
			b.drain(depay.Video, b.publisher.video)
		case <-b.publisher.audioReady():
			b.drain(depay.Audio, b.publisher.audio)
		case err := <-b.run.exited():
			if err := b.runEnded(err); err != nil {
				return err
			}
		case <-fill.C:
			if ended, err := b.tick(time.Now()); ended || err != nil {
				return err
			}
		case <-report.C:
			b.publishStatus(b.state(), nil)
		}
	}
}

// take makes p the publisher. An encoding that runs goes on with its fillers until something is heard of p.
func (b *Broadcast) take(p *ingest.Publisher) {
	b.leave(time.Now())
	b.publisher = &input{Publisher: p, since: time.Now()}
	b.picture.Store(b.publisher.picture())
	b.copying.breaks, b.copying.quiet, b.layering = 0, false, layering{}
	for _, track := range p.Tracks() {
		switch track.Kind() {
		case ingest.KindVideo:
			b.publisher.video = track.Tap(tapPackets)
		case ingest.KindAudio:
			b.publisher.audio = track.Tap(tapPackets)
		}
	}
	video, audio := b.publisher.codecs()
	b.log.Info("publisher has come", "session", p.ID(), "from", p.RemoteAddr(), "video", video, "audio", audio)
	if b.run == nil {
		b.retryAt, b.failures = time.Time{}, 0
		b.encode()
	}
}

// hear sees to the first packet of a publisher: the encoding goes on with it, or another begins that reads its tracks.
func (b *Broadcast) hear() {
	b.publisher.media = true
	if b.run != nil && !b.run.reads(b.publisher.codecs()) {
		b.endRun()
		b.encode()
	}
}

// drainTaps takes all that both taps hold.
func (b *Broadcast) drainTaps() {
	if b.publisher == nil {
		return
	}
	b.drain(depay.Video, b.publisher.video)
	b.drain(depay.Audio, b.publisher.audio)
}

// drain takes all that a tap holds, so that one wake-up serves many packets.
func (b *Broadcast) drain(kind depay.Kind, tap *ingest.Tap) {
	if tap == nil {
		return
	}
	if kind == depay.Video {
		b.run.drainLayers()
	}
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if !b.publisher.media {
			b.hear()
		}
		b.run.push(kind, p)
		p.Release()
	}
}

// tick fills the pipes, and sees what has changed: a publisher that left, a stream that nobody came back to, an ffmpeg to restart.
func (b *Broadcast) tick(now time.Time) (ended bool, err error) {
	b.drainTaps() // what has come is not missing
	b.run.tick(now)
	if b.publisher.gone() {
		heard := b.publisher.media
		b.leave(now)
		if !heard && !b.timelineLives() {
			return true, nil // it never connected: there is nothing to wait for
		}
	}
	if b.publisher == nil && !b.away.IsZero() && now.Sub(b.away) >= b.options.Linger {
		return true, nil
	}
	if why := b.copyAnew(now); why != "" {
		b.log.Info("ffmpeg is started anew", "because", why)
		b.copying.quiet = false
		b.endRun()
		b.encode()
	}
	disk := b.options.Disk()
	if b.run != nil && disk.Loses {
		b.suspend(now, disk.Fault)
	}
	if b.run.torn() {
		return false, b.runEnded(errTorn)
	}
	if b.run == nil && !b.retryAt.IsZero() && !now.Before(b.retryAt) && disk.Fault == "" {
		b.retryAt = time.Time{}
		b.encode()
		b.requestKeyFrame()
	}
	return false, nil
}

// leave parts from the publisher; the fillers go on.
func (b *Broadcast) leave(now time.Time) {
	if b.publisher == nil {
		return
	}
	b.log.Info("publisher has left", "session", b.publisher.ID(), "reason", b.publisher.Err())
	if b.publisher.media {
		b.drainTaps()
	}
	b.publisher.close()
	b.publisher, b.away = nil, now
	b.picture.Store(nil)
	b.run.detach(now)
	b.source.flush()
}

// requestKeyFrame asks the publisher, if there is one that sends pictures.
func (b *Broadcast) requestKeyFrame() {
	if track := b.picture.Load(); track != nil {
		track.RequestKeyFrame()
	}
}

// timelineLives reports whether viewers have ever had something to play.
func (b *Broadcast) timelineLives() bool {
	select {
	case <-b.timeline.Playable():
		return true
	default:
		return false
	}
}

// finish drains in the direction of the data: tap, pipes, ffmpeg, last segments, playlists, recording. With suspend the
// playlists stay open for the next process.
func (b *Broadcast) finish(cause error, suspend bool) {
	if cause != nil {
		b.log.Error("stream has failed", "error", cause)
		if b.publisher != nil {
			b.publisher.Close(cause.Error())
		}
	}
	b.leave(time.Now())
	b.endRun()
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
