package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/metrics"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/web"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/cmd/sluice/internal/reload"
	"github.com/sluice-live/sluice/cmd/sluice/internal/restart"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// tlsDir is where the certificate that sluice makes is kept in the data directory.
const tlsDir = "tls"

// serve runs the service until ctx ends, and then drains it. What it prints to out are the URLs to open; the log goes there too.
// The reloads read the configuration anew, for each SIGHUP and when its files change. It may go on with what another process has begun, and end for another one.
func serve(ctx context.Context, loaded *config.Loaded, reloads reload.Options, x *restart.Succession, out io.Writer) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Notify(x.Asked, syscall.SIGUSR2)
	defer signal.Stop(x.Asked)
	cfg := loaded.Config
	book, level := logs.New(cfg.Secrets()), new(slog.LevelVar)
	level.Set(cfg.Log.Level)
	log := newLogger(cfg.Log, level, out, book)
	keepToGroup()
	reloads.Running, reloads.Logger, x.Logger = loaded, log, log
	reloads.Rest = func(newer config.Config) {
		level.Set(newer.Log.Level)
		book.Mask(newer.Secrets())
		x.Reloaded(newer)
	}
	if cfg.IsRelay() {
		if err := x.Take(ctx, cfg, checkFiles); err != nil {
			return err
		}
		return x.Throughout(cfg, func(cfg config.Config) error { return serveRelay(ctx, cfg, reloads, x, signals, out) })
	}
	encoding, err := service.Prepare(ctx, cfg)
	if err != nil {
		return err
	}
	logConfinement(log, sandbox.Check())
	if err := x.Take(ctx, cfg, checkFiles); err != nil {
		return err
	}
	return x.Throughout(cfg, func(cfg config.Config) error { return serveStreams(ctx, cfg, encoding, reloads, x, signals, book, out) })
}

// serveStreams runs the service proper.
func serveStreams(
	ctx context.Context, cfg config.Config, encoding service.Encoding, reloads reload.Options, x *restart.Succession, signals <-chan os.Signal, book *logs.Book, out io.Writer,
) error {
	var servers frontage
	log := reloads.Logger
	s, err := service.New(ctx, cfg, encoding, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return servers.Certificate(hello) }, x.Descriptors, log)
	if err != nil {
		return err
	}
	options := webOptions(cfg, httpapi.NewMetrics(s, cfg), s.Connections(), log)
	options.ListenTCP = x.Descriptors.ListenTCP
	servers, err = listen(cfg, x.PassOn(httpapi.New(s, cfg, buildVersion(), book), func() string { return servers.Addr().String() }), options)
	if err != nil {
		_ = s.Run(canceled(ctx)) // gives the sockets back
		return err
	}
	told := supervision{x.Manager, log, "serves " + strings.Join(servers.URLs(), " and ")}
	reloads.Service = s.Reload
	announce(out, cfg, s, servers.Servers)
	return told.reloadingWhile(ctx, cfg, reloads, s.CountReload, servers, signals, func(ctx context.Context) error {
		defer told.watch(ctx, metrics.Handler(s))()
		return x.Run(ctx, s.Started(), s.Run, servers.Servers, func() {
			told.ready()
			servers.certify(ctx, log)
		})
	})
}

// serveRelay is that of a relay, which owns no streams: it neither encodes nor records, and writes nothing but its own certificate.
func serveRelay(ctx context.Context, cfg config.Config, reloads reload.Options, x *restart.Succession, signals <-chan os.Signal, out io.Writer) error {
	log := reloads.Logger
	r, err := relay.New(cfg, x.Descriptors, log)
	if err != nil {
		return err
	}
	options := webOptions(cfg, httpapi.NewRelayMetrics(r, cfg), r.Connections(), log)
	options.ListenTCP = x.Descriptors.ListenTCP
	var servers frontage
	servers, err = listen(cfg, x.PassOn(httpapi.NewRelay(r, cfg, buildVersion()), func() string { return servers.Addr().String() }), options)
	if err != nil {
		_ = r.Run(canceled(ctx)) // gives the sockets back
		return err
	}
	reloads.Service = r.Reload
	log.Info("this is a relay", "of", r.Origin(), "signed", cfg.Relay.Secret != "", "publishers are passed on", r.PassesPublishers())
	fmt.Fprintf(out, "Sluice is ready: a relay of %s\n", r.Origin())
	for _, url := range servers.URLs() {
		fmt.Fprintf(out, "  Streams    %s/\n", url)
	}
	fmt.Fprintf(out, "  Media      UDP %s\n", r.Ingest().UDPAddr())
	if url := servers.MetricsURL(); url != "" {
		fmt.Fprintf(out, "  Metrics    %s/metrics\n", url)
	}
	told := supervision{x.Manager, log, "serves what " + r.Origin() + " has at " + strings.Join(servers.URLs(), " and ")}
	return told.reloadingWhile(ctx, cfg, reloads, r.CountReload, servers, signals, func(ctx context.Context) error {
		defer told.watch(ctx, metrics.RelayHandler(r))()
		return x.Run(ctx, r.Started(), r.Run, servers.Servers, func() {
			told.ready()
			servers.certify(ctx, log)
		})
	})
}

// reloadingWhile reads the configuration anew while something runs, and tells the manager.
func (s supervision) reloadingWhile(
	ctx context.Context, cfg config.Config, reloads reload.Options, count func(taken bool), servers frontage, signals <-chan os.Signal, run func(context.Context) error,
) error {
	reloads.Begin, reloads.Count = s.reloading, func(taken bool) {
		count(taken)
		s.reloaded(taken)
	}
	if cfg.ServesTLS() && servers.authority == nil {
		reloads.Certificate, reloads.UseCertificate = func(t config.TLS) (tls.Certificate, error) { return certificateOf(t, cfg.Data).Load() }, servers.UseCertificate
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = panics.Contain(s.log, "the reloading of the configuration", func() { reload.New(reloads).Run(ctx, signals) })
	}()
	err := run(ctx)
	stop()
	<-ended
	return err
}

// keepToGroup lets nobody but the service's group read what it makes from now on, and what ffmpeg does, which inherits that.
func keepToGroup() {
	syscall.Umask(syscall.Umask(noneForOthers) | noneForOthers)
}

// noneForOthers is a mask of modes.
const noneForOthers = 0o027

// logConfinement says what the programs that read what publishers send are held to.
func logConfinement(log *slog.Logger, support sandbox.Support) {
	if len(support.Lacks()) > 0 {
		log.Warn("ffmpeg is not wholly confined; sluice doctor says what to do", "that is", support)
		return
	}
	log.Info("ffmpeg is confined", "that is", support)
}

// newLogger logs to out, and into the book.
func newLogger(cfg config.Log, level slog.Leveler, out io.Writer, book *logs.Book) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(book.Beside(slog.NewJSONHandler(out, options)))
	}
	return slog.New(book.Beside(slog.NewTextHandler(out, options)))
}

func webOptions(cfg config.Config, metrics http.Handler, most config.Connections, log *slog.Logger) web.Options {
	return web.Options{
		HTTP: cfg.HTTP.Listen, HTTPS: cfg.HTTPS.Listen, Metrics: cfg.HTTP.Metrics, MetricsHandler: metrics, Certificate: certificateOf(cfg.TLS, cfg.Data), OthersSecure: cfg.ServesTLS(), Logger: log,
		Connections: quota.NewConnections(most.HTTP, most.HTTPPerAddress, cfg.HTTP.TrustedProxies, log),
	}
}

// certificateOf is where the certificate of HTTPS comes from. Until there is one by ACME it is a self-signed one.
func certificateOf(t config.TLS, data string) certificate.Source {
	if t.SelfSigned || len(t.ACME.Domains) > 0 {
		return certificate.Source{Directory: filepath.Join(data, tlsDir)}
	}
	return certificate.Source{Cert: t.Cert, Key: t.Key}
}

func announce(out io.Writer, cfg config.Config, s *service.Service, servers *web.Servers) {
	fmt.Fprintln(out, "Sluice is ready.")
	for _, url := range servers.URLs() {
		fmt.Fprintf(out, "  Go live    %s/publish\n  Streams    %s/\n  WHIP       %s/whip/NAME\n", url, url, url)
	}
	if url := servers.MetricsURL(); url != "" {
		fmt.Fprintf(out, "  Metrics    %s/metrics\n", url)
	}
	fmt.Fprintf(out, "  Ladder     %s\n", strings.TrimPrefix(s.LadderReason(), "ladder "))
	fmt.Fprintf(out, "  Media      UDP %s\n", s.Ingest().UDPAddr())
	if at := s.Ingest().RTMPAddr(); at != nil {
		fmt.Fprintf(out, "  RTMP       rtmp://%s/live, stream key NAME\n", at)
	}
	if at := s.Ingest().RTMPSAddr(); at != nil {
		fmt.Fprintf(out, "  RTMPS      rtmps://%s/live, stream key NAME\n", at)
	}
	if at := s.Ingest().SRTAddr(); at != nil {
		fmt.Fprintf(out, "  SRT        srt://%s?streamid=publish:NAME\n", at)
	}
	fmt.Fprintf(out, "  Data       %s\n", cfg.Data)
}

func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
