package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sluice-live/sluice/public/prefix"
)

// Relay says whose live media is served, in place of our own.
type Relay struct {
	Origin string // URL of another service; empty: this one is no relay
	Cache  int64  // bytes of its media that are kept in memory
	Secret Secret // that relays and their origin have in common; empty: neither believes the other
}

// Bounds of relay.cache, bytes.
const (
	minRelayCache int64 = 16 << 20
	maxRelayCache int64 = 1 << 40
)

// WatchNeedsKey reports whether it takes a right to watch.
func (a Auth) WatchNeedsKey() bool {
	return len(a.Play) > 0 || a.JWT.judges("watch") || a.Callback.asks("watch")
}

// IsRelay reports whether another service's media is served.
func (c Config) IsRelay() bool { return c.Relay.Origin != "" }

// RelayURL is where the origin of a relay is, with a path that has no slash at its end. ok is false where relay.origin is none.
func (c Config) RelayURL() (origin *url.URL, ok bool) {
	u, err := url.Parse(c.Relay.Origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, false
	}
	base, ok := prefix.Clean(u.Path)
	u.Path, u.RawPath, u.ForceQuery = base, "", false
	return u, ok
}

func (c Config) checkRelay(check *checker) {
	checkRange(check, "relay.cache", c.Relay.Cache, minRelayCache, maxRelayCache, FormatSize)
	check.want(c.Relay.Secret == "" || len(c.Relay.Secret) >= minSecretLength, "relay.secret", "a secret of %d bytes: it needs %d", len(c.Relay.Secret), minSecretLength)
	if !c.IsRelay() {
		return
	}
	origin, ok := c.RelayURL()
	check.want(ok, "relay.origin", "it is not a URL such as https://origin.example.org or http://10.0.0.1:8080/media")
	check.want(!ok || !c.isOwnAddress(origin), "relay.origin", "%s is this relay itself: name the service that it is a relay of", c.Relay.Origin)
	check.want(!c.Auth.WatchNeedsKey() || c.Relay.Secret != "", "relay.secret", "is needed where it takes a right to watch: the same as at the origin, and auth.* too")
}

// isOwnAddress reports whether a URL is one that this service listens on.
func (c Config) isOwnAddress(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	for _, listen := range []string{c.HTTP.Listen, c.HTTPS.Listen} {
		host, own, err := net.SplitHostPort(listen)
		if err != nil || own != port {
			continue
		}
		named, err := netip.ParseAddr(host)
		everywhere := host == "" || err == nil && named.IsUnspecified()
		if strings.EqualFold(host, u.Hostname()) || (everywhere || IsLoopback(listen)) && IsLoopback(net.JoinHostPort(u.Hostname(), port)) {
			return true
		}
	}
	return false
}
