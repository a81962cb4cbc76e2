package httpapi

import (
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

// Where nobody needs a key, pages of other sites may look, and change nothing. Who has a key may come from wherever.
func TestPagesOfOtherSites(t *testing.T) {
	open := newTestService(t, config.Auth{}).handler
	locked := newTestService(t, config.Auth{Admin: []config.Secret{"admin-key"}}).handler
	for method, paths := range map[string][]string{
		"DELETE": {"/api/v1/streams/studio", "/api/v1/rooms/den/air", "/api/v1/rooms/den/participants/somebody"},
		"PUT":    {"/api/v1/streams/studio/transform", "/api/v1/rooms/den/air"},
	} {
		for _, path := range paths {
			t.Run(method+path, func(t *testing.T) {
				requireProblem(t, ask(open, method, path, "Origin", "https://elsewhere.example"), 403)
				require.NotEqual(t, 403, ask(open, method, path, "Origin", "http://example.com").Code, "its own page")
				require.NotEqual(t, 403, ask(open, method, path).Code, "no page")
				require.NotEqual(t, 403, ask(locked, method, path, "Origin", "https://elsewhere.example", "Authorization", "Bearer admin-key").Code)
			})
		}
	}
	require.Equal(t, 200, ask(open, "GET", "/api/v1/streams", "Origin", "https://elsewhere.example").Code)
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
