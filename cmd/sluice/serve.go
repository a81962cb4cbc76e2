package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// tlsDir is where the certificate that sluice makes is kept in the data directory.
const tlsDir = "tls"

const (
	headerWithin = 10 * time.Second // for a request's header to come
	idleFor      = 2 * time.Minute  // for which a connection may wait for its next request
	maxHeader    = 32 << 10
	closeWithin  = time.Second // for running requests, once the streams have ended
)

// serve runs the service until ctx ends, and then drains it. What it prints to out are the URLs to open; the log goes there too.
func serve(ctx context.Context, cfg config.Config, out io.Writer) error {
	s, err := newService(ctx, cfg, newLogger(cfg.Log, out))
	if err != nil {
		return err
	}
	web, err := s.listen()
	if err != nil {
		_ = s.ingest.Run(canceled(ctx)) // gives the sockets back
		return exit.Usage(err)
	}
	s.announce(out, web)
	return s.runWith(ctx, web)
}

func newLogger(cfg config.Log, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// webServer is one listener with its server.
type webServer struct {
	*http.Server
	listener net.Listener
	scheme   string
}

// listen binds the web servers' addresses, so that a taken port is known before anything starts.
func (s *service) listen() (servers []*webServer, err error) {
	defer func() {
		if err != nil {
			for _, server := range servers {
				_ = server.listener.Close()
			}
		}
	}()
	handler := s.routes()
	plain, err := s.listenTCP("http.listen", s.cfg.HTTP.Listen)
	if err != nil {
		return nil, err
	}
	servers = append(servers, newWebServer(plain, "http", handler, s.log))
	if s.cfg.HTTPS.Listen == "" {
		return servers, nil
	}
	certificate, err := s.certificate()
	if err != nil {
		return servers, err
	}
	secure, err := s.listenTCP("https.listen", s.cfg.HTTPS.Listen)
	if err != nil {
		return servers, err
	}
	server := newWebServer(secure, "https", handler, s.log)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return append(servers, server), nil
}

// listenTCP listens on the address of a key.
func (s *service) listenTCP(key, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: stop what uses this address, or choose another with --%s", key, err, strings.ReplaceAll(key, ".", "-"))
	}
	return newBoundedListener(listener.(*net.TCPListener), s.cfg.Limits.Connections), nil
}

func newWebServer(listener net.Listener, scheme string, handler http.Handler, logger *slog.Logger) *webServer {
	return &webServer{&http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(webLog{logger}, "", 0),
	}, listener, scheme}
}

// webLog passes on what net/http has to say: a handler's panic as an error, other people's broken handshakes for who debugs.
type webLog struct{ *slog.Logger }

func (l webLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.Contains(line, []byte("panic")) {
		level = slog.LevelError
	}
	l.Log(context.Background(), level, "web server", "says", string(bytes.TrimSpace(line)))
	return len(line), nil
}

func (s *service) certificate() (tls.Certificate, error) {
	if s.cfg.TLS.SelfSigned {
		return selfSigned(filepath.Join(s.cfg.Data, tlsDir))
	}
	certificate, err := tls.LoadX509KeyPair(s.cfg.TLS.Cert, s.cfg.TLS.Key)
	if err != nil {
		return certificate, fmt.Errorf("read tls.cert and tls.key: %w", err)
	}
	return certificate, nil
}

func (w *webServer) url() string {
	address := w.listener.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		names, addresses := ownNames()
		host = names[0]
		for _, candidate := range addresses {
			if candidate.To4() != nil && !candidate.IsLoopback() {
				host = candidate.String()
				break
			}
		}
	}
	return fmt.Sprintf("%s://%s", w.scheme, net.JoinHostPort(host, fmt.Sprint(address.Port)))
}

func (s *service) announce(out io.Writer, web []*webServer) {
	fmt.Fprintln(out, "Sluice is ready.")
	for _, server := range web {
		url := server.url()
		fmt.Fprintf(out, "  Go live    %s/publish\n  Streams    %s/\n  WHIP       %s/whip/NAME\n", url, url, url)
	}
	fmt.Fprintf(out, "  Ladder     %s\n", strings.TrimPrefix(s.LadderReason(), "ladder "))
	fmt.Fprintf(out, "  Media      UDP %s\n", s.ingest.UDPAddr())
	fmt.Fprintf(out, "  Data       %s\n", s.cfg.Data)
}

// runWith runs the service behind its web servers. When ctx ends the streams end first, while viewers can still fetch
// their last segments; then the web servers close.
func (s *service) runWith(ctx context.Context, web []*webServer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	requests, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	results := make(chan error, len(web))
	for _, server := range web {
		server.BaseContext = func(net.Listener) context.Context { return requests }
		go func() {
			err := server.serve()
			stop() // one that fails ends the service
			results <- err
		}()
	}
	errs := []error{s.Run(ctx)}
	release()
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	for _, server := range web {
		if server.Shutdown(deadline) != nil {
			_ = server.Close()
		}
	}
	for range web {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

func (w *webServer) serve() error {
	var err error
	if w.TLSConfig != nil {
		err = w.ServeTLS(w.listener, "", "")
	} else {
		err = w.Serve(w.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", w.scheme, err)
}

func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
