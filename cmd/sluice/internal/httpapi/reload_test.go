package httpapi

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Events end with the right to them when another configuration takes that away; those of others go on. What it lists no more is not listed.
func TestReloadTakesRightsAway(t *testing.T) {
	auth := seats()
	auth.Play = append(auth.Play, config.StreamKey{Key: "gone-seat"})
	auth.Admin = append(auth.Admin, "gone-admin")
	cfg := testConfig(t, auth)
	require.NotNil(t, cutStream(t, cfg, "studio"))
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	<-s.Started()
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close) // behind the bodies of answers
	follow := func(path, key string) *bufio.Scanner {
		request, err := http.NewRequestWithContext(t.Context(), "GET", web.URL+path, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := web.Client().Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		lines := bufio.NewScanner(response.Body)
		require.True(t, lines.Scan())
		return lines
	}
	gone := []*bufio.Scanner{
		follow("/api/v1/streams/studio/events", "gone-seat"), follow("/api/v1/events", "gone-seat"),
		follow("/api/v1/sessions/events", "gone-admin"), follow("/api/v1/logs/events", "gone-admin"),
	}
	stays := follow("/api/v1/streams/studio/events", "seat-key")
	require.Contains(t, ask(s.handler, "GET", "/api/v1/streams", "Authorization", "Bearer seat-key").Body.String(), `"name":"studio"`)

	cfg.Auth, cfg.Unlisted = seats(), []string{"stud*"}
	ended, err := s.Reload(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, len(gone), ended)
	for _, lines := range gone {
		for lines.Scan() {
		}
		require.NoError(t, lines.Err(), "it ends, and is not cut")
	}
	for range 4 {
		require.True(t, stays.Scan())
	}
	require.NotContains(t, ask(s.handler, "GET", "/api/v1/streams", "Authorization", "Bearer seat-key").Body.String(), "studio")
	requireProblem(t, ask(s.handler, "GET", "/api/v1/streams/studio", "Authorization", "Bearer gone-seat"), http.StatusUnauthorized)
	stop()
	require.NoError(t, <-ran)
}
