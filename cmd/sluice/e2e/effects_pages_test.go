package e2e

import (
	"fmt"
	"testing"
)

// colourful says whether a video that a selector finds shows a picture with colours, or one without.
func colourful(selector string, wanted bool) string {
	return fmt.Sprintf(`(() => { const video = document.querySelector(%q); if (!video?.videoWidth) return false;
		const x = new OffscreenCanvas(160, 120).getContext("2d"); x.drawImage(video, 0, 0, 160, 120);
		const { data } = x.getImageData(0, 0, 160, 120); let most = 0, light = 0;
		for (let i = 0; i < data.length; i += 4) { most = Math.max(most, Math.abs(data[i] - data[i + 2])); light = Math.max(light, data[i]); }
		return light > 60 && (most > 60) === %t; })()`, selector, wanted)
}

// The echo and rooms have the publish page's effects: what comes back of the echo, and what is sent to a room, is painted.
func TestEffectsOfEchoAndRooms(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--record=false")
	browser := filmBrowser.forTest(t)

	echo := browser.open(s.base + "/echo")
	echo.click("#effects-panel summary")
	echo.click("#start")
	echo.wait("the camera comes back", colourful("#remote", true))
	echo.set("#effect", "monochrome")
	echo.wait("what comes back is painted", colourful("#remote", false))
	echo.screenshot("echo")
	echo.set("#effect", "")
	echo.wait("the camera comes back", colourful("#remote", true))
	echo.click("#stop")
	echo.close()

	room := browser.open(s.base + "/rooms/den?name=Ada")
	room.run(recordPeers, nil)
	room.click("#effects-panel summary")
	room.set("#effect", "monochrome")
	room.click("#enter")
	const own, tile = `peers.at(-1)?.getSenders().some((s) => s.track?.kind === "video" && !(s.track instanceof MediaStreamTrackGenerator))`, "#tiles video"
	const painted = `peers.at(-1)?.getSenders().some((s) => s.track instanceof MediaStreamTrackGenerator)`
	room.wait("the painted track is sent", painted)
	room.wait("and shown", colourful(tile, false))
	room.screenshot("room")
	for _, state := range []string{"off", "on"} {
		room.click("#camera")
		room.wait("the camera is "+state, fmt.Sprintf(`document.querySelector("#camera").innerText.includes(%q)`, state))
	}
	room.wait("the painted track is sent again", painted)
	room.wait("and shown", colourful(tile, false))
	room.set("#effect", "")
	room.wait("the camera's own track is sent", own)
	room.wait("and shown", colourful(tile, true))
	room.click("#leave")
}
