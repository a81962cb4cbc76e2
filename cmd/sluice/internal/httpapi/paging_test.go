package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// A list comes in pages that together are the list, whoever comes and goes between them.
func TestPagesOfStreams(t *testing.T) {
	cfg := testConfig(t, config.Auth{})
	for _, name := range []string{"a", "b", "c", "d"} {
		cutStream(t, cfg, name)
	}
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	page := func(query string) (names []string, next string) {
		answer := ask(s.handler, "GET", "/api/v1/streams"+query)
		require.Equal(t, http.StatusOK, answer.Code, answer.Body)
		var list api.StreamList
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
		for _, stream := range list.Streams {
			names = append(names, stream.Name)
		}
		return names, list.Next
	}
	all, next := page("")
	require.Equal(t, []string{"a", "b", "c", "d"}, all)
	require.Empty(t, next, "without a limit there is one page")
	first, next := page("?limit=2")
	require.Equal(t, []string{"a", "b"}, first)
	gone, err := s.Packager().Open("b")
	require.NoError(t, err)
	require.NoError(t, gone.End())
	second, last := page("?limit=2&page_token=" + next)
	require.Equal(t, []string{"c", "d"}, second, "though the one before has gone")
	require.Empty(t, last, "there are no more")
	for _, wrong := range []string{"?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?page_token=~", "?limit=2&page_token=a=b"} {
		for _, path := range []string{"/api/v1/streams", "/api/v1/sessions", "/recordings"} {
			requireProblem(t, ask(s.handler, "GET", path+wrong), http.StatusBadRequest)
		}
	}
}

// Recordings come in pages, the newest first, as far back as there are any.
func TestPagesOfRecordings(t *testing.T) {
	s := newTestService(t, config.Auth{})
	var want []string
	for i := range 7 {
		stream, name := fmt.Sprintf("s%d", i%2), fmt.Sprintf("20260101T00000%dZ", 9-i/2)
		directory := filepath.Join(s.cfg.Packager().RecordingsDir, stream, name)
		require.NoError(t, os.MkdirAll(directory, 0o755))
		info := fmt.Sprintf(`{"stream": %q, "name": %q, "state": "finished", "started": "2026-01-01T00:00:00Z", "sources": [], "zeros": [], "origins": []}`, stream, name)
		require.NoError(t, os.WriteFile(filepath.Join(directory, "recording.json"), []byte(info), 0o644))
		want = append(want, stream+"/"+name)
	}
	for _, limit := range []int{1, 2, 3, 7, 8} {
		var got []string
		for next, pages := "", 0; pages == 0 || next != ""; pages++ {
			answer := ask(s.handler, "GET", fmt.Sprintf("/recordings?limit=%d&page_token=%s", limit, next))
			var list api.RecordingList
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list), answer.Body)
			require.LessOrEqual(t, len(list.Recordings), limit)
			for _, r := range list.Recordings {
				got = append(got, r.Stream+"/"+r.Name)
			}
			next = list.Next
			require.LessOrEqual(t, pages, 7)
		}
		require.Equal(t, want, got)
	}
}

// Who has the newest answer is told so, and gets none.
func TestWhatIsPolledHasAnETag(t *testing.T) {
	s := newTestService(t, config.Auth{})
	for _, path := range []string{"/api/v1/server", "/api/v1/rooms", "/recordings", "/api/v1/logs", "/openapi.json"} {
		first := ask(s.handler, "GET", path)
		require.Equal(t, http.StatusOK, first.Code, path)
		tag := first.Header().Get("ETag")
		require.NotEmpty(t, tag, path)
		require.Equal(t, "private, no-cache", first.Header().Get("Cache-Control"), path)
		again := ask(s.handler, "GET", path, "If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, again.Code, path)
		require.Empty(t, again.Body.String(), path)
		require.Equal(t, tag, again.Header().Get("ETag"))
		require.Equal(t, http.StatusOK, ask(s.handler, "GET", path, "If-None-Match", `"another"`).Code, path)
	}
	before := ask(s.handler, "GET", "/recordings").Header().Get("ETag")
	directory := filepath.Join(s.cfg.Packager().RecordingsDir, "a", "20260101T000000Z")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	info := `{"stream": "a", "name": "20260101T000000Z", "state": "finished", "started": "2026-01-01T00:00:00Z", "sources": [], "zeros": [], "origins": []}`
	require.NoError(t, os.WriteFile(filepath.Join(directory, "recording.json"), []byte(info), 0o644))
	require.Equal(t, http.StatusOK, ask(s.handler, "GET", "/recordings", "If-None-Match", before).Code, "another one has come")
}
