// Package web runs the web servers: one for HTTP, and one for HTTPS where that is configured, both with the same handler. It
// bounds connections, headers and idle times; what is served, and how long an answer may take, is the handler's matter.
//
// Goroutines: Run starts one for each server, beside those of net/http, and waits for them. It follows RFC 9110 and RFC 9112
// where net/http does.
package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	headerWithin = 10 * time.Second // for a request's header to come
	idleFor      = 2 * time.Minute  // for which a connection may wait for its next request
	maxHeader    = 32 << 10         // bytes
	closeWithin  = time.Second      // for running requests, once their context has ended
	monitors     = 64               // connections of the server for monitors

	streamsOfConnection = 100              // of HTTP/2, under way at once
	aliveEach           = 15 * time.Second // an HTTP/2 client that is silent is asked whether it is there
	takesWithin         = 30 * time.Second // for an HTTP/2 client to take anything, while there is something for it
)

// Options says where to listen.
type Options struct {
	// HTTP and HTTPS are host:port; an empty host means every address, port 0 a free one. An empty HTTPS means that there is none.
	HTTP, HTTPS string
	// Metrics is host:port of a server for monitors alone, which MetricsHandler serves; empty: there is none.
	Metrics        string
	MetricsHandler http.Handler
	// ListenTCP listens on the address of a key of the configuration. Default: the system does.
	ListenTCP func(key, address string) (*net.TCPListener, error)
	// Certificate is that of HTTPS. It is read for others too, who ask Servers.Certificate for it, where OthersSecure says that there are any.
	Certificate  certificate.Source
	OthersSecure bool
	// Proof, where it is not nil, may answer a handshake by which an authority (RFC 8737) wants to know whose names they are; Protocol is that of these handshakes.
	Proof    func(*tls.ClientHelloInfo) *tls.Certificate
	Protocol string
	// Connections bounds those of all servers together but the one for monitors.
	Connections *quota.Connections
	// Logger gets panics of the handler as errors, and what else net/http has to say at level debug.
	Logger *slog.Logger
}

// Servers are the web servers. Their sockets are bound from the beginning; Run or Close gives them back.
type Servers struct {
	servers []*server
	metrics *server // nil where there is none
	pair    atomic.Pointer[tls.Certificate]
	proof   func(*tls.ClientHelloInfo) *tls.Certificate
	within  time.Duration // for running requests, once their context has ended
}

// all are the servers, those that people open first.
func (s *Servers) all() []*server {
	if s.metrics == nil {
		return s.servers
	}
	return append(slices.Clone(s.servers), s.metrics)
}

// server is one socket with its server.
type server struct {
	*http.Server
	listener net.Listener
	scheme   string
}

// Listen binds the addresses, so that a taken port is known before anything starts, and reads the certificate. Its errors say
// what the operator can do.
func Listen(handler http.Handler, o Options) (*Servers, error) {
	if o.ListenTCP == nil {
		o.ListenTCP = listenTCP
	}
	s := &Servers{within: closeWithin}
	if err := s.listen(handler, o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Servers) listen(handler http.Handler, o Options) error {
	plain, err := o.listenTCP("http.listen", o.HTTP, o.Connections)
	if err != nil {
		return err
	}
	s.servers = append(s.servers, newServer(plain, "http", handler, o.Logger))
	if o.Metrics != "" {
		monitored, err := o.listenTCP("http.metrics", o.Metrics, quota.NewConnections(monitors, monitors, nil, o.Logger))
		if err != nil {
			return err
		}
		s.metrics = newServer(monitored, "http", o.MetricsHandler, o.Logger)
	}
	if o.HTTPS == "" && !o.OthersSecure {
		return nil
	}
	pair, err := o.Certificate.Load()
	if err != nil {
		return err
	}
	s.pair.Store(&pair)
	if o.HTTPS == "" {
		return nil
	}
	secure, err := o.listenTCP("https.listen", o.HTTPS, o.Connections)
	if err != nil {
		return err
	}
	server := newServer(secure, "https", handler, o.Logger)
	server.TLSConfig = &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12}
	if s.proof = o.Proof; s.proof != nil {
		server.TLSConfig.NextProtos = []string{"h2", "http/1.1", o.Protocol}
	}
	s.servers = append(s.servers, server)
	return nil
}

// certificate is that of the next handshake.
func (s *Servers) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.proof != nil {
		if proof := s.proof(hello); proof != nil {
			return proof, nil
		}
	}
	return s.Certificate(hello)
}

// Certificate is the newest, for handshakes of other servers.
func (s *Servers) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.pair.Load(), nil
}

// UseCertificate has handshakes from now on use another certificate; connections go on as they are.
func (s *Servers) UseCertificate(pair tls.Certificate) { s.pair.Store(&pair) }

// listenTCP listens on an address, whatever it is for.
func listenTCP(_, address string) (*net.TCPListener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return listener.(*net.TCPListener), nil
}

// listenTCP listens on the address of a configuration key.
func (o Options) listenTCP(key, address string, connections *quota.Connections) (net.Listener, error) {
	listener, err := o.ListenTCP(key, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: stop what uses this address, or choose another with --%s", key, err, strings.ReplaceAll(key, ".", "-"))
	}
	return connections.Listen(listener), nil
}

func newServer(listener net.Listener, scheme string, handler http.Handler, logger *slog.Logger) *server {
	return &server{&http.Server{
		Handler:           contained(handler, logger),
		ReadHeaderTimeout: headerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsOfConnection, SendPingTimeout: aliveEach, WriteByteTimeout: takesWithin},
		ErrorLog:          log.New(errorLog{logger}, "", 0),
	}, listener, scheme}
}

// contained logs and counts what a handler panics of, and has net/http cut the connection.
func contained(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value != http.ErrAbortHandler {
				_ = panics.Caught(logger, r.Method+" "+r.URL.Path, value)
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// errorLog passes on what net/http has to say: a panic of a handler as an error, and broken handshakes of clients only to those
// who debug.
type errorLog struct{ *slog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.Contains(line, []byte("panic")) {
		level = slog.LevelError
	}
	l.Log(context.Background(), level, "web server", "says", string(bytes.TrimSpace(line)))
	return len(line), nil
}

// MetricsURL is the address of the server for monitors, or "".
func (s *Servers) MetricsURL() string {
	if s.metrics == nil {
		return ""
	}
	return s.metrics.url()
}

// URLs are the addresses to open in a browser, HTTP first.
func (s *Servers) URLs() []string {
	var urls []string
	for _, server := range s.servers {
		urls = append(urls, server.url())
	}
	return urls
}

func (s *server) url() string {
	address := s.listener.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = reachableHost()
	}
	return fmt.Sprintf("%s://%s", s.scheme, net.JoinHostPort(host, fmt.Sprint(address.Port)))
}

// reachableHost is an IPv4 address that other machines may reach this one at, or else its name.
func reachableHost() string {
	names, addresses := certificate.OwnNames()
	for _, candidate := range addresses {
		if candidate.To4() != nil && !candidate.IsLoopback() {
			return candidate.String()
		}
	}
	return names[0]
}

// Addr is where HTTP is listened on.
func (s *Servers) Addr() net.Addr { return s.servers[0].listener.Addr() }

// StopAccepting has the servers accept no more connections, and answer the requests only that are under way: clients open other connections
// for their next ones. Once Run has been told to end, requests have so long to be answered. It returns at once.
func (s *Servers) StopAccepting(within time.Duration) {
	s.within = within
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, server := range s.all() {
		_ = server.Shutdown(over) // which has begun then, and waits for nobody
	}
}

// Run serves until ctx ends or a server fails. Then the context of all requests ends; those that go on for another second are cut.
func (s *Servers) Run(ctx context.Context) error {
	requests, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	group, ctx := errgroup.WithContext(ctx)
	for _, server := range s.all() {
		server.BaseContext = func(net.Listener) context.Context { return requests }
		group.Go(func() (err error) {
			fault := panics.Contain(nil, "the web server", func() { err = server.serve() })
			return errors.Join(fault, err)
		})
	}
	<-ctx.Done()
	release()
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.within)
	defer cancel()
	for _, server := range s.all() {
		if server.Shutdown(deadline) != nil {
			_ = server.Server.Close()
		}
	}
	return group.Wait()
}

// Close gives back the sockets of servers that are not run.
func (s *Servers) Close() {
	for _, server := range s.all() {
		_ = server.listener.Close()
	}
}

func (s *server) serve() error {
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(s.listener, "", "")
	} else {
		err = s.Serve(s.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", s.scheme, err)
}
