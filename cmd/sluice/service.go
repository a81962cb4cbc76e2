package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

const (
	offerWithin = 5 * time.Second // how long a publisher waits for the broadcast before it to end
	stopWithin  = 9 * time.Second // how long streams are served after the service has been told to stop
	rememberFor = 5 * time.Minute // how long the API tells of a stream that has ended
	maxRemember = 256             // streams that have ended, at most
	tlsDir      = "tls"
)

// service joins the stages: publishers from ingest, a broadcast for each stream, the packager that serves what they make.
type service struct {
	cfg      config.Config
	log      *slog.Logger
	clock    wallClock
	ladder   transcode.Ladder
	reason   string                 // why this ladder
	slates   map[depay.Codec][]byte // key frames; empty: none is shown
	ingest   *ingest.Server
	packager *packager.Packager

	running  sync.WaitGroup // one for each broadcast
	viewedAt atomic.Int64   // when a stream was last asked for by clock, ns since 1970

	mu         sync.Mutex
	ctx        context.Context // ends all broadcasts; nil while none may begin
	broadcasts map[string]*broadcast.Broadcast
}

// newService binds the media sockets and opens the data directory. Errors of either are the operator's to mend.
func newService(ctx context.Context, cfg config.Config, log *slog.Logger) (*service, error) {
	if _, err := transcode.Probe(ctx, cfg.FFmpeg); err != nil {
		return nil, err
	}
	s := &service{cfg: cfg, log: log, clock: newWallClock(), broadcasts: map[string]*broadcast.Broadcast{}}
	s.chooseLadder(ctx)
	var err error
	if s.slates, err = s.makeSlates(ctx); err != nil {
		return nil, exit.Usage(fmt.Errorf("slate: %w", err))
	}
	if s.packager, err = packager.New(s.packagerOptions()); err != nil {
		return nil, exit.Usage(fmt.Errorf("open the data directory: %w", err))
	}
	if err := s.makeLogo(ctx); err != nil {
		return nil, exit.Usage(fmt.Errorf("logo: %w", err))
	}
	if s.ingest, err = ingest.New(s.ingestOptions()); err != nil {
		return nil, exit.Usage(fmt.Errorf("open the media sockets: %w", err))
	}
	return s, nil
}

func (s *service) packagerOptions() packager.Options {
	options := s.cfg.Packager()
	options.Remux, options.Wall, options.Logger = s.remux, s.clock.Now, s.log
	return options
}

func (s *service) ingestOptions() ingest.Options {
	options := s.cfg.Ingest()
	options.Logger, options.OnPublish, options.MayEnter = s.log, s.publish, publishKeys(s.cfg.Auth.Publish).admit
	return options
}

// chooseLadder takes the configured ladder, or cuts the default one to this machine.
func (s *service) chooseLadder(ctx context.Context) {
	if len(s.cfg.Ladder) == 0 {
		s.ladder, s.reason = transcode.ChooseLadder(ctx, s.cfg.FFmpeg, transcode.DefaultLadder())
		return
	}
	s.ladder = s.cfg.Ladder
	s.reason = fmt.Sprintf("ladder %s: as configured", s.ladder)
}

// remux makes the MP4 of a recording.
func (s *service) remux(ctx context.Context, inputs []packager.RemuxInput, out string) error {
	runs := make([]transcode.RemuxInput, 0, len(inputs))
	for _, input := range inputs {
		runs = append(runs, transcode.RemuxInput(input))
	}
	return transcode.Remux(ctx, s.cfg.FFmpeg, runs, out)
}

// Run carries the service until ctx ends; then it drains: streams end, playlists get their ending, recordings are closed.
func (s *service) Run(ctx context.Context) error {
	// What the broadcasts rely on ends after them.
	stages, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	results := make(chan error, 2)
	go func() { results <- s.packager.Run(stages) }()
	go func() { results <- s.ingest.Run(stages) }()
	var errs []error
	pending := 2
	select {
	case <-ctx.Done():
		s.log.Info("stopping: streams end, recordings are closed")
	case err := <-results:
		errs = append(errs, err, errors.New("a stage of the service ended by itself"))
		pending--
		end()
	}
	s.mu.Lock()
	s.ctx = nil // no broadcast begins from here on, and all that have begun are waited for
	s.mu.Unlock()
	told := time.Now()
	s.running.Wait()
	if s.cfg.OnStop == config.OnStopEnd {
		s.letViewersSee(told)
	}
	stop()
	for ; pending > 0; pending-- {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// letViewersSee waits until players, which ask once per segment, have had the ending of the playlists and what it lists.
func (s *service) letViewersSee(told time.Time) {
	if seen := time.Unix(0, s.viewedAt.Load()); s.clock.At(told).Sub(seen) > 2*s.cfg.Segment {
		return // nobody watches
	}
	time.Sleep(min(s.cfg.Segment+time.Second, time.Until(told.Add(stopWithin))))
}

// publish hands a publisher to its stream's broadcast, and begins one where there is none.
func (s *service) publish(p *ingest.Publisher) error {
	ctx, cancel := context.WithTimeout(context.Background(), offerWithin)
	defer cancel()
	for {
		b, err := s.broadcast(p.Stream())
		if err != nil {
			return err
		}
		if err := b.Offer(ctx, p); !errors.Is(err, broadcast.ErrEnded) {
			return err
		}
	}
}

// broadcast finds the stream's broadcast, or begins one when there is none or the last has ended.
func (s *service) broadcast(stream string) (*broadcast.Broadcast, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return nil, errors.New("the service is stopping: try again when it is back")
	}
	if b := s.broadcasts[stream]; b != nil && !b.Ended() {
		return b, nil
	}
	if fault := s.packager.Disk().Fault; fault != "" {
		return nil, fmt.Errorf("on the server %s: try again when that is mended", fault) // trying to open it might last
	}
	s.forget(time.Now())
	timeline, err := s.packager.Open(stream)
	if err != nil {
		return nil, err
	}
	b := broadcast.New(s.broadcastOptions(stream, timeline))
	s.broadcasts[stream] = b
	ctx := s.ctx
	s.running.Go(func() { _ = b.Run(ctx) }) // it has logged why it failed
	return b, nil
}

func (s *service) broadcastOptions(stream string, timeline *packager.Timeline) broadcast.Options {
	return broadcast.Options{
		Stream: stream, Timeline: timeline, Disk: s.packager.Disk, Wall: s.clock.At,
		FFmpeg: s.cfg.FFmpeg, Ladder: s.ladder, Segment: s.cfg.Segment, Part: s.cfg.Part, Passthrough: s.cfg.Passthrough,
		Slates: s.slates, Logo: s.logoFile(),
		Linger: s.cfg.Linger, Record: s.cfg.Record.Enabled, KeepOnStop: s.cfg.OnStop == config.OnStopKeep,
		Logger: s.log,
	}
}

// forget drops what ended long ago, and the oldest of what ended when there is too much of it.
func (s *service) forget(now time.Time) {
	var ended []*broadcast.Broadcast
	for name, b := range s.broadcasts {
		switch {
		case !b.Ended():
		case now.Sub(b.Status().At) > rememberFor:
			delete(s.broadcasts, name)
		default:
			ended = append(ended, b)
		}
	}
	if len(ended) <= maxRemember {
		return
	}
	slices.SortFunc(ended, func(a, b *broadcast.Broadcast) int { return a.Status().At.Compare(b.Status().At) })
	for _, b := range ended[:len(ended)-maxRemember] {
		delete(s.broadcasts, b.Stream())
	}
}

// find gives the stream's broadcast, or nil.
func (s *service) find(stream string) *broadcast.Broadcast {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broadcasts[stream]
}

// all lists the broadcasts by name, those that ended a while ago too.
func (s *service) all() []*broadcast.Broadcast {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	list := make([]*broadcast.Broadcast, 0, len(s.broadcasts))
	for _, b := range s.broadcasts {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *broadcast.Broadcast) int { return strings.Compare(a.Stream(), b.Stream()) })
	return list
}
