// Package forwarded believes what trusted reverse proxies say of the requests that they pass on: who the client is, by which scheme, host and
// path it asked. It knows X-Forwarded-For, -Proto, -Host and -Prefix, and Forwarded (RFC 7239). Of anybody else these headers mean nothing.
//
// A relay says the same, signed with a secret: see package hop. That counts more, wherever it comes from.
//
// A trusted proxy has to set or remove each of these headers: one that it passes on is the client's own word. Where X-Forwarded-For and
// Forwarded name different clients, one of them is that, and neither is believed.
//
// It starts no goroutine.
package forwarded

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// Proxies are those in front of the service.
type Proxies struct {
	Trusted []netip.Prefix // whose headers are believed
	Base    string         // prefix of requests of which no trusted proxy says another; see package prefix
	Relays  *hop.Key       // what relays sign with; nil: none is believed
	Members *hop.Key       // what the other nodes of a cluster sign with; nil: there are none
}

// Believe serves requests as if they came from the client itself: with its address as RemoteAddr, the host and the scheme that it asked for,
// and the prefix in which the service stands for it, without that in the path.
func (p Proxies) Believe(next http.Handler) http.Handler {
	if len(p.Trusted) == 0 && p.Base == "" && p.Relays == nil && p.Members == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Relays == nil && p.Members == nil || r.Header[hop.Header] == nil {
			next.ServeHTTP(w, p.read(r))
			return
		}
		said, member, err := p.readHop(r)
		switch {
		case errors.Is(err, hop.ErrBusy):
			problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "This is not done yet: "+err.Error()+".")
		case err != nil:
			problem.Write(w, http.StatusForbidden, "This is refused: "+err.Error()+".")
		default:
			next.ServeHTTP(w, p.as(r.WithContext(context.WithValue(r.Context(), relayKey{}, by{said.client.IsValid(), member})), said))
		}
	})
}

type relayKey struct{}

// by says who has passed a request on.
type by struct{ forOne, member bool }

// ByRelay reports whether a relay has passed the request on, and whether for one client; otherwise it asks for all who wait.
func ByRelay(r *http.Request) (yes, forOne bool) {
	passed, yes := r.Context().Value(relayKey{}).(by)
	return yes, passed.forOne
}

// ByMember reports whether another node of the cluster has passed the request on, or asks by itself.
func ByMember(r *http.Request) bool {
	passed, _ := r.Context().Value(relayKey{}).(by)
	return passed.member
}

// readHop reads what a relay says, or a node. It signs paths without the prefix in which it sees the service.
func (p Proxies) readHop(r *http.Request) (said claim, member bool, err error) {
	path, _ := prefix.Strip(r.URL.EscapedPath(), p.Base)
	told, err := hop.Claim{}, hop.ErrBad
	if p.Members != nil {
		told, err = p.Members.Read(r.Header, r.Method, path)
		member = err == nil
	}
	if errors.Is(err, hop.ErrBad) && p.Relays != nil {
		told, err = p.Relays.Read(r.Header, r.Method, path)
	}
	if err != nil {
		return claim{}, false, err
	}
	said = claim{scheme: scheme(told.Scheme), host: host(told.Host), relayed: true}
	said.client, _ = node(told.Client)
	said.prefix, said.hasPrefix = prefix.Clean(told.Prefix)
	return said, member, nil
}

// read returns the request as the client made it.
func (p Proxies) read(r *http.Request) *http.Request {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	said := claim{}
	if err == nil && p.trusts(peer.Addr()) {
		said = p.believed(peer, r.Header)
	}
	return p.as(r, said)
}

// as returns the request as it was before it was passed on.
func (p Proxies) as(r *http.Request, said claim) *http.Request {
	base := p.Base
	if said.hasPrefix {
		base = said.prefix
	}
	if base == "" && said == (claim{}) {
		return r
	}
	r = prefix.With(r, base)
	url := *r.URL
	r.URL = &url
	if said.relayed {
		base = p.Base // below which relays ask
	}
	if _, found := prefix.Strip(url.Path, base); !found {
		base = p.Base // which a relay that signs nothing has before its client's paths
	}
	if rest, found := prefix.Strip(url.Path, base); found {
		raw, _ := prefix.Strip(url.RawPath, base) // as it is where the client has escaped what needs none
		url.Path, url.RawPath = rest, raw
	}
	if said.client.IsValid() {
		r.RemoteAddr = said.client.String()
	}
	if said.host != "" {
		r.Host = said.host
	}
	url.Scheme = said.scheme
	return r
}

// trusts reports whether an address is that of a trusted proxy.
func (p Proxies) trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(p.Trusted, func(trusted netip.Prefix) bool { return trusted.Contains(address) })
}

// claim is what a trusted proxy says, as far as it can be read.
type claim struct {
	client       netip.AddrPort // not valid where nothing is said
	scheme, host string
	prefix       string
	hasPrefix    bool
	relayed      bool // by a relay, and not a proxy
}

// believed reads the headers of a request that a trusted proxy has sent.
func (p Proxies) believed(peer netip.AddrPort, h http.Header) claim {
	older, ok := p.readOlder(peer, h)
	standard, ok2 := p.readStandard(peer, h)
	switch {
	case !ok || !ok2:
		return claim{} // too long to be looked at
	case older.client.IsValid() && standard.client.IsValid() && older.client.Addr() != standard.client.Addr():
		return claim{}
	}
	if !older.client.IsValid() {
		older.client = standard.client
	}
	if older.scheme == "" {
		older.scheme = standard.scheme
	}
	if older.host == "" {
		older.host = standard.host
	}
	return older
}

// readOlder reads the headers X-Forwarded-*.
func (p Proxies) readOlder(peer netip.AddrPort, h http.Header) (said claim, ok bool) {
	var lists [4][]string
	for i, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"} {
		if lists[i], ok = split(h[name]); !ok {
			return claim{}, false
		}
	}
	client, hops := p.walk(peer, len(lists[0]), func(i int) string { return lists[0][i] })
	said.client = client
	said.scheme = scheme(fromRight(lists[1], hops))
	said.host = host(fromRight(lists[2], hops))
	if len(lists[3]) > 0 {
		said.prefix, said.hasPrefix = prefix.Clean(fromRight(lists[3], hops))
	}
	return said, true
}

// readStandard reads Forwarded.
func (p Proxies) readStandard(peer netip.AddrPort, h http.Header) (said claim, ok bool) {
	elements, ok := parse(h["Forwarded"])
	if !ok || len(elements) == 0 {
		return claim{}, ok
	}
	client, hops := p.walk(peer, len(elements), func(i int) string { return elements[i].client })
	last := elements[max(len(elements)-hops, 0)]
	return claim{client: client, scheme: scheme(last.scheme), host: host(last.host)}, true
}

// walk goes from the proxy that has sent a request back along those that it was passed on by: the client is the right-most one that is not
// trusted, or the last that can be read. hops is how many of the addresses lie on the way, at least 1.
func (p Proxies) walk(peer netip.AddrPort, n int, at func(int) string) (client netip.AddrPort, hops int) {
	for i := n - 1; i >= 0; i-- {
		address, ok := node(at(i))
		if !ok {
			break
		}
		client = address
		hops++
		if !p.trusts(address.Addr()) {
			break
		}
	}
	if n > 0 && !client.IsValid() {
		client = peer
	}
	return client, max(hops, 1)
}

// Claims reports whether somebody says that a request was passed on by a proxy. Nothing is believed for that but that there is one.
func Claims(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}

// Secure reports whether the client has asked over TLS, as far as that is known.
func Secure(r *http.Request) bool { return r.TLS != nil || strings.EqualFold(r.URL.Scheme, "https") }
