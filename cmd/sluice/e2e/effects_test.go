package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// front passes on to the service what a browser asks, and keeps what was asked of the pages' files.
type front struct {
	url       string
	noModels  atomic.Bool // answer 503 to who asks for a model
	mu        sync.Mutex
	requested []string
}

func startFront(t *testing.T, s *service) *front {
	t.Helper()
	target, err := url.Parse(s.base)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	f := &front{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.noModels.Load() && strings.HasSuffix(r.URL.Path, ".bin") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		f.mu.Lock()
		f.requested = append(f.requested, r.URL.Path)
		f.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// asked says whether a file whose name begins so was asked for.
func (f *front) asked(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range f.requested {
		if strings.HasPrefix(path, "/assets/"+name) {
			return true
		}
	}
	return false
}

// recordPeers keeps the peer connections that the page makes.
const recordPeers = `(() => { const Real = RTCPeerConnection; window.peers = [];
	window.RTCPeerConnection = class extends Real { constructor(c) { super(c); peers.push(this); } }; })()`

// offer is the line of an offer that no other offer has (RFC 8866 §5.2).
const offer = `peers.at(-1).localDescription.sdp.match(/^o=.*$/m)[0]`

// layLogo chooses a file as the logo, as a user does: a square of magenta.
const layLogo = `(async () => { const c = new OffscreenCanvas(60, 60), x = c.getContext("2d"); x.fillStyle = "#f0f"; x.fillRect(0, 0, 60, 60);
	const files = new DataTransfer(), input = document.querySelector("#logo");
	files.items.add(new File([await c.convertToBlob()], "logo.png", {type: "image/png"}));
	input.files = files.files; input.dispatchEvent(new Event("change", {bubbles: true})); })()`

// own says whether the picture that is sent is the camera's own track.
const own = `!(peers.at(-1).getSenders().find((s) => s.track?.kind === "video").track instanceof MediaStreamTrackGenerator)`

// same says whether the preview shows the track that is sent.
const same = `document.querySelector("#preview").srcObject.getVideoTracks()[0] === peers.at(-1).getSenders().find((s) => s.track?.kind === "video").track`

func isWhite(c colour) bool   { return min(c.r, c.g, c.b) > 170 }
func isDark(c colour) bool    { return max(c.r, c.g, c.b) < 110 }
func isMagenta(c colour) bool { return c.r > 150 && c.b > 150 && c.g < 110 }

// isLine tells what has a part of the colour of contours from all that is in the face, which is redder.
func isLine(c colour) bool { return c.g > c.r+25 && c.b > c.r }

// contrast is the mean difference of neighbours in the squares on the left.
func (p *frame) contrast() int {
	sum, count := 0, 0
	for y := 40; y < 80; y++ {
		for x := 2; x < 45; x++ {
			sum += abs(p.at(x, y).r - p.at(x+1, y).r)
			count++
		}
	}
	return sum / count
}

func abs(n int) int { return max(n, -n) }

func (p *frame) colourful() bool {
	return p.any(0, 40, 48, 80, func(c colour) bool { return c.spread() > 90 })
}

// lines counts what has the colour of contours in the face, and beside it in the grey, which has a part of it everywhere.
func (p *frame) lines() (count int) {
	for y := 30; y < 90; y++ {
		for x := 86; x < 130; x++ {
			if isLine(p.at(x, y)) {
				count++
			}
		}
	}
	return count
}

// Each effect is seen by viewers, is changed while live in the same session, and costs nothing when it is off.
func TestEffects(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "1s")
	f := startFront(t, s)
	browser := startBrowser(t, chromedp.Flag("use-file-for-fake-video-capture", filmCamera(t)))
	page := browser.open(f.url + "/publish?stream=effects")
	page.run(recordPeers, nil)
	page.unfold()
	page.set("#resolution", "640x480")
	page.click("#start")
	s.waitState("effects", "live", 20*time.Second)
	page.wait("the camera's own track is sent", own+"&&"+same, time.Second)
	session := s.stream("effects").Publisher.Since
	page.run(`window.offered = `+offer, nil)
	for _, c := range []struct {
		name   string
		choose func()
		looks  func(p *frame) bool
	}{
		{"none", func() {}, func(p *frame) bool { return p.colourful() && p.contrast() > 25 }},
		{"monochrome", func() { page.set("#effect", "monochrome") }, func(p *frame) bool {
			return p.all(func(c colour) bool { return c.spread() < 16 }) && p.contrast() > 12
		}},
		{"blur", func() { page.set("#effect", "blur") }, func(p *frame) bool { return p.contrast() < 6 && !p.colourful() }},
		{"text", func() {
			page.set("#effect", "")
			page.set("#overlay-text", "STUDIO 3")
		}, func(p *frame) bool {
			return p.any(4, 100, 60, 118, isWhite) && p.any(4, 100, 60, 118, isDark) && p.contrast() > 25
		}},
		{"logo", func() {
			page.set("#overlay-text", "")
			page.set("#overlay-place", "top-right")
			page.run(layLogo, nil)
		}, func(p *frame) bool {
			return isMagenta(p.at(145, 14)) && !p.any(0, 30, 160, 120, isMagenta) && !p.any(4, 100, 60, 118, isWhite)
		}},
		{"faces", func() {
			require.False(t, f.asked("tiny_face") || f.asked("face-api") || f.asked("finding"), "what nobody has chosen is not loaded")
			page.click("#logo-remove")
			page.set("#effect", "faces")
			page.wait("the face is found", `document.querySelector("#effect-hint").innerText === "Faces outlined: 1."`, 60*time.Second)
			for _, name := range []string{"finding", "face-api", "tfjs-backend-wasm", "tiny_face", "face_landmark"} {
				require.True(t, f.asked(name), "%s comes from the service", name)
			}
		}, func(p *frame) bool { return p.lines() > 60 && p.colourful() && !isMagenta(p.at(145, 14)) }},
		{"none again", func() { page.set("#effect", "") }, func(p *frame) bool { return p.lines() == 0 && p.contrast() > 25 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.choose()
			page.requireSeen(t, s, "effects", c.looks)
			page.wait("the preview shows what is sent", same, time.Second)
			page.screenshot(c.name)
		})
	}
	page.wait("the camera's own track is sent again", own, time.Second)
	page.wait("nothing was negotiated anew", `peers.length === 1 && offered === `+offer, time.Second)
	require.Equal(t, session, s.stream("effects").Publisher.Since)
	page.click("#stop")
}

// requireSeen waits until viewers of HLS see a picture that looks so.
func (p *tab) requireSeen(t *testing.T, s *service, name string, looks func(*frame) bool) {
	t.Helper()
	var seen *frame
	met := func() bool {
		seen = newestPicture(t, s, name)
		return seen != nil && looks(seen)
	}
	if !assert.Eventually(t, met, 30*time.Second, 500*time.Millisecond, "the picture does not look so") {
		require.NotNil(t, seen)
		t.Fatalf("contrast %d, colour %v, %d points of contours", seen.contrast(), seen.colourful(), seen.lines())
	}
	p.wait("no fault", `document.querySelector("#fault").hidden && document.querySelector("#effects-fault").hidden`, time.Second)
}

// Without a model the page says so, and the camera's picture goes on; what is laid over it stays.
func TestEffectsWithoutModels(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "1s")
	f := startFront(t, s)
	f.noModels.Store(true)
	page := startBrowser(t, chromedp.Flag("use-file-for-fake-video-capture", filmCamera(t))).open(f.url + "/publish?stream=models")
	page.run(recordPeers, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "faces")
	page.click("#start")
	page.wait("the reason", `document.querySelector("#effects-fault").innerText.includes("Faces cannot be found") && document.querySelector("#effect").value === ""`, 30*time.Second)
	s.waitState("models", "live", 20*time.Second)
	page.wait("the camera's own track is sent", own+"&&"+same, time.Second)
	page.screenshot("fault")
	f.noModels.Store(false)
	page.set("#effect", "faces")
	page.wait("another try", `document.querySelector("#effect-hint").innerText === "Faces outlined: 1."`, 60*time.Second)
	page.requireSeen(t, s, "models", func(p *frame) bool { return p.lines() > 60 })
}

// What is recorded and sent over a WebSocket is the painted picture, too; only its beginning and its end are other recordings.
func TestEffectsOfUploads(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "5s")
	page := startBrowser(t, chromedp.Flag("use-file-for-fake-video-capture", filmCamera(t))).open(s.base + "/publish?stream=upload")
	page.set("#resolution", "640x480")
	page.set("input[name=way][value=upload]", "")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("upload", "live", 20*time.Second)
	page.requireSeen(t, s, "upload", func(p *frame) bool { return p.all(func(c colour) bool { return c.spread() < 16 }) })
	page.wait("the picture's size is told", `document.querySelector("#picture").innerText.includes("640")`, 5*time.Second)
	session := s.stream("upload").Publisher.Since
	page.set("#effect", "blur")
	page.requireSeen(t, s, "upload", func(p *frame) bool {
		return p.contrast() < 6 && p.any(0, 0, 160, 120, func(c colour) bool { return c.spread() > 40 })
	})
	require.Equal(t, session, s.stream("upload").Publisher.Since, "the same recording")
	page.set("#effect", "")
	page.requireSeen(t, s, "upload", func(p *frame) bool { return p.colourful() && p.contrast() > 25 })
	page.click("#stop")
}

// A browser without streams of frames paints on a canvas of the page.
func TestEffectsOnACanvas(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "1s")
	page := startBrowser(t, chromedp.Flag("use-file-for-fake-video-capture", filmCamera(t))).open(s.base + "/publish?stream=canvas")
	page.run(recordPeers, nil)
	page.run(`delete window.MediaStreamTrackProcessor`, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("canvas", "live", 20*time.Second)
	page.wait("a canvas is sent", `peers.at(-1).getSenders().find((s) => s.track?.kind === "video").track instanceof CanvasCaptureMediaStreamTrack &&`+same, time.Second)
	page.wait("that it stops when hidden is told", `document.querySelector("#effect-hint").innerText.includes("Keep this page in front")`, time.Second)
	page.requireSeen(t, s, "canvas", func(p *frame) bool { return p.all(func(c colour) bool { return c.spread() < 16 }) && p.contrast() > 12 })
	page.set("#effect", "faces")
	page.wait("the face is found", `document.querySelector("#effect-hint").innerText.includes("Faces outlined: 1.")`, 60*time.Second)
	page.requireSeen(t, s, "canvas", func(p *frame) bool { return p.lines() > 60 && p.colourful() })
	page.click("#stop")
}

// A worker paints on while the window is minimised.
func TestEffectsWhileHidden(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "1s")
	page := startBrowser(t, chromedp.Flag("use-file-for-fake-video-capture", filmCamera(t))).open(s.base + "/publish?stream=hidden")
	page.run(recordPeers, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("hidden", "live", 20*time.Second)
	window, err := chromedp.Call(page.ctx, cdpbrowser.GetWindowForTarget, cdpbrowser.GetWindowForTargetParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(page.ctx, cdpbrowser.SetWindowBounds, cdpbrowser.SetWindowBoundsParams{
		WindowID: window.WindowID, Bounds: &cdpbrowser.Bounds{WindowState: cdpbrowser.WindowStateMinimized},
	})
	require.NoError(t, err)
	page.wait("hidden", `document.hidden`, 10*time.Second)
	const sent = `[...(await peers.at(-1).getStats()).values()].find((r) => r.type === "outbound-rtp" && r.kind === "video").framesSent`
	var before int
	page.run(sent, &before)
	page.wait("more pictures", fmt.Sprintf(`%s > %d`, sent, before+30), 30*time.Second)
	page.requireSeen(t, s, "hidden", func(p *frame) bool { return p.all(func(c colour) bool { return c.spread() < 16 }) && p.contrast() > 12 })
}

// stillScreen gives the page a picture that never changes for the camera's.
const stillScreen = `(() => { const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	navigator.mediaDevices.getUserMedia = async (wanted) => {
		const c = document.createElement("canvas"), x = c.getContext("2d"); c.width = 640; c.height = 480;
		const still = c.captureStream();
		x.fillStyle = "#00f"; x.fillRect(0, 0, 640, 480);
		return new MediaStream([...still.getVideoTracks(), ...(await real({audio: wanted.audio})).getAudioTracks()]);
	}; })()`

// What is changed is seen though the source shows nothing new, as a screen with slides does.
func TestEffectsOverAStillPicture(t *testing.T) {
	s := startService(t, "--ladder", oneRung, "--linger", "1s")
	page := startBrowser(t).open(s.base + "/publish?stream=still")
	page.wait("the camera, which the page opens by itself", `document.querySelector("#preview").srcObject !== null`, 20*time.Second)
	page.run(stillScreen, nil)
	page.set("#resolution", "640x480")
	page.wait("what never changes", `document.querySelector("#preview").srcObject.getVideoTracks()[0].canvas !== undefined`, 20*time.Second)
	page.set("#overlay-text", "FIRST SLIDE")
	page.click("#start")
	s.waitState("still", "live", 20*time.Second)
	page.requireSeen(t, s, "still", func(p *frame) bool { return p.any(4, 100, 60, 118, isWhite) && p.at(80, 60).b > 150 })
	page.set("#overlay-place", "top-right")
	page.requireSeen(t, s, "still", func(p *frame) bool { return p.any(100, 2, 156, 20, isWhite) && !p.any(4, 100, 60, 118, isWhite) })
	page.click("#stop")
}
