package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// seats is who may watch: the studio by one key, everything by another.
func seats() config.Auth {
	return config.Auth{
		Publish: []config.StreamKey{{Key: "every-key"}}, Admin: []config.Secret{"admin-key"},
		Play: []config.StreamKey{{Stream: "studio", Key: "seat-key"}, {Stream: "other", Key: "other-seat"}},
	}
}

// Everything by which a stream is watched takes the right to it, in the header or in the address, and nothing else does.
func TestWatchingIsChecked(t *testing.T) {
	handler := newTestService(t, seats()).handler
	for _, tc := range []struct {
		method, path string
		good         int // the status with the right
	}{
		{"GET", "/live/studio/index.m3u8", 404}, {"GET", "/live/studio/manifest.mpd", 404}, {"GET", "/live/studio/720p.m3u8", 404},
		{"GET", "/live/studio/thumbnail.jpg", 404}, {"GET", "/live/studio/snapshot.jpg", 404}, {"HEAD", "/live/studio/index.m3u8", 404}, {"POST", "/whep/studio", 415},
		{"GET", "/api/v1/streams/studio", 404}, {"GET", "/api/v1/streams/studio/events", 404}, {"GET", "/recordings/studio/x/index.m3u8", 404},
		{"GET", "/recordings/studio/x/video.mp4", 404}, {"GET", "/recordings/studio/x/720p-1.m4s", 404}, {"GET", "/recordings", 200}, {"GET", "/api/v1/streams", 200},
	} {
		t.Run(tc.method+tc.path, func(t *testing.T) {
			list := tc.good == 200
			for key, want := range map[string]int{"": 401, "who-knows": 401, "other-seat": 403, "seat-key": tc.good, "every-key": tc.good, "admin-key": tc.good} {
				if list && key == "other-seat" {
					want = 200
				}
				header := ask(handler, tc.method, tc.path, "Authorization", "Bearer "+key)
				require.Equal(t, want, header.Code, "%q in the header: %s", key, header.Body)
				require.Equal(t, want, ask(handler, tc.method, tc.path+"?token="+key).Code, "%q in the address", key)
				if want == 401 {
					require.Contains(t, header.Header().Get("WWW-Authenticate"), "Bearer")
					require.Equal(t, "no-store", header.Header().Get("Cache-Control"))
				}
				require.Equal(t, "*", header.Header().Get("Access-Control-Allow-Origin"))
			}
		})
	}
	for path, want := range map[string]int{
		"/live/studio/EPOCH/720p-1.m4s": 404, "/time": 200, "/healthz": 200, "/api/v1/server": 200,
	} {
		require.Equal(t, want, ask(handler, "GET", path).Code, "%s takes no right", path)
	}
	require.Contains(t, []int{200, 204}, ask(handler, "OPTIONS", "/live/studio/index.m3u8", "Access-Control-Request-Method", "GET").Code)
	requireProblem(t, ask(handler, "GET", "/recordings/studio/x/source-1.webm?token=seat-key"), 401)
	requireProblem(t, ask(handler, "GET", "/recordings/studio/x/source-1.webm?token=every-key"), 404)
}

// A signed address is good for its stream, until its end, without a token; of a recording for all its files.
func TestSignedAddresses(t *testing.T) {
	s := newTestService(t, seats())
	good, ended := s.Access().Sign("studio", time.Now().Add(time.Hour)), s.Access().Sign("studio", time.Now().Add(-time.Minute))
	for path, want := range map[string]int{
		"/live/studio/720p~" + good + ".m3u8": 404, "/live/studio/manifest~" + good + ".mpd?_DASH_after=1": 404,
		"/live/other/720p~" + good + ".m3u8": 403, "/live/studio/720p~" + ended + ".m3u8": 403, "/live/studio/720p~x.m3u8": 403,
		"/live/studio/thumbnail.jpg~" + good:           401,
		"/recordings/studio/x~" + good + "/index.m3u8": 404, "/recordings/studio/x~" + ended + "/index.m3u8": 403, "/recordings/other/x~" + good + "/index.m3u8": 403,
		"/recordings/studio/x~" + good + "/source-1.webm": 401,
	} {
		require.Equal(t, want, ask(s.handler, "GET", path).Code, path)
	}
	require.Contains(t, ask(s.handler, "GET", "/live/studio/720p~"+ended+".m3u8").Body.String(), "has ended")

	directory := filepath.Join(s.cfg.Packager().RecordingsDir, "studio", "20260101T000000Z")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	for name, content := range map[string]string{"index.m3u8": "#EXTM3U\n720p.m3u8\n", "720p.m3u8": "#EXTM3U\n720p-1.m4s\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o644))
	}
	first := ask(s.handler, "GET", "/recordings/studio/20260101T000000Z/index.m3u8?token=seat-key", "Accept-Encoding", "gzip")
	require.Equal(t, 200, first.Code)
	require.Contains(t, first.Header().Get("Cache-Control"), "private")
	_, next, _ := strings.Cut(strings.TrimSpace(first.Body.String()), "\n")
	require.Regexp(t, `^/recordings/studio/20260101T000000Z~.*/720p\.m3u8$`, next)
	require.Contains(t, ask(s.handler, "GET", next).Body.String(), "\n720p-1.m4s\n")
}

// What a token opens is kept by no shared cache.
func TestPrivately(t *testing.T) {
	answer := httptest.NewRecorder()
	locked := table{gate: access.New(seats(), access.Secret{}, slog.New(slog.DiscardHandler))}
	locked.privately(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=1")
		w.WriteHeader(http.StatusOK)
	})).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, "private, max-age=1", answer.Header().Get("Cache-Control"))
}

// No list has what is unlisted, but that of who may steer it; nor what the client may not watch.
func TestLists(t *testing.T) {
	cfg := testConfig(t, seats())
	cfg.Unlisted = []string{"secret-*", "attic"}
	for _, stream := range []string{"studio", "other", "secret-1", "attic"} {
		cutStream(t, cfg, stream)
	}
	listed := func(handler http.Handler, token string) (names []string) {
		var got struct{ Streams []struct{ Name string } }
		answer := ask(handler, "GET", "/api/v1/streams", "Authorization", "Bearer "+token)
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got), answer.Body)
		for _, s := range got.Streams {
			names = append(names, s.Name)
		}
		return names
	}
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	require.Equal(t, []string{"studio"}, listed(s.handler, "seat-key"))
	require.Equal(t, []string{"other", "studio"}, listed(s.handler, "every-key"))
	require.Equal(t, []string{"attic", "other", "secret-1", "studio"}, listed(s.handler, "admin-key"))
	require.Equal(t, http.StatusOK, ask(s.handler, "GET", "/api/v1/streams/attic?token=admin-key").Code, "who knows the name may")
}

// Events end with the right to them.
func TestEventsEndWithTheRight(t *testing.T) {
	auth := seats()
	auth.JWT = config.JWT{Secret: "thirty-two bytes of a secret, all"}
	cfg := testConfig(t, auth)
	cutStream(t, cfg, "studio")
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	var token string
	var answer *httptest.ResponseRecorder
	for lasts := 1100 * time.Millisecond; ; lasts *= 2 { // on a busy machine the first rights may have ended before they are shown
		made, err := s.Access().Link(access.Watch, "studio", "Ann", time.Now().Add(lasts))
		require.NoError(t, err)
		token = made
		answer = ask(s.handler, "GET", "/api/v1/streams/studio/events?token="+token) // returns when they end
		if answer.Code == http.StatusOK || lasts > time.Minute {
			break
		}
		requireProblem(t, answer, 401)
	}
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), "event: ")
	requireProblem(t, ask(s.handler, "GET", "/api/v1/streams/studio/events?token="+token), 401)
}

// Who takes the sound of another stream needs the right to that one too.
func TestHearingIsChecked(t *testing.T) {
	auth := seats()
	auth.Publish = append(auth.Publish, config.StreamKey{Stream: "studio", Key: "studio-key"})
	handler := newTestService(t, auth).handler
	passed := ask(handler, "POST", "/frames/studio", "Authorization", "Bearer studio-key").Code
	require.NotContains(t, []int{401, 403}, passed)
	for path, want := range map[string]int{"?audio=studio": passed, "?audio=other": 403} {
		require.Equal(t, want, ask(handler, "POST", "/frames/studio"+path, "Authorization", "Bearer studio-key").Code, path)
		require.Equal(t, passed, ask(handler, "POST", "/frames/studio"+path, "Authorization", "Bearer every-key").Code, path)
	}
}

// GStreamer's signalling asks for the right to watch by itself, with the token of the connection.
func TestSignallingIsChecked(t *testing.T) {
	server := httptest.NewServer(newTestService(t, seats()).handler)
	defer server.Close()
	for query, says := range map[string]string{"": "Connect with a stream key", "?token=who-knows": "Connect with a stream key", "?token=other-seat": "another stream", "?token=seat-key": "Nobody is publishing"} {
		conn, _, err := websocket.Dial(t.Context(), server.URL+"/gst/ws"+query, nil)
		require.NoError(t, err, query)
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(`{"type": "startSession", "peerId": "studio"}`)))
		var heard []byte
		for !strings.Contains(string(heard), `"error"`) { // it is welcomed first
			_, heard, err = conn.Read(t.Context())
			require.NoError(t, err)
		}
		require.Contains(t, string(heard), says, query)
		_ = conn.CloseNow()
	}
}

// What a player's request goes through where watching takes a right.
func BenchmarkWatching(b *testing.B) {
	s := newTestService(b, seats())
	for name, path := range map[string]string{
		"token": "/live/studio/index.m3u8?token=seat-key", "signed": "/live/studio/720p~" + s.Access().Sign("studio", time.Time{}) + ".m3u8", "segment": "/live/studio/EPOCH/720p-1.m4s",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.handler.ServeHTTP(blank{http.Header{}}, httptest.NewRequest("GET", path, nil))
			}
		})
	}
}
