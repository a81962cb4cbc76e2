package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/public/problem"
)

// requireProblem checks an RFC 9457 document that nobody keeps.
func requireProblem(t *testing.T, answer *httptest.ResponseRecorder, status int) {
	t.Helper()
	require.Equal(t, status, answer.Code, answer.Body)
	require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Empty(t, answer.Header().Get("Location"))
	var told problem.Document
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &told))
	require.Equal(t, status, told.Status)
	require.NotEmpty(t, told.Title)
	require.NotEmpty(t, told.Detail)
}

func TestRefusedPaths(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	for name, tc := range map[string]struct {
		status int
		paths  []string
	}{
		"names outside the grammar": {400, []string{
			"/whip/a.b", "/whip/-a", "/whip/a%2Fb", "/whip/%2e%2e", "/whip/a%00", "/whip/" + strings.Repeat("a", 65),
			"/whip/a.b/session", "/whip/%2e%2e/session",
			"/live/a.b/index.m3u8", "/live/a%2Fb/index.m3u8", "/live/%2e/index.m3u8", "/live/%2e%2e/index.m3u8", "/live/a%20b",
			"/recordings/a.b/20260101T000000Z/video.mp4", "/recordings/%2e%2e/x/video.mp4",
			"/api/v1/streams/a.b", "/api/v1/streams/%2e%2e",
		}},
		"parts that are empty or dots": {400, []string{
			"//", "/./", "/..", "//whip/a", "/whip//a", "/whip/.", "/whip/..", "/live//index.m3u8", "/live/a//index.m3u8",
			"/live/a/./index.m3u8", "/live/a/../b/index.m3u8", "/live/../etc", "/recordings/a//video.mp4", "/watch//", "/assets/../x",
		}},
		"nothing there": {404, []string{
			"/nothing", "/whip", "/whip/", "/whip/a/b/c", "/live", "/live/", "/live/a", "/live/a/", "/live/a/index.m3u8",
			"/live/a/%2e%2e/index.m3u8", "/live/a/..%2f..%2ftimeline.log", "/live/a/timeline.log", "/echo/session",
			"/recordings/a", "/recordings/a/20260101T000000Z/video.mp4", "/recordings/a/%2e%2e/video.mp4",
			"/recordings/a/20260101T000000Z/..%2fvideo.mp4", "/watch", "/assets/..%2f..%2fgo.mod", "/api/v1/streams/a",
		}},
	} {
		for _, path := range tc.paths {
			t.Run(name+" "+path, func(t *testing.T) {
				answer := ask(handler, "GET", path)
				requireProblem(t, answer, tc.status)
				require.Equal(t, "*", answer.Header().Get("Access-Control-Allow-Origin"))
				preflight := ask(handler, "OPTIONS", path, "Access-Control-Request-Method", "GET")
				require.Contains(t, []int{200, 204}, preflight.Code, "a page must be able to read it")
			})
		}
	}
}

func TestStreamThatDoesNotExist(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	for _, path := range []string{"/live/a/index.m3u8", "/live/a/manifest.mpd", "/live/a/thumbnail.jpg", "/live/a/EPOCH/240p-1.m4s", "/api/v1/streams/a"} {
		for _, method := range []string{"GET", "HEAD"} {
			answer := ask(handler, method, path)
			require.Equal(t, 404, answer.Code, path)
			require.NotEmpty(t, answer.Header().Get("Retry-After"), path)
		}
	}
}

func TestMethods(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	for path, allowed := range map[string]string{
		"/":                   "GET, HEAD",
		"/live/a":             "GET, HEAD",
		"/live/a/index.m3u8":  "GET, HEAD",
		"/time":               "GET, HEAD",
		"/recordings":         "GET, HEAD",
		"/api/v1/streams":     "GET, HEAD",
		"/api/v1/streams/a":   "DELETE, GET, HEAD",
		"/metrics":            "GET, HEAD",
		"/echo":               "GET, HEAD, OPTIONS, POST",
		"/whip/a":             "POST, GET, HEAD, OPTIONS",
		"/recordings/a/b/c.m": "GET, HEAD",
	} {
		t.Run(path, func(t *testing.T) {
			answer := ask(handler, "PUT", path)
			requireProblem(t, answer, 405)
			require.Equal(t, allowed, answer.Header().Get("Allow"))
			require.Equal(t, "*", answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestServed(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	for path, contentType := range map[string]string{
		"/healthz":        "application/json",
		"/api/v1/server":  "application/json",
		"/api/v1/streams": "application/json",
		"/recordings":     "application/json",
		"/time":           "text/plain; charset=utf-8",
		"/metrics":        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
		"/":               "text/html; charset=utf-8",
		"/publish":        "text/html; charset=utf-8",
		"/watch/a":        "text/html; charset=utf-8",
		"/echo":           "text/html; charset=utf-8",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(method+" "+path, func(t *testing.T) {
				answer := ask(handler, method, path)
				if answer.Code == http.StatusServiceUnavailable && strings.HasPrefix(contentType, "text/html") {
					return // the pages have not been built
				}
				require.Equal(t, 200, answer.Code, answer.Body)
				require.Equal(t, contentType, answer.Header().Get("Content-Type"))
				require.Equal(t, "*", answer.Header().Get("Access-Control-Allow-Origin"))
			})
		}
	}
	require.Contains(t, ask(handler, "GET", "/api/v1/streams").Body.String(), `"streams":[]`)
	require.NotContains(t, ask(handler, "GET", "/api/v1/server").Body.String(), "turn-secret")
}

// RFC 9725 §4.1 and §4.2: GET and HEAD have no content; OPTIONS says what may be posted.
func TestWHIPMethodsThatChangeNothing(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	for _, method := range []string{"GET", "HEAD"} {
		answer := ask(handler, method, "/whip/a")
		require.Equal(t, 204, answer.Code)
		require.Empty(t, answer.Body.String())
	}
	for _, path := range []string{"/whip/a", "/echo"} {
		answer := ask(handler, "OPTIONS", path)
		require.Equal(t, 200, answer.Code)
		require.Equal(t, "application/sdp", answer.Header().Get("Accept-Post"))
		require.NotEmpty(t, answer.Header().Get("Link"))
	}
	requireProblem(t, ask(handler, "POST", "/whip/a"), 415)
	requireProblem(t, ask(handler, "DELETE", "/whip/a/session"), 404)
}

func TestRecordingsListOrPage(t *testing.T) {
	s := newTestService(t, config.Auth{})
	handler := s.handler
	for accept, page := range map[string]bool{"": false, "*/*": false, "application/json": false, "text/html,application/xhtml+xml;q=0.9": true} {
		answer := ask(handler, "GET", "/recordings", "Accept", accept)
		require.Equal(t, page, strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html"), accept)
		require.Contains(t, answer.Header().Values("Vary"), "Accept")
	}
}

func TestReady(t *testing.T) {
	s := serviceOf(t, testConfig(t, config.Auth{}), slog.New(slog.DiscardHandler))
	handler := s.handler
	answer := ask(handler, "GET", "/readyz")
	requireProblem(t, answer, 503)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	require.Eventually(t, func() bool { return ask(handler, "GET", "/readyz").Code == 200 }, time.Minute, time.Millisecond)
	stop()
	requireProblem(t, ask(handler, "GET", "/readyz"), 503)
	require.NoError(t, <-ran)
	requireProblem(t, ask(handler, "GET", "/readyz"), 503)
}

// deadlines keeps what deadlines a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = append(d.read, t); return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = append(d.write, t); return nil }

// Every request with a body has a time for it, on every route; one without has none, so that long polls may wait.
func TestDeadlines(t *testing.T) {
	handler := newTestService(t, config.Auth{Publish: []config.StreamKey{{Key: "studio-key"}}}).handler
	for _, path := range []string{"/nothing", "/whip/a", "/whip/a.b", "//", "/time", "/live/a/index.m3u8", "/api/v1/streams/a"} {
		for body, want := range map[string]int{"": 0, "x": 1} {
			answer := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			request := httptest.NewRequest("DELETE", path, strings.NewReader(body))
			handler.ServeHTTP(answer, request)
			require.Len(t, answer.read, want, "%s with body %q", path, body)
			require.Len(t, answer.write, 1, path)
		}
	}
}

// A download may take as long as it goes on.
func TestRecordingsAreUnhurried(t *testing.T) {
	s := newTestService(t, config.Auth{})
	directory := filepath.Join(s.cfg.Packager().RecordingsDir, "a", "20260101T000000Z")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	content := strings.Repeat("recorded", 64<<10)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "video.mp4"), []byte(content), 0o644))
	answer := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.handler.ServeHTTP(answer, httptest.NewRequest("GET", "/recordings/a/20260101T000000Z/video.mp4", nil))
	require.Equal(t, 200, answer.Code)
	require.Equal(t, content, answer.Body.String())
	require.Greater(t, len(answer.write), 2, "each piece has a time of its own")
}

// A stream that the last stop of the service has cut is there for its viewers, and waits for its publisher.
func TestCutStream(t *testing.T) {
	cfg := testConfig(t, config.Auth{})
	timeline := cutStream(t, cfg, "cut")
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	handler := s.handler
	for _, path := range []string{"/api/v1/streams", "/api/v1/streams/cut"} {
		answer := ask(handler, "GET", path)
		require.Equal(t, http.StatusOK, answer.Code, path)
		require.Contains(t, answer.Body.String(), `"state":"interrupted"`)
		require.Contains(t, answer.Body.String(), timeline.Info().Started.UTC().Format(`"startedAt":"2006-01-02T15:04:05.`))
	}
	again, err := s.Packager().Open("cut")
	require.NoError(t, err)
	require.NoError(t, again.End())
	require.NotContains(t, ask(handler, "GET", "/api/v1/streams").Body.String(), "cut")
	requireProblem(t, ask(handler, "GET", "/api/v1/streams/cut"), http.StatusNotFound)
}

// One request more than may be under way is asked to come again, and so is one more than its client's share; a place is free when one has
// ended.
func TestAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, leave := 0, make(chan struct{})
		handler := within(quota.NewPool(2, 1), http.StatusTooManyRequests, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			entered++
			<-leave
		}))
		askFrom := func(address string) *httptest.ResponseRecorder {
			request, answer := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			request.RemoteAddr = address + ":5"
			handler.ServeHTTP(answer, request)
			return answer
		}
		enter := func(address string) {
			go askFrom(address)
			synctest.Wait()
		}
		enter("192.0.2.1")
		requireProblem(t, askFrom("192.0.2.1"), http.StatusTooManyRequests)
		enter("192.0.2.2")
		refused := askFrom("192.0.2.3")
		requireProblem(t, refused, http.StatusServiceUnavailable)
		require.Equal(t, "1", refused.Header().Get("Retry-After"))
		leave <- struct{}{}
		synctest.Wait()
		enter("192.0.2.3")
		require.Equal(t, 3, entered)
		close(leave)
	})
}
