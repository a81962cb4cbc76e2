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
	viewer.asks(session, `{"encodingId": "s1"}`, 640) // of this size Chromium sends two layers
	viewer.asks(session, `{"encodingId": "s0"}`, 320)
	viewer.asks(session, `{}`, 640)
	viewer.asks(session, `{"maxSpatialLayerId": 0}`, 320)
	for play, file := range map[string]string{"playHls": "index.m3u8", "playDash": "manifest.mpd"} {
		requireClock(t, playClock(t, browser, stage, play, s.base+"/live/scalable/"+file), play)
	}
}

// asks has the viewer of a session ask for layers, and waits for pictures of that width, which go on.
func (p *tab) asks(session, body string, width int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { // until the layer is known
		answer, err := http.Post(session+"/layer", "application/json", strings.NewReader(body))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 2*time.Minute, 100*time.Millisecond)
	p.requireWidth(width)
}

// requireWidth waits for pictures of that width, which go on.
func (p *tab) requireWidth(width int) {
	p.t.Helper()
	p.wait(fmt.Sprintf("a picture of %d pixels", width), fmt.Sprintf("document.querySelector('#video').videoWidth === %d", width))
	before := p.received()["video"].Frames
	p.wait("pictures go on", fmt.Sprintf("(await inbound()).video.frames > %d", before+30))
}

// Of AV1 a browser decodes more than the lowest spatial layer by the descriptors of frames only: a viewer that asks for these chooses among the layers,
// and another one gets what it can show.
func TestSpatialLayersOfAV1OverWHEP(t *testing.T) {
	alongside(t, busy)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--record=false", "--auth-publish", stageKey)
	stage, browser := newStage(t), cameraBrowser.forTest(t)
	studio := browser.open(stage + "/stage.html?key=" + stageKey)
	studio.run(fmt.Sprintf("publish(%q, 'video/AV1', [], 'L2T2_KEY')", s.base+"/whip/scalable"), nil)
	s.waitState("scalable", "live")
	viewer, plain := browser.open(stage+"/viewer.html"), browser.open(stage+"/viewer.html")
	var session string
	viewer.run(`play("`+s.base+`/whep/scalable", true)`, &session)
	viewer.asks(session, `{"encodingId": "s1"}`, 640)
	viewer.asks(session, `{"encodingId": "s0"}`, 320)
	viewer.asks(session, `{}`, 640)
	plain.run(`play("`+s.base+`/whep/scalable")`, nil)
	plain.requireWidth(320)
	viewer.requireWidth(640)
}
