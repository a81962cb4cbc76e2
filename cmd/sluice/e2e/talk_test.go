package e2e

import "testing"

// A viewer over WebRTC and the publisher write to each other in their pages; keys that are typed there do nothing else.
func TestMessagesBesideAStream(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--record=false")
	browser := cameraBrowser.forTest(t)
	studio := browser.open(s.base + "/publish?stream=talk")
	studio.set("#resolution", "640x480")
	studio.click("#start")
	s.waitState("talk", "live")
	viewer := browser.open(s.base + "/watch/talk?protocol=webrtc")
	for _, page := range []*tab{studio, viewer} {
		page.wait("the panel of messages", `!document.querySelector("#talk").hidden`)
	}
	viewer.writes("lovely film, said Pip")
	studio.wait("what the viewer has written", `/^Viewer \w{4}\s*lovely film, said Pip$/.test(document.querySelector("#messages").innerText.trim())`)
	studio.writes("thank you")
	viewer.wait("what the publisher has written", `document.querySelector("#messages").innerText.includes("Publisher") && document.querySelector("#messages").innerText.includes("thank you")`)
	viewer.screenshot("viewer")
	studio.screenshot("publisher")
	viewer.run(`document.querySelector("#text").dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true }))`, nil)
	viewer.wait("it plays on", `!document.querySelector("#video").paused`)
}

// writes sends a message from the page's panel.
func (p *tab) writes(text string) {
	p.t.Helper()
	p.run(`document.querySelector("#text").value = "`+text+`"`, nil)
	p.run(`document.querySelector("#say").requestSubmit()`, nil)
}
