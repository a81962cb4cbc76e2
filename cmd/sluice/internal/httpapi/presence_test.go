package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// The list of streams and rooms comes by itself: at first, and when it has changed. Pages of other sites get no rooms.
func TestPresence(t *testing.T) {
	cfg := testConfig(t, config.Auth{})
	require.NotNil(t, cutStream(t, cfg, "left"))
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Started()
	web := httptest.NewServer(s.handler)
	defer web.Close()
	request, err := http.NewRequestWithContext(t.Context(), "GET", web.URL+"/api/v1/events", nil)
	require.NoError(t, err)
	response, err := web.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	next := func() (p presence) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &p))
				return p
			}
		}
		require.Fail(t, "the events have ended", "%v", lines.Err())
		return p
	}
	require.Equal(t, "left", next().Streams[0].Name)
	s.Packager().Stream("left").End()
	for len(next().Streams) > 0 {
	}
	stop()
	for lines.Scan() {
	}
	require.NoError(t, <-ended)
}

func everything(string) bool { return true }

func TestPresenceMark(t *testing.T) {
	before := presence{[]api.Stream{{Name: "a", State: "live"}}, []api.Room{{Name: "den"}}}
	require.Equal(t, before.mark(), presence{[]api.Stream{{Name: "a", State: "live", AVOffset: 1}}, before.Rooms}.mark(), "what flows is no change")
	require.NotEqual(t, before.mark(), presence{[]api.Stream{{Name: "a", State: "live", Audience: api.Audience{Viewers: 1}}}, before.Rooms}.mark())
	require.NotEqual(t, before.mark(), presence{before.Streams, nil}.mark())
	require.Empty(t, before.below("", everything, false).Rooms)
	require.Equal(t, "/tv/watch/a", presence{[]api.Stream{{URLs: api.URLs{Watch: "/watch/a"}}}, nil}.below("/tv", everything, true).Streams[0].URLs.Watch)
}
