package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a browser sends in spatial layers of one source (VP9 SVC) is played over HLS and DASH as the largest picture, and over WHEP in the
// size that the viewer asks for: it gets smaller at once, larger again, and goes on all the time.
func TestSpatialLayersOverWHEP(t *testing.T) {
	alongside(t, busy)
	s := startService(t, "--ladder", clockRung, longParts, "--linger", "1s", "--auth-publish", stageKey)
	stage, browser := newStage(t), cameraBrowser.forTest(t)
	studio := browser.open(stage + "/stage.html?key=" + stageKey)
	studio.run(fmt.Sprintf("publish(%q, 'video/VP9', [], 'L3T3_KEY')", s.base+"/whip/scalable"), nil)
	s.waitState("scalable", "live")

	viewer := browser.open(stage + "/viewer.html")
	var session string
	viewer.run(`play("`+s.base+`/whep/scalable")`, &session)
	ask := func(body string, width int) {
		t.Helper()
		require.Eventually(t, func() bool { // until the layer is known
			answer, err := http.Post(session+"/layer", "application/json", strings.NewReader(body))
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		}, 2*time.Minute, 100*time.Millisecond)
		viewer.wait(fmt.Sprintf("a picture of %d pixels after %s", width, body), fmt.Sprintf("document.querySelector('#video').videoWidth === %d", width))
		before := viewer.received()["video"].Frames
		viewer.wait("pictures go on", fmt.Sprintf("(await inbound()).video.frames > %d", before+60))
	}
	ask(`{"encodingId": "s1"}`, 640) // of this size Chromium sends two layers
	ask(`{"encodingId": "s0"}`, 320)
	ask(`{}`, 640)
	ask(`{"maxSpatialLayerId": 0}`, 320)
	for play, file := range map[string]string{"playHls": "index.m3u8", "playDash": "manifest.mpd"} {
		requireClock(t, playClock(t, browser, stage, play, s.base+"/live/scalable/"+file), play)
	}
}
