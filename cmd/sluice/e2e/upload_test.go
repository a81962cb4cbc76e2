package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What Chromium records is played by hls.js and dash.js, whichever way it is uploaded, behind nginx: the clock in the picture goes
// on, and beeps are heard.
func TestUploadsPlay(t *testing.T) {
	alongside(t, whole)
	s := startService(t, "--ladder", clockRung, longParts, "--linger", "1s", "--auth-publish", stageKey)
	stage := newStage(t)
	browser := cameraBrowser.forTest(t)
	proxy, _ := startNginx(t, strings.TrimPrefix(s.base, "http://"), nil)
	for _, c := range []struct{ way, mimeType, codec string }{
		{"chunks", "video/webm;codecs=vp8,opus", "VP8"},
		{"forms", "video/webm;codecs=vp9,opus", "VP9"},
		{"binary", "video/webm;codecs=h264,opus", "H264"},
		{"base64", "video/webm;codecs=vp8,opus", "VP8"},
	} {
		t.Run(c.way, func(t *testing.T) {
			studio := browser.forTest(t).open(stage + "/stage.html?width=320&key=" + stageKey)
			studio.run(fmt.Sprintf("upload(%q, %q, %q)", proxy+"/upload/"+c.way, c.way, c.mimeType), nil)
			s.waitState(c.way, "live")
			require.Equal(t, c.codec, s.stream(c.way).Publisher.Video.Codec)
			if c.codec == "VP9" {
				require.False(t, s.stream(c.way).Encoder.Copies, "an upload cannot be asked for key frames")
			}
			live := s.base + "/live/" + c.way + "/"
			hls := playClock(t, browser, stage, "playHls", live+"index.m3u8")
			if c.way == "chunks" { // what comes in another way is packaged as this is
				dash := playClock(t, browser, stage, "playDash", live+"manifest.mpd")
				requireClock(t, dash, "dash.js")
			}
			requireClock(t, hls, "hls.js")
			studio.close()
		})
	}
}

// A recording that is made by ffmpeg comes in one request through nginx, and is kept.
func TestUploadInOneRequest(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", clockRung, "--linger", "1s")
	command := exec.Command("ffmpeg", "-loglevel", "error", "-re", "-i", makeFilm(t, 30, 8*time.Second),
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-b:v", "1M", "-c:a", "libopus", "-f", "webm", "-live", "1", "-")
	film, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	proxy, _ := startNginx(t, strings.TrimPrefix(s.base, "http://"), nil)
	answers := make(chan string, 1)
	go func() {
		response, err := http.Post(proxy+"/upload/film", "video/webm", film)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer response.Body.Close()
		told, _ := io.ReadAll(response.Body)
		answers <- response.Status + " " + string(told)
	}()
	s.waitState("film", "live")
	recording := s.recording("film")
	require.Regexp(t, `^200 OK \{"stream":"film","received":\d+,"buffered":0,"late":0\}`, <-answers)
	require.NoError(t, command.Wait())
	s.waitState("film", "ended")
	requireDuration(t, recording+"/source-1.webm", 7500*time.Millisecond)
}

// The publish page sends over a WebSocket where it is told to, and shows what it sends; another bit rate is another recording, which
// viewers do not notice, and another transform another ffmpeg, which they get over.
func TestPublishPageUploads(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", clockRung, longParts, "--linger", "1s", "--auth-publish", "open~/+sesame")
	browser := cameraBrowser.forTest(t)
	studio := browser.open(s.base + "/publish?stream=camera")
	studio.run(`(() => { sessionStorage.setItem("sluice.key", "open~/+sesame"); document.querySelector("input[name=way][value=upload]").click(); })()`, nil)
	studio.set("#resolution", "640x480")
	studio.wait("preview", `document.querySelector("#preview").videoWidth > 0`)
	studio.click("#start")
	studio.wait("live", `document.querySelector("#badge").dataset.state === "live"`)
	studio.wait("rates", `document.querySelector("#bitrate").textContent.includes("bit/s") && document.querySelector("#sent-codec").textContent === "VP8"`)
	viewer := browser.open(s.base + "/watch/camera")
	viewer.requirePlaying(3 * time.Second)
	studio.screenshot("publish-upload")
	session := s.stream("camera").Publisher
	studio.run(`(() => { const m = document.querySelector("#max-bitrate"); m.value = "500000"; m.dispatchEvent(new Event("change", {bubbles: true})); })()`, nil)
	s.waitFor("camera", func(st stream) bool { return st.Publisher != nil && st.Publisher.Since != session.Since })
	viewer.requirePlaying(3 * time.Second)
	studio.wait("no fault", `document.querySelector("#fault").hidden && document.querySelector("#badge").dataset.state === "live"`)
	studio.run(`(() => { const m = document.querySelector("#transform"); m.value = "mirror"; m.dispatchEvent(new Event("change", {bubbles: true})); })()`, nil)
	s.waitFor("camera", func(st stream) bool { return st.Encoder.Transform == "mirror" })
	viewer.requirePlaying(3 * time.Second)
	studio.screenshot("publish-transform")
	studio.click("#stop")
	studio.wait("not live", `document.querySelector("#badge").dataset.state === "idle"`)
	s.waitState("camera", "ended")
}
