package main

import (
	"context"
	"errors"
	"fmt"
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
	statusEvery   = time.Second      // how old a status may be
	drainWithin   = 8 * time.Second  // ffmpeg's time to write its last segments
	tapPackets    = 512              // per track: 2 s of a 2.5 Mbit/s picture
)

// errReplaced is what a publisher's offer meets when the broadcast has just come to its end.
var errReplaced = errors.New("the broadcast has ended")

// broadcast carries one stream from its first publisher to its end: it reads the publisher's taps, has depay make
// frames of them, and feeds ffmpeg and the source recording. It outlives its publishers, which come and go.
//
// Everything in it is used by the one goroutine of Run, but for offer, status, done and requestKeyFrame.
type broadcast struct {
	service  *service
	name     string
	log      *slog.Logger
	started  time.Time
	timeline *packager.Timeline

	publisher *feed                        // nil while nobody publishes
	picture   atomic.Pointer[ingest.Track] // the publisher's, nil where there is none; for requestKeyFrame
	away      time.Time                    // since when nobody publishes
	encoding  *encoding                    // nil while no ffmpeg runs
	videoIn   depay.Codec                  // what the newest encoding reads, which viewers have had from then on
	audioIn   depay.Codec
	source    *source // nil when nothing is recorded
	ladder    ladder
	copying   copying
	layering  layering
	newest    depay.Frame // that needs no other, of those that were received
	failures  int         // of ffmpeg in a row
	retryAt   time.Time   // when the next ffmpeg starts, while encoding is nil
	video     meter       // of the frames as received
	restarts  int         // of ffmpeg
	runs      int         // of ffmpeg, those that did not start too

	transforming transforming
	transforms   chan transcode.Transform

	offers chan *ingest.Publisher
	done   chan struct{} // closed when Run has returned
	status atomic.Pointer[status]
}

func newBroadcast(s *service, name string) (*broadcast, error) {
	timeline, err := s.packager.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the timeline of %s: %w", name, err)
	}
	b := &broadcast{
		service: s, name: name, timeline: timeline,
		log:     s.log.With("stream", name),
		started: timeline.Info().Started, // before a restart of the service, when this continues what that has cut
		ladder:  newLadder(s.ladder, timeline.Info().Renditions...),
		copying: copying{fps: copiedFPS},
		offers:  make(chan *ingest.Publisher),

		transforms: make(chan transcode.Transform),
		done:       make(chan struct{}),
	}
	if s.cfg.Record.Enabled {
		b.source = newSource(timeline.Recording, b.log)
	}
	b.publishStatus(stateStarting, nil)
	return b, nil
}

// offer hands a publisher over; errReplaced says that the broadcast has ended meanwhile and another must be made.
func (b *broadcast) offer(ctx context.Context, p *ingest.Publisher) error {
	select {
	case b.offers <- p:
		return nil
	case <-b.done:
		return errReplaced
	case <-ctx.Done():
		return errors.New("the stream is still ending: try again in a few seconds")
	}
}

// Run carries the broadcast until its publisher has been away for longer than linger, it fails, or ctx ends.
func (b *broadcast) Run(ctx context.Context) {
	defer close(b.done)
	b.log.Info("stream has begun")
	b.source.begin()
	err := b.carry(ctx)
	b.finish(err, ctx.Err() != nil && b.service.cfg.OnStop == onStopKeep)
}

func (b *broadcast) carry(ctx context.Context) error {
	fill, report := time.NewTicker(frameInterval), time.NewTicker(statusEvery)
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
		case err := <-b.encoding.exited():
			if err := b.encodingEnded(err); err != nil {
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
func (b *broadcast) take(p *ingest.Publisher) {
	b.leave(time.Now())
	b.publisher = &feed{Publisher: p, since: time.Now()}
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
	if b.encoding == nil {
		b.retryAt, b.failures = time.Time{}, 0
		b.encode()
	}
}

// hear sees to the first packet of a publisher: the encoding goes on with it, or another begins that reads its tracks.
func (b *broadcast) hear() {
	b.publisher.media = true
	if b.encoding != nil && !b.encoding.reads(b.publisher.codecs()) {
		b.endEncoding()
		b.encode()
	}
}

// drainTaps takes all that both taps hold.
func (b *broadcast) drainTaps() {
	if b.publisher == nil {
		return
	}
	b.drain(depay.Video, b.publisher.video)
	b.drain(depay.Audio, b.publisher.audio)
}

// drain takes all that a tap holds, so that one wake-up serves many packets.
func (b *broadcast) drain(kind depay.Kind, tap *ingest.Tap) {
	if tap == nil {
		return
	}
	if kind == depay.Video {
		b.encoding.drainLayers()
	}
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if !b.publisher.media {
			b.hear()
		}
		b.encoding.push(kind, p)
		p.Release()
	}
}

// tick fills the pipes, and sees what has changed: a publisher that left, a stream that nobody came back to, an ffmpeg to restart.
func (b *broadcast) tick(now time.Time) (ended bool, err error) {
	b.drainTaps() // what has come is not missing
	b.encoding.tick(now)
	if b.publisher.gone() {
		heard := b.publisher.media
		b.leave(now)
		if !heard && !b.timelineLives() {
			return true, nil // it never connected: there is nothing to wait for
		}
	}
	if b.publisher == nil && !b.away.IsZero() && now.Sub(b.away) >= b.service.cfg.Linger {
		return true, nil
	}
	if why := b.copyAnew(now); why != "" {
		b.log.Info("ffmpeg is started anew", "because", why)
		b.copying.quiet = false
		b.endEncoding()
		b.encode()
	}
	disk := b.service.packager.Disk()
	if b.encoding != nil && disk.Loses {
		b.suspend(now, disk.Fault)
	}
	if b.encoding.torn() {
		return false, b.encodingEnded(errTorn)
	}
	if b.encoding == nil && !b.retryAt.IsZero() && !now.Before(b.retryAt) && disk.Fault == "" {
		b.retryAt = time.Time{}
		b.encode()
		b.requestKeyFrame()
	}
	return false, nil
}

// leave parts from the publisher; the fillers go on.
func (b *broadcast) leave(now time.Time) {
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
	b.encoding.detach(now)
	b.source.flush()
}

// requestKeyFrame asks the publisher, if there is one that sends pictures.
func (b *broadcast) requestKeyFrame() {
	if track := b.picture.Load(); track != nil {
		track.RequestKeyFrame()
	}
}

// timelineLives tells whether viewers have ever had something to play.
func (b *broadcast) timelineLives() bool {
	select {
	case <-b.timeline.Playable():
		return true
	default:
		return false
	}
}

// finish drains in the direction of the data: tap, pipes, ffmpeg, last segments, playlists, recording. With suspend the
// playlists stay open for the next process.
func (b *broadcast) finish(cause error, suspend bool) {
	if cause != nil {
		b.log.Error("stream has failed", "error", cause)
		if b.publisher != nil {
			b.publisher.Close(cause.Error())
		}
	}
	b.leave(time.Now())
	b.endEncoding()
	b.source.Close()
	state, end := stateEnded, b.timeline.End
	switch {
	case cause != nil:
		state = stateFailed
	case suspend:
		state, end = stateInterrupted, b.timeline.Suspend
	}
	if err := end(); err != nil {
		b.log.Error("timeline has not ended cleanly", "error", err)
	}
	b.publishStatus(state, cause)
}
