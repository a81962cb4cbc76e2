package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A first visitor finds the links only once there is something to share, and the embed code plays in a page of another site.
func TestShareAndEmbed(t *testing.T) {
	s := startService(t, "--ladder", smallRung, "--linger", "0s")
	browser := startBrowser(t)
	studio := browser.open(s.base + "/publish?stream=shared")
	studio.wait("nothing to share yet", `document.querySelector("#share").hidden && !document.querySelector("#advanced").open`, 10*time.Second)
	studio.click("#start")
	studio.wait("the links", `!document.querySelector("#share").hidden`, 30*time.Second)
	var links map[string]string
	studio.run(`Object.fromEntries(["watch-link", "webrtc-link", "hls-link", "dash-link", "whep-url", "embed-code"].map((id) => [id, document.querySelector("#" + id).textContent]))`, &links)
	require.Equal(t, s.base+"/watch/shared", links["watch-link"])
	require.Equal(t, s.base+"/watch/shared?protocol=webrtc", links["webrtc-link"])
	require.Equal(t, s.base+"/live/shared/index.m3u8", links["hls-link"])
	require.Equal(t, s.base+"/live/shared/manifest.mpd", links["dash-link"])
	require.Equal(t, s.base+"/whep/shared", links["whep-url"])

	// Over WebRTC, since the service counts those viewers.
	code := strings.Replace(links["embed-code"], links["watch-link"], links["webrtc-link"], 1)
	require.Contains(t, code, links["webrtc-link"])
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Another site</title>"+code)
	}))
	t.Cleanup(site.Close)
	s.waitState("shared", "live", 30*time.Second)
	require.Zero(t, s.stream("shared").Viewers)
	other := browser.open(site.URL)
	require.Eventually(t, func() bool { return s.stream("shared").Viewers == 1 }, 30*time.Second, 100*time.Millisecond, "the frame plays")
	other.screenshot("embedded")
	studio.click("#stop")
	studio.wait("nothing to share any more", `document.querySelector("#share").hidden`, 10*time.Second)
}
