package relay

import (
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
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

// Way is how other services are asked: once for all who want the same live media, and for everything else by passing requests on.
type Way struct {
	origin    *url.URL
	called    string
	log       *slog.Logger
	key       *hop.Key // nil: nothing is signed
	name      string   // in Via
	transport http.RoundTripper
	cache     *relay.Cache
	pass      http.Handler
}

// WayOptions say whom to ask.
type WayOptions struct {
	Origin     *url.URL          // whose path, if any, is before that of each request
	Called     string            // what clients are told who does not answer
	Key        *hop.Key          // what requests are signed with; nil: nothing is
	Transport  http.RoundTripper // which may go to others than Origin
	CacheBytes int64             // of live media that is kept
	Logger     *slog.Logger
}

// NewWay makes a Way.
func NewWay(o WayOptions) *Way {
	w := &Way{origin: o.Origin, called: o.Called, log: o.Logger, key: o.Key, name: viaMark + rand.Text()[:12], transport: o.Transport}
	w.pass = w.newProxy(o.Logger)
	w.cache = relay.New(relay.Options{
		Origin: o.Origin, Transport: o.Transport, Prepare: func(out *http.Request) { w.prepare(out, nil) }, Pass: w.pass,
		MaxBytes: o.CacheBytes, Requests: requests, Logger: o.Logger,
	})
	return w
}

// NewTransport makes the connections to other services.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext, TLSHandshakeTimeout: dialWithin,
		ForceAttemptHTTP2: true, MaxIdleConns: 2 * idleConns, MaxIdleConnsPerHost: idleConns, IdleConnTimeout: idleFor, DisableCompression: true,
	}
}

// Live serves live media.
func (w *Way) Live() http.Handler { return w.cache }

// Pass passes requests on, each by itself.
func (w *Way) Pass() http.Handler { return w.pass }

// Edge is where the whole segments of a stream end that players have been told of here: a program date time, zero where that is not known.
func (w *Way) Edge(stream string) time.Time { return w.cache.Edge("/live/" + stream + "/") }

// Stats counts what has been asked and answered.
func (w *Way) Stats() relay.Stats { return w.cache.Stats() }

// Loops reports whether a request has come by this relay before, or by too many: then there is no origin at the end.
func (w *Way) Loops(request *http.Request) bool {
	hops := 0
	for via := range strings.SplitSeq(strings.Join(request.Header["Via"], ","), ",") {
		_, name, _ := strings.Cut(strings.TrimSpace(via), " ")
		if name == w.name {
			return true
		}
		if strings.HasPrefix(name, viaMark) {
			hops++
		}
	}
	return hops >= maxHops
}

// prepare tells the origin of a request by which way it comes, and of which client; nil: of all who wait.
func (w *Way) prepare(out, in *http.Request) {
	out.Header.Add("Via", "1.1 "+w.name)
	out.Header.Del(hop.Header)
	claim := hop.Claim{}
	if in != nil {
		claim = claimOf(in)
		for name, value := range map[string]string{
			"X-Forwarded-For": withoutPort(claim.Client), "X-Forwarded-Host": claim.Host, "X-Forwarded-Proto": claim.Scheme, "X-Forwarded-Prefix": claim.Prefix,
		} {
			out.Header.Set(name, value)
		}
		if claim.Prefix == "" && w.origin.Path != "" {
			out.Header.Set("X-Forwarded-Prefix", "/") // the top, or the origin's own would be meant
		}
	}
	if w.key != nil {
		path, _ := prefix.Strip(out.URL.EscapedPath(), w.origin.Path)
		w.key.Sign(out.Header, out.Method, path, claim)
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
