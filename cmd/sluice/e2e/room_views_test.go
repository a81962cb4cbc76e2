package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shows waits until the page shows a participant's picture in a width.
func (g *guest) shows(of *guest, width int) {
	g.t.Helper()
	g.wait(fmt.Sprintf("%s in %d pixels", of.name, width), fmt.Sprintf(`document.querySelector('video[data-participant="%s"]')?.videoWidth === %d`, of.id, width))
}

// mediaCount is how much of pictures and sound has come to the page.
const mediaCount = `(async () => {
	const all = [...(await sluice.room().links.get("").peer.getStats()).values()].filter((r) => r.type === "inbound-rtp");
	const count = (kind) => all.filter((r) => r.kind === kind).reduce((sum, r) => sum + r.packetsReceived, 0);
	return {Video: count("video"), Audio: count("audio")};
})()`

type counted struct{ Video, Audio int }

// The rooms page sends its picture in layers, and asks for no larger ones of others than it shows: a small tile gets the small layer, one that is
// made large the large one, and a page that is hidden no pictures.
func TestRoomTilesAreAskedFor(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--record=false")
	b := cameraBrowser.forTest(t)
	url := s.base + "/rooms/tiles"
	ann, bob, cyd := openGuest(b, url, "Ann", 640), openGuest(b, url, "Bob", 640), openGuest(b, url, "Cyd", 640)
	require.NoError(t, chromedp.Do(cyd.ctx, chromedp.EmulateViewport(1000, 800, chromedp.EmulateScale(1))))
	cyd.run(`document.querySelector("#with-camera").click()`, nil)
	for _, g := range []*guest{ann, bob, cyd} {
		g.enter()
	}
	enlarge := fmt.Sprintf(`figure:has([data-participant="%s"]) button`, ann.id)
	cyd.shows(ann, 320)
	cyd.shows(bob, 320)
	cyd.screenshot("small")
	cyd.click(enlarge)
	cyd.shows(ann, 640)
	cyd.shows(bob, 320)
	cyd.screenshot("large")
	cyd.click(enlarge)
	cyd.shows(ann, 320)

	hide := func(hidden bool) {
		cyd.run(fmt.Sprintf(`(() => {
			Object.defineProperty(document, "hidden", {configurable: true, get: () => %t});
			document.dispatchEvent(new Event("visibilitychange"));
		})()`, hidden), nil)
	}
	hide(true)
	var before counted
	eventually(t, func() bool {
		var now counted
		cyd.run(mediaCount, &now)
		quiet := now.Video == before.Video && now.Audio > before.Audio+20
		if now.Video != before.Video {
			before = now
		}
		return quiet
	}, "pictures go on, or sound does not")
	hide(false)
	eventually(t, func() bool {
		var now counted
		cyd.run(mediaCount, &now)
		return now.Video > before.Video+20
	}, "no pictures come")
	cyd.requireSees(ann, bob)
}
