package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/clock"
	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
	"github.com/sluice-live/sluice/cmd/sluice/internal/tracing"
	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/faces"
)

// secretFile has, in the data directory, what the service signs with.
const secretFile = "secret"

// keysFile has, there, the keys that were made while the service runs, without their tokens.
const keysFile = "keys.json"

// stopWithin is how long streams are served after the service has been told to stop.
const stopWithin = 9 * time.Second

// Service is the service without its web servers.
type Service struct {
	cfg   config.Config
	log   *slog.Logger
	clock clock.Clock

	connections config.Connections
	encoding    Encoding
	gate        *access.Gate
	ring        *access.Ring // of the gate
	ingest      *ingest.Server
	packager    *packager.Packager
	streams     *streams
	detector    *faces.Detector       // nil: faces are not found
	finder      *transcode.FaceFinder // of live video; nil likewise
	searches    searches
	hooks       *webhook.Hooks
	tracer      *tracing.Tracer
	forwards    forwards
	audience    *audience
	cluster     *cluster.Node // nil: the service stands alone
	viewers     *viewers.Counter
	lock        io.Closer // of the data directory
	sockets     ingest.Sockets
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	unlisted    atomic.Pointer[[]string] // that another configuration has brought; nil: those of cfg
	reloads     [2]atomic.Uint64         // configurations that were refused, and taken
	viewedAt    atomic.Int64             // when a stream was last asked for by clock, ns since 1970
}

// logEncoding says what encodes where that is not what is expected.
func (s *Service) logEncoding() {
	e := s.encoding
	switch {
	case e.EncoderReason == "":
	case e.Encoder.Kind == transcode.Software && s.cfg.Encoder != transcode.EncoderAuto:
		s.log.Warn("the encoder that is asked for cannot be used", "instead", e.EncoderReason)
	default:
		s.log.Info("encoder is chosen", "which", e.EncoderReason)
	}
	if e.TooSlow {
		s.log.Warn("the ladder is too much for this machine", "reason", e.LadderReason)
	}
}

// New opens the data directory, which no other process may use then, and binds the media sockets. Errors of either are the operator's to mend: they match exit.ErrUsage.
// What it has bound is given back by Run. certificate is that of RTMPS; it is called once Run has been.
func New(
	ctx context.Context, cfg config.Config, encoding Encoding, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), descriptors Descriptors, log *slog.Logger,
) (*Service, error) {
	s := &Service{cfg: cfg, log: log, sockets: descriptors, clock: clock.New(), encoding: encoding, certificate: certificate, forwards: forwards{streams: map[string]*forward.Stream{}}}
	s.logEncoding()
	files, err := quota.Descriptors()
	if err != nil {
		return nil, err
	}
	if s.connections, err = cfg.Connections(files); err != nil {
		return nil, exit.Usage(err)
	}
	lock, without, err := descriptors.Lock(cfg.Data)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("open the data directory: %w", err))
	}
	if s.lock = lock; without != nil {
		log.Warn("the data directory cannot be locked: see to it that no other service uses it", "data", cfg.Data, "error", without)
	}
	traces := cfg.Tracing()
	traces.Logger = log
	s.tracer = tracing.New(traces)
	if err := s.open(ctx); err != nil {
		s.tracer.Close()
		return nil, errors.Join(exit.Usage(err), lock.Close())
	}
	return s, nil
}

// open makes the stages.
func (s *Service) open(ctx context.Context) (err error) {
	secret, err := access.LoadSecret(filepath.Join(s.cfg.Data, secretFile))
	if err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	common := s.cfg.CommonSecret()
	if common != "" {
		secret = access.SecretOf(string(common)) // by which relays and other nodes know the addresses that are signed here
	}
	hooks := s.cfg.Webhook()
	hooks.Logger = s.log
	if s.hooks, err = webhook.New(hooks); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	s.audience = newAudience(s.log, s.tellPeak)
	s.viewers = viewers.New(viewers.Options{Live: s.isLive, Tell: s.audience.countPlayers})
	s.gate = access.New(s.cfg.Auth, secret, s.log)
	if s.ring, err = access.LoadRing(filepath.Join(s.cfg.Data, keysFile)); err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	s.gate.UseRing(s.ring, common != "")
	if s.packager, err = packager.New(s.packagerOptions()); err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	if err := makeLogo(ctx, s.cfg); err != nil {
		return fmt.Errorf("logo: %w", err)
	}
	if err := s.openDetector(); err != nil {
		return err
	}
	s.tellWaiting()
	s.streams = newStreams(s.packager.Disk, s.openBroadcast)
	s.streams.accompany = s.forward
	if err := s.joinCluster(); err != nil {
		return err
	}
	if s.ingest, err = ingest.New(s.ingestOptions()); err != nil {
		return fmt.Errorf("open the media sockets: %w", err)
	}
	return nil
}

// Run carries the service until ctx ends; then it drains: streams end, playlists get their ending, recordings are closed. Where the cause is
// broadcast.ErrHandedOver the playlists stay open, and so they do if that is configured.
func (s *Service) Run(ctx context.Context) error {
	// What the broadcasts rely on ends after them.
	stages, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	told := s.tellWebhooks(context.WithoutCancel(ctx))
	s.streams.admit(ctx)
	running := []func(context.Context) error{s.packager.Run, s.ingest.Run, s.viewers.Run}
	if s.cluster != nil {
		running = append(running, s.cluster.Run)
	}
	results := make(chan error, len(running))
	for _, stage := range running {
		go func() { results <- s.contained(func() error { return stage(stages) }) }()
	}
	var errs []error
	pending := len(running)
	select {
	case <-ctx.Done():
		s.log.Info(farewell(ctx))
	case err := <-results:
		errs = append(errs, err, errors.New("a stage of the service ended by itself"))
		pending--
		end()
	}
	since := time.Now()
	s.streams.drain()
	if s.cfg.OnStop == config.OnStopEnd && !handsOver(ctx) {
		s.letViewersSee(since)
	}
	stop()
	for ; pending > 0; pending-- {
		errs = append(errs, <-results)
	}
	told()
	s.tracer.Close()
	return errors.Join(append(errs, s.ring.Save(), s.lock.Close())...)
}

// contained makes a panic of a whole stage the error with which the service stops: streams end, recordings are closed.
func (s *Service) contained(stage func() error) (err error) {
	if fault := panics.Contain(s.log, "a stage of the service", func() { err = stage() }); fault != nil {
		return fault
	}
	return err
}

// letViewersSee waits until players, which ask once per segment, have had the ending of the playlists and what it lists.
func (s *Service) letViewersSee(told time.Time) {
	if seen := time.Unix(0, s.viewedAt.Load()); s.clock.At(told).Sub(seen) > 2*s.cfg.Segment {
		return // nobody watches
	}
	<-time.After(min(s.cfg.Segment+time.Second, time.Until(told.Add(stopWithin))))
}

// Viewed notes that a viewer has asked for a stream just now.
func (s *Service) Viewed() { s.viewedAt.Store(s.clock.Now().UnixNano()) }

// Started is closed once Run lets streams begin: whoever is served before is refused.
func (s *Service) Started() <-chan struct{} { return s.streams.admitted }

// Ready reports whether streams may begin.
func (s *Service) Ready() bool {
	stopping := s.Stopping()
	if stopping == nil {
		return false
	}
	select {
	case <-stopping:
		return false
	default:
		return true
	}
}

// Stopping is closed when the service has been told to stop. It is nil before Run, and once all streams have ended.
func (s *Service) Stopping() <-chan struct{} { return s.streams.stopping() }

// IsUnlisted reports whether no list has a stream of that name.
func (s *Service) IsUnlisted(stream string) bool {
	cfg := config.Config{Unlisted: s.cfg.Unlisted}
	if newer := s.unlisted.Load(); newer != nil {
		cfg.Unlisted = *newer
	}
	return cfg.IsUnlisted(stream)
}

// Reload puts the rights and the unlisted streams of another configuration in force, and ends what lasts and has no right any more. The error, for which
// nothing is changed, is that of access.Gate.Replace.
func (s *Service) Reload(ctx context.Context, cfg config.Config) (ended int, err error) {
	if ended, err = s.gate.Replace(ctx, cfg.Auth); err == nil {
		s.unlisted.Store(&cfg.Unlisted)
	}
	return ended, err
}

// CountReload counts an attempt to put another configuration in force.
func (s *Service) CountReload(taken bool) { s.reloads[map[bool]int{true: 1}[taken]].Add(1) }

// Reloads returns how many configurations were put in force while the service ran, and how many were refused.
func (s *Service) Reloads() (taken, refused uint64) { return s.reloads[1].Load(), s.reloads[0].Load() }

// Log is the service's.
func (s *Service) Log() *slog.Logger { return s.log }

// Access knows who may do what.
func (s *Service) Access() *access.Gate { return s.gate }

// Ingest is what publishers and viewers over WebRTC reach.
func (s *Service) Ingest() *ingest.Server { return s.ingest }

// Packager is what serves the streams and recordings.
func (s *Service) Packager() *packager.Packager { return s.packager }

// Viewers counts those over HLS and DASH.
func (s *Service) Viewers() *viewers.Counter { return s.viewers }

// Webhooks are the servers that are told of events.
func (s *Service) Webhooks() *webhook.Hooks { return s.hooks }

// Clock is the clock of playlists and manifests.
func (s *Service) Clock() clock.Clock { return s.clock }

// Connections is how many there may be at once, of each kind.
func (s *Service) Connections() config.Connections { return s.connections }

// LadderReason says which ladder is encoded, and why.
func (s *Service) LadderReason() string { return s.encoding.LadderReason }
