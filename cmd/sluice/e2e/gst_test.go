package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// signallingOf is the address of GStreamer's signalling, with the key that pages of other sites need.
func signallingOf(s *service) string {
	return strings.Replace(s.base, "http", "ws", 1) + "/gst/ws?token=" + stageKey
}

// gstwebrtc-api publishes from a page of another site, with a key, and plays what it has published, by the server's offer and by its own.
func TestGstWebRTCAPI(t *testing.T) {
	alongside(t, busy)
	s := startService(t, "--ladder", smallRung, "--linger", "0s", "--auth-publish", stageKey)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("/gstwebrtc.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../../public/node_modules/gstwebrtc-api/dist/gstwebrtc-api-3.0.0.min.js")
	})
	elsewhere := httptest.NewServer(mux)
	defer elsewhere.Close()
	page := cameraBrowser.forTest(t).open(elsewhere.URL + "/gst.html")
	defer page.close()
	page.run(fmt.Sprintf(`produce(%q, {name: "My cam", place: "roof"})`, signallingOf(s)), nil)
	s.waitState("My-cam", "live")
	require.Equal(t, "VP8", s.stream("My-cam").Publisher.Video.Codec)
	page.run(fmt.Sprintf(`consume(%q, "My-cam", "offered", null)`, signallingOf(s)), nil)
	page.run(fmt.Sprintf(`consume(%q, "My-cam", "offers", {offerToReceiveAudio: true, offerToReceiveVideo: true})`, signallingOf(s)), nil)
	var shown struct {
		Frames    map[string]int
		Producers map[string]any
		Errors    []string
	}
	eventually(t, func() bool {
		page.run("shown", &shown)
		return shown.Frames["offered"] > 30 && shown.Frames["offers"] > 30
	}, "nothing is played: %s", func() string { return fmt.Sprintf("%+v", shown) })
	require.Empty(t, shown.Errors)
	require.Equal(t, map[string]any{"My-cam": map[string]any{
		"name": "My-cam", "title": "My cam", "place": "roof", "codecs": map[string]any{"video": "VP8", "audio": "opus"},
	}}, shown.Producers)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/api/v1/sessions", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+stageKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var list struct {
		Sessions []struct{ Kind, Name string }
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&list))
	require.Equal(t, []struct{ Kind, Name string }{{"producer", "My-cam"}, {"consumer", "My-cam"}, {"consumer", "My-cam"}}, list.Sessions)
	page.run("production.close()", nil)
	s.waitState("My-cam", "ended")
	page.wait("the end", "Object.keys(shown.producers).length === 0")
}
