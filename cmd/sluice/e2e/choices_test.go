package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// set chooses a value of a control, as a user does.
func (p *tab) set(selector, value string) {
	p.t.Helper()
	p.run(fmt.Sprintf(`(() => { const c = document.querySelector(%q); if (c.type === "radio") c.checked = true; else c.value = %q;
		c.dispatchEvent(new Event("change", {bubbles: true})); })()`, selector, value), nil)
}

// unfold shows what the publish page folds away as Advanced, as a user does.
func (p *tab) unfold() {
	p.t.Helper()
	p.click("#advanced > summary")
	p.wait("Advanced is unfolded", `document.querySelector("#advanced").open`)
}

// What is chosen on the publish page is how picture and sound are offered and sent, can be changed while live, and is there again at the
// next visit.
func TestPublishPageChoices(t *testing.T) {
	alongside(t, heavy)
	s := startService(t, "--ladder", smallRung, "--linger", "0s")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=choices")
	var codecs []string
	page.run(`[...document.querySelector("#codec").options].map((o) => o.value)`, &codecs)
	require.Contains(t, codecs, "")
	require.Contains(t, codecs, "H264")
	page.run(`(() => { const Real = RTCPeerConnection; window.peers = [];
		window.RTCPeerConnection = class extends Real { constructor(c) { super(c); peers.push(this); } }; })()`, nil)
	page.set("#resolution", "640x360")
	page.set("#codec", "H264")
	page.set("#max-bitrate", "500000")
	page.set("input[name=hint][value=detail]", "")
	page.unfold()
	page.click("#redundancy")
	page.click("#start")
	page.wait("the codec that is sent", `document.querySelector("#sent-codec").innerText !== "–"`)
	page.wait("the codec cannot be changed", `document.querySelector("#codec").disabled`)

	const video = `peers.at(-1).getSenders().find((s) => s.track?.kind === "video")`
	var offered, first string
	page.run(`peers.at(-1).localDescription.sdp.match(/m=video \d+ \S+ (\d+)/)[1]`, &offered)
	page.run(`peers.at(-1).localDescription.sdp.match(/a=rtpmap:`+offered+` (\w+)/)[1]`, &first)
	require.Equal(t, "H264", first)
	var sound []string
	page.run(`(() => { const sdp = peers.at(-1).remoteDescription.sdp, payloads = sdp.match(/m=audio \d+ \S+ ([\d ]+)/)[1].split(" ");
		return payloads.map((payload) => sdp.match("a=rtpmap:" + payload + " (\\w+)")[1]); })()`, &sound)
	require.Equal(t, []string{"red", "opus"}, sound, "the answer")
	limit := func(bps int) string { return fmt.Sprintf(video+`.getParameters().encodings[0].maxBitrate === %d`, bps) }
	page.wait("the bit rate is bounded", limit(500_000))
	page.wait("detail matters", video+`.track.contentHint === "detail"`)
	page.set("#max-bitrate", "1000000")
	page.set("input[name=hint][value=motion]", "")
	page.wait("another bound", limit(1_000_000))
	page.wait("motion matters", video+`.track.contentHint === "motion"`)
	page.screenshot("live")
	page.click("#stop")

	page.navigate(s.base + "/publish?stream=choices")
	page.wait("the choices are there again", `document.querySelector("#advanced").open && document.querySelector("#codec")?.value === "H264" && document.querySelector("#max-bitrate").value === "1000000" &&
		document.querySelector("#resolution").value === "640x360" && document.querySelector("input[name=hint]:checked").value === "motion" &&
		document.querySelector("#redundancy").checked`)
}

// A viewer whose browser cannot decode the publisher's codec is told so, and watches over HLS instead.
func TestWatchFallsBackFromWebRTC(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung)
	p := newPublisher(t, s, "clip")
	p.rounds = chaosRounds
	p.send()
	s.waitState("clip", "live")
	viewer := cameraBrowser.forTest(t).open(s.base + "/watch/clip")
	viewer.run(`(() => { const real = window.fetch, refusal = {detail: "This browser cannot decode AV1."};
		window.fetch = (url, init) => String(url).includes("/whep/") && init?.method === "POST" ?
			Promise.resolve(new Response(JSON.stringify(refusal), {status: 422, headers: {"Content-Type": "application/problem+json"}})) : real(url, init); })()`, nil)
	viewer.choose("webrtc")
	viewer.wait("the reason is told", `document.querySelector("#fault").innerText === "This browser cannot decode AV1. Playing over HLS instead."`)
	viewer.wait("HLS plays", `document.querySelector("sluice-player").protocol === "hls" && window.sluice.stats().player === "hls.js" && window.sluice.state() === "playing"`)
	viewer.screenshot("instead")
	viewer.choose("dash")
	viewer.wait("the choice is the viewer's own again", `document.querySelector("#fault").hidden`)
}
