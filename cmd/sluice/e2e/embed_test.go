package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// partOf is a part of the player, which a page keeps to itself.
func partOf(id string) string {
	return fmt.Sprintf(`document.querySelector("sluice-player").shadowRoot.getElementById(%q)`, id)
}

// A page of another site has the element play, which begins by itself once somebody is live; the player alone waits to be told to.
func TestEmbedding(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", calmRung, longParts, "--linger", "0s", "--auth-play", "clip=seat-key", "--http-embed-origins", "*")
	browser := cameraBrowser.forTest(t)
	refused := browser.open(s.base + "/embed/clip?token=no-seat")
	refused.wait("it says that this viewer may not watch", partOf("title")+`.textContent === "You may not watch this" && !`+partOf("overlay")+`.hidden`)
	refused.screenshot("refused")
	refused.close()

	site := browser.open(anotherSite(t, `<script type="module" src="`+s.base+`/sluice-player.js"></script>
		<style>sluice-player { max-width: 40rem; }</style>
		<sluice-player id="player" src="`+s.base+`/watch/clip" token="seat-key" protocol="hls" autoplay muted></sluice-player>`))
	site.wait("it waits", partOf("title")+`.textContent === "Waiting for the stream"`)
	button := browser.open(s.base + "/embed/clip?token=seat-key&autoplay=0&protocol=dash")
	p := newPublisher(t, s, "clip")
	p.rounds = chaosRounds
	p.send()
	site.wait("it plays", `player.state === "playing" && document.querySelector("video").currentTime > 2 && document.querySelector("video").videoWidth > 0`)
	site.screenshot("element")
	button.wait("it may begin", `window.sluice.state() === "ready"`)
	var loaded int
	button.run(`performance.getEntriesByType("resource").filter(({ name }) => /\.(mpd|m4s)/.test(name)).length`, &loaded)
	require.Zero(t, loaded, "nobody has asked for media")
	button.screenshot("button")
	button.run(partOf("begin")+`.click()`, nil)
	button.wait("it plays with sound", `window.sluice.state() === "playing" && window.sluice.stats().player === "dash.js" && !document.querySelector("video").muted`)

	site.run(`player.protocol = "webrtc"`, nil)
	site.wait("it plays over WebRTC", `player.state === "playing" && player.playback.stats().player === "WebRTC" && document.querySelector("video").videoWidth > 0`)
	p.stop()
	site.wait("it says that the stream has ended", partOf("title")+`.textContent === "The stream has ended"`)
	site.screenshot("ended")
}
