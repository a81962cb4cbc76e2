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
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/tracing"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/quota"
)

// Relay is a relay without its web servers.
type Relay struct {
	*Way
	cfg         config.Config
	connections config.Connections
	gate        *access.Gate
	connected   *http.Transport
	ingest      *ingest.Server // has the viewers over WHEP
	tracer      *tracing.Tracer
	unlisted    atomic.Pointer[[]string]
	reloads     [2]atomic.Uint64 // configurations that were refused, and taken
}

// New makes a Relay of a configuration that names an origin, and asks it for nothing yet. It binds the sockets of WebRTC. Errors match exit.ErrUsage
// but for those of sockets.
func New(cfg config.Config, sockets ingest.Sockets, log *slog.Logger) (*Relay, error) {
	origin, ok := cfg.RelayURL()
	if !ok {
		return nil, exit.Usage(errors.New("relay.origin is not a URL"))
	}
	files, err := quota.Descriptors()
	if err != nil {
		return nil, err
	}
	r := &Relay{cfg: cfg}
	if r.connections, err = cfg.Connections(files); err != nil {
		return nil, exit.Usage(err)
	}
	traces := cfg.Tracing()
	traces.Logger = log
	r.tracer = tracing.New(traces)
	secret := access.SecretOf(string(cfg.Relay.Secret))
	var key *hop.Key
	if cfg.Relay.Secret != "" {
		key = hop.New(string(cfg.Relay.Secret))
	}
	r.gate = access.New(cfg.Auth, secret, log)
	r.unlisted.Store(&cfg.Unlisted)
	r.connected = NewTransport()
	r.Way = NewWay(WayOptions{
		Origin: origin, Called: "The origin of this relay", Key: key, Transport: &outage{RoundTripper: r.connected, log: log}, CacheBytes: cfg.Relay.Cache, Logger: log,
	})
	r.ingest, err = r.newIngest(sockets)
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
