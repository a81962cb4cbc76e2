package httpapi

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// handlerOf is what is served by a configuration.
func handlerOf(t *testing.T, auth config.Auth, change func(*config.Config)) http.Handler {
	t.Helper()
	cfg := testConfig(t, auth)
	cfg.HTTP.Hosts = nil
	change(&cfg)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	return s.handler
}

// askAt asks by the name of a host.
func askAt(handler http.Handler, host, method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	change(r)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// A name that somebody else has pointed here is not answered, unless a key or a certificate keeps its pages from doing harm.
func TestHosts(t *testing.T) {
	key := config.Auth{Publish: []config.StreamKey{{Key: "studio-key"}}}
	for name, tc := range map[string]struct {
		auth            config.Auth
		change          func(*config.Config)
		tls             bool
		answered, other []string
	}{
		"loopback": {
			answered: []string{"127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "[::1]", "localhost", "LOCALHOST:8080", "localhost.", "a.localhost", "192.168.1.2:80", "[2001:db8::1%25eth0]", ""},
			other:    []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1.nip.example.", "notlocalhost", "[evil]", "a b", "[::1%.evil.example]", "::1%.evil.example"},
		},
		"listening on a name": {change: func(c *config.Config) { c.HTTP.Listen = "Studio:8080" }, answered: []string{"studio:8080", "studio"}, other: []string{"evil.example"}},
		"everywhere": {
			change:   func(c *config.Config) { c.HTTP.Listen, c.Insecure = ":8080", true },
			answered: []string{"203.0.113.7:8080", "[2001:db8::7]:8080"}, other: []string{"evil.example"},
		},
		"hosts": {
			change:   func(c *config.Config) { c.HTTP.Hosts = []string{"TV.example.org", "*.example.net"} },
			answered: []string{"tv.example.org", "tv.example.org:443", "a.b.example.net", "127.0.0.1"}, other: []string{"example.net", "tv.example.org.evil.example", "eviltv.example.org", "evil-example.net"},
		},
		"everything":    {change: func(c *config.Config) { c.HTTP.Hosts = []string{"*.example"} }, answered: []string{"evil.example"}},
		"key":           {auth: key, answered: []string{"tv.example.org"}},
		"key and hosts": {auth: key, change: func(c *config.Config) { c.HTTP.Hosts = []string{"tv.example.org"} }, answered: []string{"tv.example.org"}, other: []string{"evil.example"}},
		"certificate":   {tls: true, answered: []string{"tv.example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.change == nil {
				tc.change = func(*config.Config) {}
			}
			handler := handlerOf(t, tc.auth, tc.change)
			secure := func(r *http.Request) {
				if tc.tls {
					r.TLS = &tls.ConnectionState{}
				}
			}
			for _, host := range tc.answered {
				require.Equal(t, 200, askAt(handler, host, "GET", "/api/v1/streams", secure).Code, host)
			}
			for _, host := range tc.other {
				for path, method := range map[string]string{"/api/v1/streams": "GET", "/whip/a": "POST", "/live/a/index.m3u8": "GET", "/nothing": "GET", "/": "GET", "/metrics": "GET", "/upload/a/ws": "GET"} {
					answer := askAt(handler, host, method, path, secure)
					requireProblem(t, answer, 421)
					require.Contains(t, answer.Body.String(), "http.hosts (--http-hosts)")
				}
				require.Equal(t, 200, askAt(handler, host, "GET", "/healthz", secure).Code, host)
			}
		})
	}
}

// Every answer says that it is what it says, and by TLS with a certificate of its name that there is nothing without.
func TestSecurityHeaders(t *testing.T) {
	for name, tc := range map[string]struct {
		host       string
		tls        bool
		selfSigned bool
		want       string
	}{
		"plain":                 {"tv.example.org", false, false, ""},
		"TLS":                   {"tv.example.org:8443", true, false, hsts},
		"TLS at an address":     {"203.0.113.7:8443", true, false, ""},
		"TLS of its own making": {"tv.example.org", true, true, ""},
		"localhost":             {"localhost:8443", true, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			handler := handlerOf(t, config.Auth{}, func(c *config.Config) { c.HTTP.Hosts, c.TLS.SelfSigned = []string{"tv.example.org"}, tc.selfSigned })
			for _, path := range []string{"/", "/time", "/api/v1/streams", "/recordings", "/metrics", "/live/a/index.m3u8", "/nothing", "//", "/whip/a"} {
				answer := askAt(handler, tc.host, "GET", path, func(r *http.Request) {
					if tc.tls {
						r.TLS = &tls.ConnectionState{}
					}
				})
				require.Equal(t, []string{"nosniff"}, answer.Header().Values("X-Content-Type-Options"), path)
				require.Equal(t, tc.want, answer.Header().Get("Strict-Transport-Security"), path)
			}
		})
	}
}

// FuzzHosts looks for names that pass for ours.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"evil.example", "127.0.0.1:80", "[::1]", "localhost.evil.example", "a.localhost", "[::6%", "::1%25"} {
		f.Add(s)
	}
	h := newHosts(config.Default())
	f.Fuzz(func(t *testing.T, host string) {
		if r := (&http.Request{Host: host + ".evil.example"}); h.answers(r) {
			t.Fatalf("%q passes", r.Host)
		}
	})
}
