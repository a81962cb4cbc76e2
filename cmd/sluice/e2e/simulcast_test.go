package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// layeredLadder has a rendition that half of 640x480 is near enough to, and one that it is not. Of a picture of that size Chromium sends two
// layers at most.
const layeredLadder = "480p=640x480@30:900k,240p=426x240@30:400k,120p=160x120@30:100k"

// A layer of a browser's simulcast becomes a rendition without an encoder, cut with the best one and what is encoded beside them, once it
// has come; when it goes, its rendition is encoded, and when it is back that is passed on again. Viewers go on throughout.
func TestSimulcastBecomesRungs(t *testing.T) {
	alongside(t, atLength(busy))
	s := startService(t, "--ladder", layeredLadder, "--codecs", "h264,vp8", "--linger", "1s", "--auth-publish", stageKey)
	browser, stage := cameraBrowser.forTest(t), newStage(t)
	studio := browser.open(stage + "/stage.html?key=" + stageKey)
	studio.run(fmt.Sprintf("publish(%q, 'video/H264', ['half', 'full'])", s.base+"/whip/layers"), nil)
	layered := func(layers int) {
		t.Helper()
		s.waitFor("layers", func(st stream) bool {
			return st.State == "live" && st.Encoder.Copies && st.Encoder.Layers == layers
		})
	}
	layered(1)
	s.waitMetric(`sluice_encoder_rungs{stream="layers"}`, 1)
	s.waitMetric(`sluice_encoder_layers{stream="layers"}`, 1)
	s.waitFor("layers", func(st stream) bool {
		ids := renditionsOf(st)
		return slices.Contains(ids, "source") && slices.Contains(ids, "240p") && slices.Contains(ids, "120p") && slices.Contains(ids, "audio")
	})

	viewers := map[string]*tab{}
	for _, protocol := range protocols() {
		viewers[protocol] = browser.open(s.base + "/watch/layers?protocol=" + protocol)
	}
	each(t, protocols(), func(protocol string) { viewers[protocol].requirePlaying(3 * time.Second) })
	for play, file := range map[string]string{"playHls": "index.m3u8", "playDash": "manifest.mpd"} {
		requireClock(t, playClock(t, browser, stage, play, s.base+"/live/layers/"+file), play)
	}

	studio.run("activate('half', false)", nil)
	layered(0)
	s.waitMetric(`sluice_encoder_rungs{stream="layers"}`, 2)
	studio.run("activate('half', true)", nil)
	layered(1)
	each(t, protocols(), func(protocol string) {
		viewers[protocol].requireRecovers()
		viewers[protocol].screenshot("layers-" + protocol)
	})
	s.waitFor("layers", func(st stream) bool { return st.Encoder.Encodes == "" })
}

// The publish page sends the picture in three sizes, of which more than one reaches viewers as it is.
func TestPublishPageSendsSizes(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", "360p=640x360@30:700k,180p=320x180@30:300k", "--linger", "1s")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=sizes")
	page.set("#codec", "H264")
	page.set("#sizes", "3")
	page.click("#start")
	s.waitFor("sizes", func(st stream) bool { return st.State == "live" && st.Encoder.Copies && st.Encoder.Layers > 0 })
	page.wait("what is sent", `document.querySelector("#picture").innerText !== "–" && document.querySelector("#sizes").disabled`)
	page.screenshot("live")
}
