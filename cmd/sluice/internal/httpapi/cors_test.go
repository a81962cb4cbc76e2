package httpapi

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Pages of other origins may read every answer, whatever its status.
func TestCORS(t *testing.T) {
	handler := newTestService(t, config.Auth{Publish: []config.StreamKey{{Stream: "studio", Key: "studio-key"}}}).handler
	key := "Bearer studio-key"
	for name, tc := range map[string]struct {
		method, path, authorization string
		status                      int
	}{
		"served":       {"GET", "/time", "", 200},
		"recordings":   {"GET", "/recordings", "", 200},
		"no recording": {"GET", "/recordings/a/b/video.mp4", "", 404},
		"no content":   {"GET", "/whip/studio", key, 204},
		"bad name":     {"GET", "/live/a.b/index.m3u8", "", 400},
		"no key":       {"POST", "/whip/studio", "", 401},
		"other's key":  {"POST", "/whip/other", key, 403},
		"no stream":    {"GET", "/live/studio/index.m3u8", "", 404},
		"no session":   {"DELETE", "/whip/studio/none", key, 404},
		"no route":     {"GET", "/nothing", "", 404},
		"no method":    {"POST", "/time", "", 405},
		"no SDP":       {"POST", "/whip/studio", key, 415},
		"not readable": {"GET", "//", "", 400},
		"not ready":    {"GET", "/readyz", "", 503},
	} {
		t.Run(name, func(t *testing.T) {
			for _, origin := range []string{"", "https://elsewhere.example"} {
				answer := ask(handler, tc.method, tc.path, "Authorization", tc.authorization, "Origin", origin)
				require.Equal(t, tc.status, answer.Code, answer.Body)
				require.Equal(t, []string{"*"}, answer.Header().Values("Access-Control-Allow-Origin"))
				require.Empty(t, answer.Header().Get("Access-Control-Allow-Credentials"))
				require.Empty(t, answer.Header().Get("Set-Cookie"))
				for _, exposed := range []string{"Location", "ETag", "Link", "Accept-Post", "Retry-After", "Date", "Age", "Content-Length", "Content-Range", "WWW-Authenticate"} {
					require.Contains(t, strings.Split(answer.Header().Get("Access-Control-Expose-Headers"), ", "), exposed)
				}
			}
		})
	}
}

// Where nobody needs a key, pages of other sites may watch, and change nothing and read nothing private. Who has a key may come from wherever.
func TestPagesOfOtherSites(t *testing.T) {
	open := newTestService(t, config.Auth{}).handler
	locked := newTestService(t, config.Auth{Publish: []config.StreamKey{{Key: "studio-key"}}}).handler
	for _, tc := range []struct {
		method  string
		paths   []string
		guarded bool
	}{
		{"DELETE", []string{"/api/v1/streams/studio", "/api/v1/rooms/den/air", "/api/v1/rooms/den/participants/somebody", "/whip/studio/session", "/upload/studio/session", "/echo/session"}, true},
		{"PUT", []string{"/api/v1/streams/studio/transform", "/api/v1/streams/studio/recording", "/api/v1/rooms/den/air"}, true},
		{"POST", []string{"/whip/studio", "/upload/studio", "/upload/studio?chunk=0&upload=a", "/echo"}, true},
		{"PATCH", []string{"/whip/studio/session", "/echo/session"}, true},
		{"OPTIONS", []string{"/whip/studio", "/echo"}, true},
		{"GET", []string{"/upload/studio/ws", "/api/v1/sessions", "/api/v1/sessions/events", "/api/v1/logs", "/api/v1/logs/events", "/api/v1/rooms", "/api/v1/rooms/den", "/recordings"}, true},
		{"GET", []string{"/api/v1/events", "/api/v1/streams", "/api/v1/streams/studio", "/api/v1/server", "/live/studio/index.m3u8", "/recordings/a/b/video.mp4", "/time", "/watch/studio"}, false},
		{"POST", []string{"/whep/studio"}, false},
	} {
		for _, path := range tc.paths {
			t.Run(tc.method+path, func(t *testing.T) {
				for name, headers := range map[string][]string{
					"another origin": {"Origin", "https://elsewhere.example"}, "no origin": {"Origin", "null"},
					"the browser says so": {"Sec-Fetch-Site", "cross-site"}, "another port": {"Sec-Fetch-Site", "same-site", "Origin", "http://example.com"},
				} {
					answer := ask(open, tc.method, path, headers...)
					if !tc.guarded {
						require.NotEqual(t, 403, answer.Code, name)
						continue
					}
					requireProblem(t, answer, 403)
					require.Contains(t, answer.Body.String(), "another site")
					require.NotEqual(t, 403, ask(locked, tc.method, path, append(headers, "Authorization", "Bearer studio-key")...).Code, "with a key")
				}
				require.NotEqual(t, 403, ask(open, tc.method, path, "Origin", "http://example.com").Code, "its own page")
				require.NotEqual(t, 403, ask(open, tc.method, path, "Sec-Fetch-Site", "same-origin", "Origin", "https://front.example").Code, "its own page behind a proxy")
				require.NotEqual(t, 403, ask(open, tc.method, path, "Sec-Fetch-Site", "none").Code, "typed in")
				require.NotEqual(t, 403, ask(open, tc.method, path).Code, "no page")
			})
		}
	}
	require.Contains(t, ask(open, "GET", "/recordings", "Sec-Fetch-Site", "cross-site", "Accept", "text/html").Header().Get("Content-Type"), "text/html", "a link to the page")
}

// Metrics are for monitors of this machine; from elsewhere, through a proxy too, they take a key.
func TestWhoReadsMetrics(t *testing.T) {
	admin := config.Auth{Admin: []config.Secret{"admin-key"}}
	publishers := config.Auth{Publish: []config.StreamKey{{Key: "every-key"}, {Stream: "studio", Key: "studio-key"}}}
	beyond := func(c *config.Config) { c.HTTP.Listen, c.Insecure = ":8080", true }
	local := func(*config.Config) {}
	for name, tc := range map[string]struct {
		auth    config.Auth
		change  func(*config.Config)
		headers []string
		status  int
	}{
		"on this machine":                {config.Auth{}, local, nil, 200},
		"on this machine, with keys":     {admin, local, nil, 200},
		"a page of another site":         {config.Auth{}, local, []string{"Origin", "https://elsewhere.example"}, 403},
		"the same, with keys":            {admin, local, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"through a proxy":                {config.Auth{}, local, []string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"through a proxy, without a key": {admin, local, []string{"Forwarded", "for=192.0.2.1"}, 401},
		"through a proxy, with one":      {admin, local, []string{"Forwarded", "for=192.0.2.1", "Authorization", "Bearer admin-key"}, 200},
		"from elsewhere":                 {config.Auth{}, beyond, nil, 403},
		"from elsewhere, without a key":  {admin, beyond, nil, 401},
		"from elsewhere, with one":       {admin, beyond, []string{"Authorization", "Bearer admin-key"}, 200},
		"key for every stream":           {publishers, beyond, []string{"Authorization", "Bearer every-key"}, 200},
		"key for one stream":             {publishers, beyond, []string{"Authorization", "Bearer studio-key"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			answer := askAt(handlerOf(t, tc.auth, tc.change), "127.0.0.1:8080", "GET", "/metrics", func(r *http.Request) {
				for i := 0; i < len(tc.headers); i += 2 {
					r.Header.Set(tc.headers[i], tc.headers[i+1])
				}
			})
			require.Equal(t, tc.status, answer.Code, answer.Header())
		})
	}
}

// The address for monitors asks nobody for a key, and pages of other sites are nobody.
func TestAddressOfMonitors(t *testing.T) {
	for name, listen := range map[string]string{"loopback": "127.0.0.1:0", "beyond": ":0"} {
		cfg := testConfig(t, config.Auth{Publish: []config.StreamKey{{Key: "studio-key"}}})
		cfg.HTTP.Hosts, cfg.HTTP.Metrics = nil, listen
		s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
		s.release(t)
		handler := NewMetrics(s.Service, cfg)
		nothing := func(*http.Request) {}
		require.Contains(t, askAt(handler, "127.0.0.1:9090", "GET", "/metrics", nothing).Body.String(), "sluice_sessions 0")
		require.Equal(t, 200, askAt(handler, "127.0.0.1:9090", "GET", "/debug/pprof/goroutine?debug=1", nothing).Code)
		require.Equal(t, 200, askAt(handler, "127.0.0.1:9090", "GET", "/debug/pprof/", nothing).Code)
		requireProblem(t, askAt(handler, "127.0.0.1:9090", "GET", "/api/v1/sessions", nothing), 404)
		requireProblem(t, askAt(handler, "127.0.0.1:9090", "POST", "/metrics", nothing), 405)
		require.Empty(t, askAt(handler, "127.0.0.1:9090", "GET", "/metrics", nothing).Header().Get("Access-Control-Allow-Origin"))
		requireProblem(t, askAt(handler, "127.0.0.1:9090", "GET", "/metrics", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), 403)
		byName := askAt(handler, "sluice.monitoring.example", "GET", "/metrics", nothing)
		require.Equal(t, map[string]int{"loopback": 421, "beyond": 200}[name], byName.Code)
		requireProblem(t, askAt(s.handler, "127.0.0.1", "GET", "/debug/pprof/", nothing), 404)
	}
}

// --insecure lets everybody publish, and nobody administer.
func TestInsecure(t *testing.T) {
	beyond := func(c *config.Config) { c.HTTP.Listen, c.Insecure = ":8080", true }
	open := handlerOf(t, config.Auth{}, beyond)
	locked := handlerOf(t, config.Auth{Admin: []config.Secret{"admin-key"}}, beyond)
	for path, method := range map[string]string{
		"/api/v1/streams/studio": "DELETE", "/api/v1/streams/studio/transform": "PUT", "/api/v1/streams/studio/recording": "PUT", "/api/v1/streams/studio/clips": "POST", "/api/v1/keys": "POST", "/api/v1/keys/x": "DELETE", "/api/v1/streams/studio/clips/x": "DELETE", "/api/v1/sessions": "GET", "/api/v1/sessions/events": "GET", "/api/v1/logs": "GET", "/api/v1/logs/events": "GET",
		"/api/v1/rooms/den/air": "PUT", "/api/v1/rooms/den/participants/somebody": "DELETE",
	} {
		answer := askAt(open, "203.0.113.7", method, path, func(r *http.Request) { r.RemoteAddr = "127.0.0.1:4000" })
		requireProblem(t, answer, 403)
		require.Contains(t, answer.Body.String(), "auth.admin")
		requireProblem(t, askAt(locked, "203.0.113.7", method, path, func(*http.Request) {}), 401)
		require.NotContains(t, []int{401, 403}, askAt(locked, "203.0.113.7", method, path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer admin-key") }).Code, path)
	}
	for _, handler := range []http.Handler{open, locked} {
		requireProblem(t, askAt(handler, "203.0.113.7", "POST", "/whip/studio", func(*http.Request) {}), 415)
		require.Equal(t, 200, askAt(handler, "203.0.113.7", "GET", "/api/v1/streams", func(*http.Request) {}).Code)
	}
}

// A preflight carries no key (Fetch §4.8) and gets a good answer everywhere: otherwise a page could not even read a refusal.
func TestPreflight(t *testing.T) {
	handler := newTestService(t, config.Auth{Publish: []config.StreamKey{{Key: "studio-key"}}, Admin: []config.Secret{"admin-key"}}).handler
	for path, method := range map[string]string{
		"/whip/studio":          "POST",
		"/whip/a.b":             "POST",
		"/whip/studio/session":  "PATCH",
		"/echo":                 "POST",
		"/echo/session":         "DELETE",
		"/live/studio/a.m3u8":   "GET",
		"/live/a.b/a.m3u8":      "GET",
		"/live//a.m3u8":         "GET",
		"/recordings/a/b/c.mp4": "GET",
		"/api/v1/streams/a":     "DELETE",
		"/time":                 "HEAD",
		"/nothing":              "GET",
	} {
		t.Run(path, func(t *testing.T) {
			answer := ask(handler, "OPTIONS", path, "Origin", "https://elsewhere.example",
				"Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,cmcd-session,if-match,traceparent")
			require.Contains(t, []int{200, 204}, answer.Code)
			require.Empty(t, answer.Body.String())
			require.Equal(t, "*", answer.Header().Get("Access-Control-Allow-Origin"))
			require.Contains(t, strings.Split(answer.Header().Get("Access-Control-Allow-Methods"), ", "), method)
			for _, header := range []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "Range", "cmcd-session", "traceparent"} {
				require.Contains(t, strings.Split(answer.Header().Get("Access-Control-Allow-Headers"), ", "), header)
			}
			require.NotEmpty(t, answer.Header().Get("Access-Control-Max-Age"))
			require.Empty(t, answer.Header().Get("Link"), "credentials of TURN are not for everybody: RFC 9725 §4.6")
		})
	}
	for _, path := range []string{"/whip/studio", "/echo"} {
		answer := ask(handler, "OPTIONS", path, "Access-Control-Request-Method", "POST")
		require.Equal(t, 200, answer.Code)
		require.Equal(t, "application/sdp", answer.Header().Get("Accept-Post"), "RFC 9725 §4.2")
	}
}
