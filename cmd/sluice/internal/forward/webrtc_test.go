package forward

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest"
)

// What is published here is published there by WHIP, as it comes, with the token; nothing is asked before, and the end is told.
func TestWHIP(t *testing.T) {
	here, there := receive(t, ingest.Options{RTMPListen: "127.0.0.1:0"}), receive(t, ingest.Options{})
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", there.WHIP())
	mux.Handle("/whip/{stream}/{session}", there.WHIP())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			http.Error(w, "Not with "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	log := &lines{}
	targets := []Target{{URL: server.URL + "/whip/{stream}-there", Token: key}, {URL: server.URL + "/whip/cam", Token: "another-secret", Title: "refuses"}}
	for _, target := range targets {
		require.NoError(t, target.Validate())
	}
	stream := Begin(Options{Stream: "cam", Targets: targets, WebRTC: here.Forward, Logger: slog.New(slog.NewTextHandler(log, nil))})
	defer stream.End()
	eventually(t, stream.is(StateWaiting), "nobody publishes")

	s := newStage(t, "180p", "audio")
	s.add(1)
	feed, _ := forwardTo(t, s, "rtmp://"+here.RTMPAddr().String()+"/live/cam?key=a-secret%2Fand=more", nil)
	eventually(t, feed.is(StateForwarding), "a publisher")
	s.add(7)
	here.requireMedia(t, "cam")
	eventually(t, stream.is(StateForwarding), "there")
	s.add(7)
	p := there.requireMedia(t, "cam-there")
	eventually(t, func() bool { return stream.States()[0].Bytes > 0 }, "bytes")
	eventually(t, func() bool {
		return stream.States()[1].Error == "the server refuses: 401 Unauthorized: Not with Bearer ***"
	}, "refused")
	require.Zero(t, here.Viewers().Count("cam").Viewers, "nobody watches")
	require.NotContains(t, log.String(), "secret")

	p.Close("enough of this")
	eventually(t, func() bool { return stream.States()[0].Retries > 0 }, "ended by the other side")
}
