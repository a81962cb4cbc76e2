package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playback is how far a player is.
type playback struct {
	Time, Width, Frames, Audio float64
	Error                      string
}

// A browser counts no decoded bytes of sound that comes over WebRTC: those received have to do.
const playbackScript = `(async () => { const v = document.querySelector("#video"), peer = window.sluice.player?.peer; return {
	time: v.currentTime, width: v.videoWidth, frames: v.getVideoPlaybackQuality().totalVideoFrames,
	audio: v.webkitAudioDecodedByteCount + (peer ? [...(await peer.getStats()).values()].find((s) => s.type === "inbound-rtp" && s.kind === "audio")?.bytesReceived ?? 0 : 0),
	error: v.error ? v.error.message : ""}; })()`

func (p *tab) playback() (state playback) {
	p.t.Helper()
	p.run(playbackScript, &state)
	return state
}

// choose switches the watch page to a protocol.
func (p *tab) choose(protocol string) {
	p.t.Helper()
	p.pick("protocol", protocol)
}

// pick takes one of a menu of the player, quality or protocol, by its value or its words, once it is there.
func (p *tab) pick(menu, item string) {
	p.t.Helper()
	p.wait(item+" to choose", fmt.Sprintf(`(() => {
		const items = [...document.querySelector("sluice-player").shadowRoot.getElementById(%q).children];
		const found = items.find((item) => [item.getAttribute("value"), item.textContent].includes(%q));
		found?.click();
		return found;
	})()`, menu, item))
}

// watchers are those who watch a stream, as the API tells.
type watchers struct{ WebRTC, HLS, DASH, Reporting int }

func (s *service) watchers(name string) watchers {
	s.t.Helper()
	var st struct{ Audience watchers }
	status, _, body := s.get("/api/v1/streams/" + name)
	require.Equal(s.t, http.StatusOK, status)
	require.NoError(s.t, json.Unmarshal(body, &st))
	return st.Audience
}

// The way of a producer and a viewer through the pages: camera, one protocol after the other with sound on, the end.
func TestPublishAndWatch(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", smallRung, "--linger", "2s")
	browser := cameraBrowser.forTest(t)
	browser.askForCamera()
	studio := browser.open(s.base + "/publish?stream=camera")
	studio.set("#resolution", "640x480")
	studio.click("#open")
	studio.wait("preview", `document.querySelector("#preview").videoWidth > 0`)
	studio.click("#start")
	studio.wait("live", `document.querySelector("#badge").dataset.state === "live"`)
	viewer := browser.open(s.base + "/watch/camera")
	viewer.run(`(() => { const v = document.querySelector("#video"); v.muted = false; v.volume = 0.5; })()`, nil)
	for _, c := range []struct {
		protocol, player string
		counted          watchers
	}{{"hls", "hls.js", watchers{HLS: 1, Reporting: 1}}, {"dash", "dash.js", watchers{DASH: 1, Reporting: 1}}, {"webrtc", "WebRTC", watchers{WebRTC: 1}}} {
		t.Run(c.protocol, func(t *testing.T) {
			viewer.choose(c.protocol)
			viewer.wait("the player is "+c.player, `window.sluice.stats().player === "`+c.player+`"`)
			viewer.requirePlaying(5 * time.Second)
			var loudness float64
			viewer.run(`document.querySelector("#video").muted ? 0 : document.querySelector("#video").volume`, &loudness)
			require.Equal(t, 0.5, loudness, "switching must leave the volume alone")
			eventually(t, func() bool { return s.watchers("camera") == c.counted }, "%s", func() string { return fmt.Sprintf("%+v are counted", s.watchers("camera")) })
			viewer.screenshot(c.protocol)
		})
	}
	studio.screenshot("publish")
	studio.click("#stop")
	viewer.wait("the page says that the stream has ended", `document.querySelector("#badge").dataset.state === "ended"`)
	viewer.screenshot("ended")
	list := browser.open(s.base + "/recordings")
	list.wait("the recording is listed", `document.body.innerText.includes("camera")`)
	list.screenshot("recordings")
}

// What makes hls.js forget to load, as soon as it waits for more; what they return is whether it has forgotten.
const (
	// It waits for an append whose end nobody tells.
	forgetsAppend = `((loader) => loader.state === "IDLE" && (loader.state = "PARSED"))(window.sluice.player.%s)`
	// It waits for a part that it has left out of a segment, because what it has of that ends a fraction before the segment does.
	leavesOutSound = `((player) => {
		const { partList, fragments } = player.audioTracks[player.audioTrack].details, last = fragments.at(-1);
		const parts = partList.filter((part) => part.fragment.sn === last.sn), { end } = player.audioForwardBufferInfo;
		if (player.audioStreamController.state !== "IDLE" || !parts.every((part) => part.loaded) || Math.abs(last.end - end) > 1e-4) return false;
		last.setDuration(end + 5e-6 - last.start);
		Object.assign(last, { startPTS: last.start, maxStartPTS: last.start, endPTS: last.end, minEndPTS: last.end });
		parts[0].elementaryStreams = {};
		return true;
	})(window.sluice.player)`
)

// hls.js that forgets to load pictures or sound, as it does after one of twenty faults, is made to go on before its buffer is empty.
func TestPlayerForgetsToLoad(t *testing.T) {
	alongside(t, atLength(busy))
	s := startService(t, "--ladder", calmRung)
	p := newPublisher(t, s, "clip")
	p.rounds = chaosRounds
	p.send()
	s.waitState("clip", "live")
	viewer := openPlayer(cameraBrowser.forTest(t), s.base+"/watch/clip?protocol=hls", "hls")
	for _, c := range []struct{ what, forget string }{
		{"pictures", fmt.Sprintf(forgetsAppend, "streamController")},
		{"sound", fmt.Sprintf(forgetsAppend, "audioStreamController")},
		{"sound after a part that it left out", leavesOutSound},
	} {
		t.Run(c.what, func(t *testing.T) {
			for range 2 {
				waitSteady(openIn, viewer)
				viewer.reset()
				viewer.wait("it forgets", c.forget)
				before := viewer.read().Time
				viewer.wait("it plays on", fmt.Sprintf(`document.querySelector("#video").currentTime > %f`, before+3))
				seen := viewer.read()
				t.Logf("stood still for %.2f s, time for %.2f s", seen.Stall, seen.Halt)
				require.Less(t, seen.Stall, (3*time.Second + sharing).Seconds(), strings.Join(seen.Said, "\n"))
				require.True(t, seen.pushed(), "the page must have made it load on")
				require.Equal(t, viewer.opened, seen.Players)
			}
		})
	}
}

// A server that has no WHEP, or none at the moment, is told to the viewer, who can go on over another protocol.
func TestWatchWithoutWHEP(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung)
	p := newPublisher(t, s, "clip")
	p.rounds = chaosRounds
	p.send()
	s.waitState("clip", "live")
	viewer := cameraBrowser.forTest(t).open(s.base + "/watch/clip")
	viewer.run(`(() => { const real = window.fetch; window.fetch = (url, init) => String(url).includes("/whep/") ? Promise.resolve(new Response("", {status: 404})) : real(url, init); })()`, nil)
	viewer.choose("webrtc")
	viewer.wait("the fault is told", `!document.querySelector("#fault").hidden`)
	viewer.screenshot("fault")
	viewer.choose("hls")
	viewer.requirePlaying(3 * time.Second)
}

// A WebRTC viewer waits for a publisher who is away (409), and comes back by itself when the server has ended its session.
func TestWatchReconnects(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "5m")
	first := newPublisher(t, s, "clip")
	first.send()
	s.waitState("clip", "live")
	first.stop()
	s.waitState("clip", "interrupted")
	viewer := cameraBrowser.forTest(t).open(s.base + "/watch/clip?protocol=webrtc")
	viewer.wait("it asks for the stream", `window.sluice.stats().player === "WebRTC"`)
	second := newPublisher(t, s, "clip")
	second.rounds = chaosRounds
	second.send()
	viewer.wait("the stream goes on", `document.querySelector("#badge").dataset.state === "live"`)
	viewer.requirePlaying(3 * time.Second)
	viewer.run(`(() => { const player = window.sluice.player; window.lost = player.peer; return fetch(player.session.resource, {method: "DELETE"}); })()`, nil)
	viewer.wait("a new session is connected", `window.sluice.player && window.sluice.player.peer !== window.lost && window.sluice.player.peer.connectionState === "connected"`)
	viewer.requirePlaying(3 * time.Second)
}

// requirePlaying waits until so much has been played, with its pictures and sound, and no fault is shown. A machine that is busy may
// have let it stand still before that.
func (p *tab) requirePlaying(length time.Duration) {
	p.t.Helper()
	p.wait("playing", `document.querySelector("#video").currentTime > 0 && document.querySelector("#video").videoWidth > 0`)
	before, began := p.playback(), time.Now()
	var went playback
	eventually(p.t, func() bool {
		now := p.playback()
		require.Empty(p.t, now.Error)
		var fault string
		p.run(`document.querySelector("#fault").hidden ? "" : document.querySelector("#fault").innerText`, &fault)
		if fault != "" {
			p.t.Log(fault)
			return false
		}
		went = playback{Time: now.Time - before.Time, Frames: now.Frames - before.Frames, Audio: now.Audio - before.Audio, Width: now.Width}
		// Of sound, silence has 300 bytes a second.
		return went.Time > length.Seconds() && went.Frames > length.Seconds()*10 && went.Audio > length.Seconds()*200
	}, "time, pictures and sound must go on: %s", func() string { return fmt.Sprintf("%+v", went) })
	p.t.Logf("in %.1f s: %.1f s played, %.0f frames, %.0f bytes of sound, %.0f pixels wide", time.Since(began).Seconds(), went.Time, went.Frames, went.Audio, went.Width)
}

// requireRecovers waits until pictures and sound go on again by themselves, and plays for a while then.
func (p *tab) requireRecovers() {
	p.t.Helper()
	eventually(p.t, func() bool {
		before := p.playback()
		lapse(3 * time.Second) // what is measured
		after := p.playback()
		return min(after.Time-before.Time, (after.Frames-before.Frames)/20, (after.Audio-before.Audio)/1000) >= 2
	}, "it does not play again")
}

// observed is what observe.js has seen and heard.
type observed struct {
	Frames, Read   int
	Latencies      []float64 // ms
	Shown          []shownFrame
	Flashes, Beeps []float64 // ms
	Peak           float64
}

// shownFrame is a frame on the screen. Times are milliseconds, At since the page was opened.
type shownFrame struct {
	At      float64
	Latency *float64 // nil where the clock could not be read
}

// The clock that a page paints into its picture is read back from what the players show.
func TestClockInThePicture(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", clockRung, "--linger", "2s", "--auth-publish", stageKey)
	stage := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer stage.Close()
	browser := cameraBrowser.forTest(t)
	studio := browser.open(stage.URL + "/stage.html?key=" + stageKey)
	studio.run(`publish("`+s.base+`/whip/clock")`, nil)
	s.waitState("clock", "live")
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(t, err)
	for _, protocol := range []string{"hls", "dash", "webrtc"} {
		t.Run(protocol, func(t *testing.T) {
			viewer := browser.open(s.base + "/watch/clock?protocol=" + protocol)
			viewer.wait("playing", `document.querySelector("#video").currentTime > 0 && document.querySelector("#video").videoWidth > 0`)
			viewer.run("(() => {"+string(observe)+"})()", nil)
			viewer.run("observe(document.querySelector('#video'))", nil)
			viewer.wait("the clock is read and a beep is heard", "observed.read > 40 && observed.peak > 0.1")
			var seen observed
			viewer.run("window.observed", &seen)
			viewer.screenshot(protocol)
			slices.Sort(seen.Latencies)
			t.Logf("latency p50 %.2f s, p99 %.2f s, over %d frames; sound against picture in this browser: %v", seen.Latencies[len(seen.Latencies)/2]/1000,
				seen.Latencies[len(seen.Latencies)*99/100]/1000, seen.Read, late(seen))
			require.Positive(t, seen.Latencies[0], "a picture cannot be seen before it was painted")
			require.Less(t, seen.Latencies[len(seen.Latencies)/2], 30_000.0)
			viewer.close()
		})
	}
}

// late is by how much each beep came after its flash.
func late(seen observed) []time.Duration {
	milliseconds := func(times []float64) (out []time.Duration) {
		for _, at := range times {
			out = append(out, time.Duration(at*float64(time.Millisecond)))
		}
		return out
	}
	return offsets(milliseconds(seen.Flashes), milliseconds(seen.Beeps))
}

// The echo page shows the picture that came back, and how long that took.
func TestEchoPage(t *testing.T) {
	alongside(t, paged)
	s := startService(t)
	page := cameraBrowser.forTest(t).open(s.base + "/echo")
	page.click("#start")
	page.wait("remote picture", `document.querySelector("#remote").videoWidth > 0 && document.querySelector("#remote").currentTime > 1`)
	page.wait("round trip", `/[0-9]/.test(document.querySelector("#trip").innerText)`)
	var trip string
	page.run(`document.querySelector("#trip").innerText + ", median " + document.querySelector("#median").innerText`, &trip)
	t.Log("round trip", trip)
	page.screenshot("echo")
	s.waitMetric("sluice_sessions", 1)
	page.click("#stop")
	eventually(t, func() bool { return s.metric("sluice_sessions") == 0 })
}

// Over WebRTC the watch page offers the layers of a simulcast like the renditions of HLS, shows which one is received, and plays the one that is chosen, in
// a session that takes the place of the first too. Of 640x480 there are the whole picture and half of it.
func TestQualityOverWebRTC(t *testing.T) {
	alongside(t, paged)
	s, browser := startService(t, "--ladder", smallRung), cameraBrowser.forTest(t)
	studio := browser.open(s.base + "/publish?stream=layers")
	studio.set("#resolution", "640x480")
	studio.set("#sizes", "3")
	studio.click("#start")
	s.waitFor("layers", func(st stream) bool { return st.State == "live" })
	viewer := browser.open(s.base + "/watch/layers?protocol=webrtc")
	const chosen, height = `document.querySelector("sluice-player").shadowRoot.getElementById("quality-button").innerText.trim()`, `document.querySelector("video").videoHeight`
	viewer.wait("what Auto has chosen", chosen+` === "Auto (480p)" && `+height+` === 480`)
	viewer.pick("quality", "240p")
	viewer.wait("the layer", chosen+` === "240p" && `+height+` === 240`)
	viewer.screenshot("webrtc-240p")
	viewer.run("window.before = sluice.player.session", nil)
	viewer.run(`fetch(before.resource, {method: "DELETE"})`, nil)
	viewer.wait("another session", `sluice.player.session !== before && sluice.player.peer?.connectionState === "connected" && `+chosen+` === "240p" && `+height+` === 240`)
	viewer.pick("quality", "Auto")
	viewer.wait("the best again", chosen+` === "Auto (480p)" && `+height+` === 480`)
	viewer.screenshot("webrtc-auto")
}
