package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shots takes the pictures of one run: every page at two widths, light and dark.
type shots struct {
	testing.TB
	folder  string
	service *service
	browser *browser
	film    string
}

// makeScenery writes a film that is pleasant to look at: what is published.
func makeScenery(b *testing.B) string {
	b.Helper()
	film := filepath.Join(b.TempDir(), "scenery.mkv")
	const colours = "gradients=s=854x480:r=15:n=5:c0=0x0b3954:c1=0x087e8b:c2=0x9bd3c7:c3=0xffb26b:c4=0xff5a5f:speed=0.02:d=20"
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", colours, "-f", "lavfi", "-i", "sine=220:d=20", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "libopus", film).CombinedOutput()
	require.NoError(b, err, "%s", out)
	return film
}

// BenchmarkScreenshots shows every page, before and while there is something to see, and keeps its pictures in the folder that
// SCREENSHOTS names. It measures nothing: it is for eyes.
func BenchmarkScreenshots(b *testing.B) {
	folder := os.Getenv("SCREENSHOTS")
	require.NotEmpty(b, folder, "SCREENSHOTS names the folder to write to")
	require.NoError(b, os.MkdirAll(folder, 0o755))
	s := shots{b, folder, startService(b, "--ladder", "480p=854x480@15:800k", "--linger", "1s", "--http-embed-origins", "*"), startBrowser(b), makeScenery(b)}
	s.empty()
	s.record()
	s.live()
	b.ReportMetric(0, "ns/op")
}

// take keeps a page as it is, whole and in all four ways.
func (s shots) take(page *tab, name string) {
	s.Helper()
	_, err := chromedp.Call(page.ctx, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: true})
	require.NoError(s, err)
	for _, width := range []int64{1280, 390} {
		// As high as its content, so that what stands at the bottom of a phone's screen covers nothing.
		require.NoError(s, chromedp.Do(page.ctx, chromedp.EmulateViewport(width, 800)))
		var height int64
		page.run(`document.documentElement.scrollHeight`, &height)
		require.NoError(s, chromedp.Do(page.ctx, chromedp.EmulateViewport(width, height)))
		for _, theme := range []string{"light", "dark"} {
			page.run(fmt.Sprintf(`(async () => { document.documentElement.dataset.theme = %q; dispatchEvent(new Event("themechange"));
				await document.fonts.ready; await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 300))); })()`, theme), nil)
			var wider int
			page.run(`document.documentElement.scrollWidth`, &wider)
			require.LessOrEqualf(s, wider, int(width), "%s is wider than the screen", name)
			picture, err := chromedp.Run(page.ctx, chromedp.FullScreenshot(100))
			require.NoError(s, err)
			file := filepath.Join(s.folder, fmt.Sprintf("%s-%d-%s.png", name, width, theme))
			require.NoError(s, os.WriteFile(file, picture, 0o644))
		}
	}
}

// visit opens a page, waits for it, and keeps it.
func (s shots) visit(name, path, condition string) {
	s.Helper()
	page := s.browser.open(s.service.base + path)
	page.wait(name, condition)
	s.take(page, name)
	page.close()
}

// empty are the pages of a service that nobody has used.
func (s shots) empty() {
	s.visit("home-empty", "/", `!document.querySelector("#empty").hidden`)
	s.visit("recordings-empty", "/recordings", `!document.querySelector("#empty").hidden`)
	s.visit("dashboard-empty", "/dashboard", `document.querySelector("#streams").textContent !== ""`)
	s.visit("rooms-empty", "/rooms", `document.querySelector("#rooms-summary").textContent.includes("No room")`)
	s.visit("watch-waiting", "/watch/nobody", `document.querySelector("#badge").textContent === "Waiting"`)
	s.visit("embed-waiting", "/embed/nobody", partOf("title")+`.textContent === "Waiting for the stream"`)
	s.visit("echo", "/echo", `true`)
	s.visit("frames", "/frames", `document.querySelector("#process").length > 1`)
	s.visit("logs", "/logs", `document.querySelector("#lines").children.length > 0`)
	s.visit("docs", "/docs", `true`)
	s.visit("licenses", "/licenses", `true`)
	s.visit("publish", "/publish?stream=harbor-cam", `document.querySelector("#preview").videoWidth > 0`)
}

// record makes a recording, and keeps the page of a stream that has ended.
func (s shots) record() {
	publisher := s.publish("town-hall")
	s.service.waitState("town-hall", "live")
	viewer := s.browser.open(s.service.base + "/watch/town-hall")
	viewer.wait("playing", playing)
	require.NoError(s, publisher.Process.Signal(os.Interrupt))
	_ = publisher.Wait() // it was interrupted
	viewer.wait("ended", `document.querySelector("#badge").textContent === "Ended"`)
	s.take(viewer, "watch-ended")
	viewer.close()
	s.service.recording("town-hall")
	list := s.browser.open(s.service.base + "/recordings")
	list.wait("the recording", `document.querySelector(".recording a")`)
	s.take(list, "recordings")
	list.click(".recording .primary")
	list.wait("it plays", `document.querySelector("#video").readyState > 2`)
	s.take(list, "recordings-playing")
	list.close()
}

const playing = `window.sluice.state() === "playing" && document.querySelector("video").currentTime > 3`

// live are the pages while somebody publishes, and others are in a room.
func (s shots) live() {
	publisher := s.publish("harbor-cam")
	s.Cleanup(func() { _ = publisher.Process.Kill(); _ = publisher.Wait() })
	s.service.waitState("harbor-cam", "live")
	for _, protocol := range []string{"hls", "dash", "webrtc"} {
		s.visit("watch-"+protocol, "/watch/harbor-cam?protocol="+protocol, playing+` && !/–/.test(document.querySelector("#latency").textContent)`)
	}
	s.visit("embed-player", "/embed/harbor-cam?protocol=hls", playing)
	s.visit("embed-button", "/embed/harbor-cam?autoplay=0", `window.sluice.state() === "ready" && document.querySelector("video").poster !== ""`)
	studio := s.browser.open(s.service.base + "/publish?stream=studio-two")
	studio.click("#start")
	studio.wait("playable", `document.querySelector("#badge").dataset.state === "live" && document.querySelector("#fps").textContent !== "–"`)
	s.take(studio, "publish-live")
	s.embed(studio)
	studio.click("#advanced > summary")
	s.take(studio, "publish-advanced")
	s.visit("home", "/", `[...document.querySelectorAll("#streams img")].filter((image) => !image.hidden).length === 2`)

	guests := []*tab{s.enter("Ann"), s.enter("Bob")}
	guests[0].wait("both are seen", `[...document.querySelectorAll("#tiles video")].filter((video) => video.videoWidth > 0).length === 2`)
	guests[0].run(`(() => { document.querySelector("#text").value = "Hello, everybody"; document.querySelector("#say").requestSubmit(); })()`, nil)
	guests[0].click("#effects-panel summary")
	s.take(guests[0], "room")
	s.visit("rooms", "/rooms", `document.querySelector("#rooms button")`)
	s.visit("dashboard", "/dashboard", `/bit/.test(document.querySelector("#received").textContent) && document.querySelector("#rooms a")`)
	for _, guest := range guests {
		guest.close()
	}
	echo := s.browser.open(s.service.base + "/echo")
	echo.click("#start")
	echo.click("#effects-panel summary")
	echo.wait("round trips", `/[0-9]/.test(document.querySelector("#median").textContent)`)
	s.take(echo, "echo-running")
}

// embed keeps a page of another site that frames what the publish page offers, once that plays; over WebRTC, since the service
// counts those viewers.
func (s shots) embed(studio *tab) {
	s.Helper()
	var code string
	studio.run(`document.querySelector("#embed-code").textContent.replace('" title', '?protocol=webrtc" title')`, &code)
	other := s.browser.open(anotherSite(s, "<style>iframe { max-width: 100%; }</style><h1>A page of another site</h1>"+code))
	s.service.waitFor("studio-two", func(now stream) bool { return now.Viewers == 1 })
	s.take(other, "embed")
	other.close()
}

// publish sends a moving picture, until it is interrupted.
func (s shots) publish(name string) *exec.Cmd {
	s.Helper()
	command := exec.Command(program, "publish", "--loop", "--fps", "15", s.film, s.service.base+"/whip/"+name)
	require.NoError(s, command.Start())
	return command
}

// enter opens a room for one more participant.
func (s shots) enter(name string) *tab {
	s.Helper()
	page := s.browser.open(s.service.base + "/rooms/lounge")
	page.run(fmt.Sprintf(`(() => { document.querySelector("#name").value = %q; document.querySelector("#entry").requestSubmit(); })()`, name), nil)
	page.wait("in the room", `document.querySelector("#badge").textContent === "In the room"`)
	return page
}
