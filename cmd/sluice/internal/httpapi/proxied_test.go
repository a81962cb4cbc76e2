package httpapi

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// newOffer is an offer that sends sound and gets it back.
func newOffer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	defer pc.Close()
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio)
	require.NoError(t, err)
	offer, err := pc.CreateOffer(nil)
	require.NoError(t, err)
	return offer.SDP
}

// proxied is a service behind a proxy at 10.0.0.1, where each client may have two sessions.
func proxied(t *testing.T, change func(*config.Config)) *testService {
	t.Helper()
	cfg := testConfig(t, config.Auth{})
	cfg.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cfg.Limits.SessionsPerAddress = 2
	change(&cfg)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	return s
}

// Sessions are counted for the client behind a trusted proxy; what others say of themselves counts nothing.
func TestLimitsCountTheClient(t *testing.T) {
	s, offer := proxied(t, func(*config.Config) {}), newOffer(t)
	post := func(peer, client string) int {
		r := httptest.NewRequest("POST", "/echo", strings.NewReader(offer))
		r.RemoteAddr = peer + ":4000"
		r.Header.Set("Content-Type", "application/sdp")
		r.Header.Set("X-Forwarded-For", client)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 10 {
		for range 2 {
			require.Equal(t, 201, post("10.0.0.1", fmt.Sprintf("198.51.100.99, 192.0.2.%d", i)))
		}
	}
	require.Equal(t, 429, post("10.0.0.1", "198.51.100.99, 192.0.2.1"), "a third of the same")
	statuses := map[int]int{}
	for i := range 10 {
		statuses[post("203.0.113.9", fmt.Sprintf("192.0.2.%d", 100+i))]++
	}
	require.Equal(t, map[int]int{201: 2, 429: 8}, statuses, "who is no proxy has the sessions of one address")
	for _, session := range s.Ingest().Sessions().Infos() {
		require.NotContains(t, session.Address, "10.0.0.1")
	}
}

// Behind a proxy that shows the service below a path, whether it takes that away or not, all that is answered leads back through the proxy.
func TestBelowAPath(t *testing.T) {
	for name, tc := range map[string]struct {
		strips bool // the proxy takes the path away
		header string
		base   string
	}{
		"proxy_pass with a slash, base-path":    {true, "", "/media"},
		"proxy_pass without a slash, base-path": {false, "", "/media/"},
		"prefix told by the proxy":              {true, "/media", ""},
		"prefix told and left":                  {false, "/media", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, config.Auth{})
			cutStream(t, cfg, "cut")
			cfg.HTTP.BasePath, cfg.HTTP.TrustedProxies = tc.base, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
			s.release(t)
			origin := httptest.NewServer(s.handler)
			defer origin.Close()
			target, err := url.Parse(origin.URL)
			require.NoError(t, err)
			front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
				if tc.strips {
					p.Out.URL.Path = strings.TrimPrefix(p.In.URL.Path, "/media")
				}
				p.SetURL(target)
				p.Out.Host = p.In.Host
				if tc.header != "" {
					p.Out.Header.Set("X-Forwarded-Prefix", tc.header)
				}
				p.SetXForwarded()
			}})
			defer front.Close()
			do := func(method, path, body string) (*http.Response, string) {
				r, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
				require.NoError(t, err)
				r.Header.Set("Content-Type", "application/sdp")
				response, err := front.Client().Do(r)
				require.NoError(t, err)
				defer response.Body.Close()
				text, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				return response, string(text)
			}

			posted, _ := do("POST", "/media/echo", newOffer(t))
			require.Equal(t, 201, posted.StatusCode)
			location := posted.Header.Get("Location")
			require.Regexp(t, `^/media/echo/\w+$`, location, "an absolute path, as OBS wants it")
			ended, _ := do("DELETE", location, "")
			require.Equal(t, 200, ended.StatusCode)

			_, streams := do("GET", "/media/api/v1/streams", "")
			for _, path := range []string{"/media/live/cut/index.m3u8", "/media/live/cut/manifest.mpd", "/media/whep/cut", "/media/watch/cut"} {
				require.Contains(t, streams, `"`+path+`"`)
			}
			page, html := do("GET", "/media/", "")
			if page.StatusCode == 200 { // the pages have been built
				require.Contains(t, html, `href="/media/publish"`)
				require.NotRegexp(t, `(?:href|src|action)="/(?:[^m]|m[^e])`, html)
			}
		})
	}
}
