package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/public/problem"
)

// hosts are the names that the service answers to. A page of another site whose name its owner has pointed to this machine (DNS
// rebinding) is of the same origin for the browser; the name in Host gives it away. Addresses cannot be pointed anywhere.
type hosts struct {
	names   []string // in lower case; *.example.org is every name below
	byKey   bool     // whoever may change anything shows a key, which a page of another site has not
	dynamic bool     // http.hosts is not set
}

func newHosts(cfg config.Config) hosts {
	h := hosts{byKey: cfg.Auth.PublishNeedsKey(), dynamic: len(cfg.HTTP.Hosts) == 0}
	for _, name := range cfg.HTTP.Hosts {
		h.names = append(h.names, strings.ToLower(name))
	}
	for _, address := range []string{cfg.HTTP.Listen, cfg.HTTPS.Listen} {
		if name, _, err := net.SplitHostPort(address); err == nil && name != "" {
			h.names = append(h.names, strings.ToLower(name))
		}
	}
	if !cfg.Loopback() {
		own, _ := certificate.OwnNames()
		for _, name := range own {
			h.names = append(h.names, strings.ToLower(name), strings.ToLower(name)+".local")
		}
	}
	return h
}

// only refuses requests for other hosts (RFC 9110 §15.5.20), but for the probes, which tell nobody anything.
func (h hosts) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		relayed, _ := forwarded.ByRelay(r) // which has looked at the name itself
		if probe || relayed || h.answers(r) {
			next.ServeHTTP(w, r)
			return
		}
		problem.Write(w, http.StatusMisdirectedRequest, fmt.Sprintf(
			"This server is not known as %.100q: open it by its address, or start it with that name in http.hosts (--http-hosts), as behind a proxy "+
				"that passes the name on. Without keys it answers to names that it knows only, so that no page of another site can pass for one of its own.", r.Host))
	})
}

// answers reports whether the host of a request is one of ours. Where it is not said which are, a name needs no look that a certificate or a
// key stands for.
func (h hosts) answers(r *http.Request) bool {
	if h.dynamic && (h.byKey || r.TLS != nil) {
		return true
	}
	name := hostName(r.Host)
	if name == "" || isAddress(name) || name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 §6.3
		return true
	}
	return slices.ContainsFunc(h.names, func(known string) bool {
		below, all := strings.CutPrefix(known, "*")
		return known == name || all && len(name) > len(below) && strings.HasSuffix(name, below)
	})
}

// hostName is a Host header without its port, in lower case and without the dot that may end a name.
func hostName(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") == "" {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isAddress reports whether a host is an address. Behind one, as its zone, a parser takes any text, and so the name of a stranger.
func isAddress(name string) bool {
	address, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && !strings.Contains(address.Zone(), ".")
}

// hsts makes browsers that have come by TLS once never come without (RFC 6797). They heed it for names only, and never on a certificate
// that they warn of.
const hsts = "max-age=31536000"

var noSniff = []string{"nosniff"}

// secured adds to every answer that browsers take it for what it says it is, and by TLS that they keep to that.
func secured(cfg config.Config, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = noSniff
		if forwarded.Secure(r) && !(r.TLS != nil && cfg.TLS.SelfSigned) {
			if name := hostName(r.Host); !isAddress(name) && name != "localhost" {
				w.Header().Set("Strict-Transport-Security", hsts)
			}
		}
		next.ServeHTTP(w, r)
	})
}
