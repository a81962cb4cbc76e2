package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// A first visitor finds the links only once there is something to share, and the embed code plays in a page of another site.
func TestShareAndEmbed(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "0s", "--http-embed-origins", "*")
	browser := cameraBrowser.forTest(t)
	studio := browser.open(s.base + "/publish?stream=shared")
	studio.wait("nothing to share yet", `document.querySelector("#share").hidden && !document.querySelector("#advanced").open`)
	studio.click("#start")
	studio.wait("the links", `!document.querySelector("#share").hidden`)
	var links map[string]string
	studio.run(`Object.fromEntries(["watch-link", "webrtc-link", "hls-link", "dash-link", "whep-url", "embed-code"].map((id) => [id, document.querySelector("#" + id).textContent]))`, &links)
	require.Equal(t, s.base+"/watch/shared", links["watch-link"])
	require.Equal(t, s.base+"/watch/shared?protocol=webrtc", links["webrtc-link"])
	require.Equal(t, s.base+"/live/shared/index.m3u8", links["hls-link"])
	require.Equal(t, s.base+"/live/shared/manifest.mpd", links["dash-link"])
	require.Equal(t, s.base+"/whep/shared", links["whep-url"])

	// Over WebRTC, since the service counts those viewers.
	code := strings.Replace(links["embed-code"], s.base+"/embed/shared", s.base+"/embed/shared?protocol=webrtc", 1)
	require.Contains(t, code, "protocol=webrtc")
	s.waitState("shared", "live")
	require.Zero(t, s.stream("shared").Viewers)
	other := browser.open(anotherSite(t, code))
	eventually(t, func() bool { return s.stream("shared").Viewers == 1 }, "the frame plays")
	other.screenshot("embedded")
	studio.click("#stop")
	studio.wait("nothing to share any more", `document.querySelector("#share").hidden`)
}

// anotherSite serves a page with some HTML in it from another origin, and returns its URL.
func anotherSite(t testing.TB, body string) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Another site</title>"+body)
	}))
	t.Cleanup(site.Close)
	return site.URL
}

// The bar at the bottom of a phone's screen has five entries, and each has room for its name.
func TestBottomBar(t *testing.T) {
	alongside(t, paged)
	s := startService(t)
	page := cameraBrowser.forTest(t).open(s.base + "/")
	for _, width := range []int64{360, 390} {
		require.NoError(t, chromedp.Do(page.ctx, chromedp.EmulateViewport(width, 800)))
		var bar struct {
			Names               []string
			Room                []float64 // between each name and the ends of its entry, in pixels
			Left, Right, Bottom float64
			Wider               int
		}
		page.run(`(() => { const shown = [...document.querySelectorAll(".nav a")].filter((a) => a.getClientRects().length > 0);
			const { left, right, bottom } = document.querySelector(".nav").getBoundingClientRect();
			return { names: shown.map((a) => a.innerText.trim()), left, right, bottom, wider: document.documentElement.scrollWidth,
				room: shown.map((a) => a.getBoundingClientRect().width - a.querySelector("span").getBoundingClientRect().width) }; })()`, &bar)
		require.Equal(t, []string{"Live", "Publish", "Rooms", "Recordings", "Dashboard"}, bar.Names)
		for i, room := range bar.Room {
			require.GreaterOrEqual(t, room, 4.0, "room for %s at %d pixels", bar.Names[i], width)
		}
		require.Equal(t, 800.0, bar.Bottom)
		require.GreaterOrEqual(t, bar.Left, 0.0)
		require.LessOrEqual(t, bar.Right, float64(width))
		require.LessOrEqual(t, bar.Wider, int(width), "the page is wider than the screen")
	}
}
