// Package relay is a service that owns no streams and has those of another, its origin: live media from a cache that asks for each name once,
// viewers over WHEP by a cascade, which has each stream of the origin once; everything else is passed on. Who may watch is asked here, once: the origin
// gets an address signed with the secret that both have in common.
//
// It serves nothing by itself; package httpapi does. Other media over WebRTC goes between clients and the origin, and not through here.
//
// Goroutines: those of packager/relay, of ingest and of net/http.
package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/tracing"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/packager/relay"
	"github.com/sluice-live/sluice/public/prefix"
)

const (
	// maxHops is how many relays may be between a client and the origin.
	maxHops = 4
	// requests is how many to the origin may be under way for live media: half of what it lets one address have (limits.requests-per-address).
	requests = 1000

	dialWithin = 3 * time.Second
	idleConns  = 256
	idleFor    = time.Minute // less than a service lets a connection wait
	viaMark    = "sluice-"
)

// Relay is a relay without its web servers.
type Relay struct {
	cfg         config.Config
	origin      *url.URL
	connections config.Connections
	log         *slog.Logger
	gate        *access.Gate
	key         *hop.Key // nil: nothing is signed
	name        string   // in Via
	connected   *http.Transport
	transport   http.RoundTripper // which is that, and says when the origin is away
	cache       *relay.Cache
	ingest      *ingest.Server // has the viewers over WHEP
	pass        http.Handler
	tracer      *tracing.Tracer
	unlisted    atomic.Pointer[[]string]
	reloads     [2]atomic.Uint64 // configurations that were refused, and taken
}

// New makes a Relay of a configuration that names an origin, and asks it for nothing yet. It binds the sockets of WebRTC. Errors match exit.ErrUsage
// but for those of sockets.
func New(cfg config.Config, log *slog.Logger) (*Relay, error) {
	origin, ok := cfg.RelayURL()
	if !ok {
		return nil, exit.Usage(errors.New("relay.origin is not a URL"))
	}
	files, err := quota.Descriptors()
	if err != nil {
		return nil, err
	}
	r := &Relay{cfg: cfg, origin: origin, log: log, name: viaMark + rand.Text()[:12]}
	if r.connections, err = cfg.Connections(files); err != nil {
		return nil, exit.Usage(err)
	}
	traces := cfg.Tracing()
	traces.Logger = log
	r.tracer = tracing.New(traces)
	secret := access.SecretOf(string(cfg.Relay.Secret))
	if cfg.Relay.Secret != "" {
		r.key = hop.New(string(cfg.Relay.Secret))
	}
	r.gate = access.New(cfg.Auth, secret, log)
	r.unlisted.Store(&cfg.Unlisted)
	r.connected = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext, TLSHandshakeTimeout: dialWithin,
		ForceAttemptHTTP2: true, MaxIdleConns: 2 * idleConns, MaxIdleConnsPerHost: idleConns, IdleConnTimeout: idleFor, DisableCompression: true,
	}
	r.transport = &outage{RoundTripper: r.connected, log: log}
	r.pass = r.newProxy(log)
	r.cache = relay.New(relay.Options{
		Origin: origin, Transport: r.transport, Prepare: func(out *http.Request) { r.prepare(out, nil) }, Pass: r.pass,
		MaxBytes: cfg.Relay.Cache, Requests: requests, Logger: log,
	})
	r.ingest, err = r.newIngest()
	return r, err
}

// Origin is where the origin is.
func (r *Relay) Origin() string { return r.origin.String() }

// Tracer traces requests; nil where nothing is traced.
func (r *Relay) Tracer() *tracing.Tracer { return r.tracer }

// Connections is how many there may be at once.
func (r *Relay) Connections() config.Connections { return r.connections }

// Access knows who may do what.
func (r *Relay) Access() *access.Gate { return r.gate }

// Live serves live media.
func (r *Relay) Live() http.Handler { return r.cache }

// Pass passes requests on, each by itself.
func (r *Relay) Pass() http.Handler { return r.pass }

// Stats counts what has been asked and answered.
func (r *Relay) Stats() relay.Stats { return r.cache.Stats() }

// PassesPublishers reports whether who publishes and administers is passed on: not where others reach the relay and nobody has to show a key.
func (r *Relay) PassesPublishers() bool {
	return r.cfg.Loopback() || r.cfg.Insecure || r.cfg.Auth.PublishNeedsKey()
}

// IsUnlisted reports whether no list has a stream of that name.
func (r *Relay) IsUnlisted(stream string) bool {
	return config.Config{Unlisted: *r.unlisted.Load()}.IsUnlisted(stream)
}

// Reload puts the rights of another configuration in force. The error, for which nothing is changed, is that of access.Gate.Replace.
func (r *Relay) Reload(ctx context.Context, cfg config.Config) (ended int, err error) {
	if ended, err = r.gate.Replace(ctx, cfg.Auth); err == nil {
		r.unlisted.Store(&cfg.Unlisted)
	}
	return ended, err
}

// CountReload counts an attempt to put another configuration in force.
func (r *Relay) CountReload(taken bool) { r.reloads[map[bool]int{true: 1}[taken]].Add(1) }

// Reloads returns how many configurations were put in force while the relay ran, and how many were refused.
func (r *Relay) Reloads() (taken, refused uint64) { return r.reloads[1].Load(), r.reloads[0].Load() }

// Loops reports whether a request has come by this relay before, or by too many: then there is no origin at the end.
func (r *Relay) Loops(request *http.Request) bool {
	hops := 0
	for via := range strings.SplitSeq(strings.Join(request.Header["Via"], ","), ",") {
		_, name, _ := strings.Cut(strings.TrimSpace(via), " ")
		if name == r.name {
			return true
		}
		if strings.HasPrefix(name, viaMark) {
			hops++
		}
	}
	return hops >= maxHops
}

// prepare tells the origin of a request by which way it comes, and of which client; nil: of all who wait.
func (r *Relay) prepare(out, in *http.Request) {
	out.Header.Add("Via", "1.1 "+r.name)
	out.Header.Del(hop.Header)
	claim := hop.Claim{}
	if in != nil {
		claim = claimOf(in)
		for name, value := range map[string]string{
			"X-Forwarded-For": withoutPort(claim.Client), "X-Forwarded-Host": claim.Host, "X-Forwarded-Proto": claim.Scheme, "X-Forwarded-Prefix": claim.Prefix,
		} {
			out.Header.Set(name, value)
		}
		if claim.Prefix == "" && r.origin.Path != "" {
			out.Header.Set("X-Forwarded-Prefix", "/") // the top, or the origin's own would be meant
		}
	}
	if r.key != nil {
		path, _ := prefix.Strip(out.URL.EscapedPath(), r.origin.Path)
		r.key.Sign(out.Header, out.Method, path, claim)
	}
}

// claimOf is what is known of who has asked.
func claimOf(in *http.Request) hop.Claim {
	scheme := "http"
	if in.TLS != nil || strings.EqualFold(in.URL.Scheme, "https") {
		scheme = "https"
	}
	return hop.Claim{Client: in.RemoteAddr, Host: in.Host, Scheme: scheme, Prefix: prefix.Of(in)}
}

func withoutPort(client string) string {
	if address, err := netip.ParseAddrPort(client); err == nil {
		return address.Addr().String()
	}
	return client
}
