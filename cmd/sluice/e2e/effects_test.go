package e2e

import (
	"fmt"
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
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

// Where something is in the camera's picture, and where it is laid over.
var (
	squaresAt  = area{2, 40, 45, 80}
	faceAt     = area{86, 30, 130, 90}
	textAt     = area{4, 100, 60, 118}
	logoAt     = area{141, 10, 149, 18}
	besideLogo = area{0, 30, frameWidth, frameHeight}
)

// isLine reports whether a colour has a part of that of contours, unlike all that is in the face, which is redder.
func isLine(c colour) bool { return c.g > c.r+25 && c.b > c.r }

// lines counts what has the colour of contours in the face, and beside it in the grey, which has a part of it everywhere.
func (p *frame) lines() (count int) {
	for y := faceAt.fromY; y < faceAt.toY; y++ {
		for x := faceAt.fromX; x < faceAt.toX; x++ {
			if isLine(p.at(x, y)) {
				count++
			}
		}
	}
	return count
}

// contrast is the mean difference of neighbours in the squares on the left.
func (p *frame) contrast() float64 {
	return p.meanOf(squaresAt, func(x, y int) int { return abs(p.at(x, y).r - p.at(x+1, y).r) })
}

// The pictures of viewers are compared with one that shows no effect, which is the camera's own or, better, one of theirs.
func (p *frame) plain(as *frame) bool {
	return p.contrast() > as.contrast()/4 && p.colourfulness(squaresAt) > as.colourfulness(squaresAt)/2
}

func (p *frame) monochrome(plain *frame) bool {
	return p.colourfulness(everywhere) < plain.colourfulness(everywhere)/5 && p.contrast() > plain.contrast()/8
}

func (p *frame) blurred(plain *frame) bool {
	return p.contrast() < plain.contrast()/4 && p.colourfulness(squaresAt) < plain.colourfulness(squaresAt)/2 &&
		p.colourfulness(faceAt) > plain.colourfulness(faceAt)/3
}

func (p *frame) outlined(plain *frame) bool { return p.lines() > plain.lines()+60 && p.plain(plain) }

// describe tells what the comparisons look at.
func (p *frame) describe(plain *frame) string {
	if p == nil {
		return "no picture"
	}
	return fmt.Sprintf("contrast %.1f, colourfulness %.1f, of the squares %.1f, of the face %.1f, %d points of contours, different by %.1f in all, %.1f in the squares, %.1f at the text, %.1f at the logo",
		p.contrast(), p.colourfulness(everywhere), p.colourfulness(squaresAt), p.colourfulness(faceAt), p.lines(),
		p.difference(plain, everywhere), p.difference(plain, squaresAt), p.difference(plain, textAt), p.difference(plain, logoAt))
}

// Each effect is seen by viewers, is changed while live in the same session, and costs nothing when it is off.
func TestEffects(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s")
	f := startFront(t, s)
	browser := filmBrowser.forTest(t)
	page := browser.open(f.url + "/publish?stream=effects")
	page.run(recordPeers, nil)
	page.unfold()
	page.set("#resolution", "640x480")
	page.click("#start")
	s.waitState("effects", "live")
	page.wait("the camera's own track is sent", own+"&&"+same)
	session := s.stream("effects").Publisher.Since
	page.run(`window.offered = `+offer, nil)
	plain := page.requireSeen(t, s, "effects", cameraFrame(), (*frame).plain)
	var text, logo float64 // how much they change where they are
	for _, c := range []struct {
		name   string
		choose func()
		looks  func(p, plain *frame) bool
	}{
		{"monochrome", func() { page.set("#effect", "monochrome") }, (*frame).monochrome},
		{"blur", func() { page.set("#effect", "blur") }, (*frame).blurred},
		{"text", func() {
			page.set("#effect", "")
			page.set("#overlay-text", "STUDIO 3")
		}, func(p, plain *frame) bool {
			text = p.difference(plain, textAt)
			return text > 2*p.difference(plain, squaresAt) && p.plain(plain)
		}},
		{"logo", func() {
			page.set("#overlay-text", "")
			page.set("#overlay-place", "top-right")
			page.run(layLogo, nil)
		}, func(p, plain *frame) bool {
			logo = p.difference(plain, logoAt)
			magenta, elsewhere := p.mean(logoAt), p.difference(plain, besideLogo)
			return min(magenta.r, magenta.b) > 2*magenta.g && logo > 3*elsewhere && p.difference(plain, textAt) < text*2/3
		}},
		{"faces", func() {
			require.False(t, f.asked("tiny_face") || f.asked("face-api") || f.asked("finding"), "what nobody has chosen is not loaded")
			page.click("#logo-remove")
			page.set("#effect", "faces")
			page.wait("the face is found", `document.querySelector("#effect-hint").innerText === "Faces outlined: 1."`)
			for _, name := range []string{"finding", "face-api", "tfjs-backend-wasm", "tiny_face", "face_landmark"} {
				require.True(t, f.asked(name), "%s comes from the service", name)
			}
		}, func(p, plain *frame) bool { return p.outlined(plain) && p.difference(plain, logoAt) < logo/2 }},
		{"none again", func() { page.set("#effect", "") }, func(p, plain *frame) bool {
			return p.lines() < plain.lines()+15 && p.plain(plain)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.choose()
			page.requireSeen(t, s, "effects", plain, c.looks)
			page.wait("the preview shows what is sent", same)
			page.screenshot(c.name)
		})
	}
	page.wait("the camera's own track is sent again", own)
	page.wait("nothing was negotiated anew", `peers.length === 1 && offered === `+offer)
	require.Equal(t, session, s.stream("effects").Publisher.Since)
	page.click("#stop")
}

// requireSeen waits until viewers of HLS see a picture that looks so beside one without effects, and returns it.
func (p *tab) requireSeen(t *testing.T, s *service, name string, plain *frame, looks func(p, plain *frame) bool) (seen *frame) {
	t.Helper()
	eventually(t, func() bool {
		seen = newestPicture(t, s, name)
		return seen != nil && looks(seen, plain)
	}, "the picture does not look so: %s", func() string { return seen.describe(plain) })
	t.Log(seen.describe(plain))
	p.wait("no fault", `document.querySelector("#fault").hidden && document.querySelector("#effects-fault").hidden`)
	return seen
}

// Without a model the page says so, and the camera's picture goes on; what is laid over it stays.
func TestEffectsWithoutModels(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s")
	f := startFront(t, s)
	f.noModels.Store(true)
	page := filmBrowser.forTest(t).open(f.url + "/publish?stream=models")
	page.unfold()
	page.run(recordPeers, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "faces")
	page.click("#start")
	page.wait("the reason", `document.querySelector("#effects-fault").innerText.includes("Faces cannot be found") && document.querySelector("#effect").value === ""`)
	s.waitState("models", "live")
	page.wait("the camera's own track is sent", own+"&&"+same)
	page.screenshot("fault")
	f.noModels.Store(false)
	page.set("#effect", "faces")
	page.wait("another try", `document.querySelector("#effect-hint").innerText === "Faces outlined: 1."`)
	page.requireSeen(t, s, "models", cameraFrame(), (*frame).outlined)
}

// What is recorded and sent over a WebSocket is the painted picture, too; only its beginning and its end are other recordings.
func TestEffectsOfUploads(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "5s")
	page := filmBrowser.forTest(t).open(s.base + "/publish?stream=upload")
	page.set("#resolution", "640x480")
	page.set("input[name=way][value=upload]", "")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("upload", "live")
	page.requireSeen(t, s, "upload", cameraFrame(), (*frame).monochrome)
	page.wait("the picture's size is told", `document.querySelector("#picture").innerText.includes("640")`)
	session := s.stream("upload").Publisher.Since
	page.set("#effect", "blur")
	page.requireSeen(t, s, "upload", cameraFrame(), (*frame).blurred)
	require.Equal(t, session, s.stream("upload").Publisher.Since, "the same recording")
	page.set("#effect", "")
	page.requireSeen(t, s, "upload", cameraFrame(), (*frame).plain)
	page.click("#stop")
}

// A browser without streams of frames paints on a canvas of the page.
func TestEffectsOnACanvas(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s")
	page := filmBrowser.forTest(t).open(s.base + "/publish?stream=canvas")
	page.unfold()
	page.run(recordPeers, nil)
	page.run(`delete window.MediaStreamTrackProcessor`, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("canvas", "live")
	page.wait("a canvas is sent", `peers.at(-1).getSenders().find((s) => s.track?.kind === "video").track instanceof CanvasCaptureMediaStreamTrack &&`+same)
	page.wait("that it stops when hidden is told", `document.querySelector("#effect-hint").innerText.includes("Keep this page in front")`)
	page.requireSeen(t, s, "canvas", cameraFrame(), (*frame).monochrome)
	page.set("#effect", "faces")
	page.wait("the face is found", `document.querySelector("#effect-hint").innerText.includes("Faces outlined: 1.")`)
	page.requireSeen(t, s, "canvas", cameraFrame(), (*frame).outlined)
	page.click("#stop")
}

// A worker paints on while the window is minimised.
func TestEffectsWhileHidden(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s")
	page := startBrowser(t, filmCamera(t, t.TempDir())).open(s.base + "/publish?stream=hidden") // of its own, since its window is minimised
	page.run(recordPeers, nil)
	page.set("#resolution", "640x480")
	page.set("#effect", "monochrome")
	page.click("#start")
	s.waitState("hidden", "live")
	window, err := chromedp.Call(page.ctx, cdpbrowser.GetWindowForTarget, cdpbrowser.GetWindowForTargetParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(page.ctx, cdpbrowser.SetWindowBounds, cdpbrowser.SetWindowBoundsParams{
		WindowID: window.WindowID, Bounds: &cdpbrowser.Bounds{WindowState: cdpbrowser.WindowStateMinimized},
	})
	require.NoError(t, err)
	page.wait("hidden", `document.hidden`)
	const sent = `[...(await peers.at(-1).getStats()).values()].find((r) => r.type === "outbound-rtp" && r.kind === "video").framesSent`
	var before int
	page.run(sent, &before)
	page.wait("more pictures", fmt.Sprintf(`%s > %d`, sent, before+30))
	page.requireSeen(t, s, "hidden", cameraFrame(), (*frame).monochrome)
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
	alongside(t, paged)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=still")
	page.wait("the camera, which the page opens by itself", `document.querySelector("#preview").srcObject !== null`)
	page.run(stillScreen, nil)
	page.set("#resolution", "640x480")
	page.wait("what never changes", `document.querySelector("#preview").srcObject.getVideoTracks()[0].canvas !== undefined`)
	page.set("#overlay-text", "FIRST SLIDE")
	page.click("#start")
	s.waitState("still", "live")
	slide := page.requireSeen(t, s, "still", blueFrame(), func(p, blue *frame) bool {
		return p.difference(blue, textAt) > 3*p.difference(blue, faceAt)
	})
	page.set("#overlay-place", "top-right")
	page.requireSeen(t, s, "still", blueFrame(), func(p, blue *frame) bool {
		text := slide.difference(blue, textAt)
		return p.difference(blue, area{100, 2, 156, 20}) > text/2 && p.difference(blue, textAt) < text/3
	})
	page.click("#stop")
}

// blueFrame is stillScreen without a text.
func blueFrame() *frame { return frameOf(image.NewUniform(color.RGBA{B: 255, A: 255})) }
