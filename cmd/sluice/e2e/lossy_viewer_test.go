package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lossyViewer is a page that watches over a network which loses packets.
type lossyViewer struct {
	*tab
	network *relay
}

// watchLossy opens a page that watches through a relay, and takes all that its browser offers but for a codec; "": that too.
func watchLossy(b *browser, s *service, pages, stream, without string) *lossyViewer {
	b.t.Helper()
	network := newRelay(b.t)
	network.start(s.media())
	v := &lossyViewer{b.open(pages + "/viewer.html"), network}
	v.run(fmt.Sprintf(`(() => {
		const port = %d, without = %q, describe = RTCPeerConnection.prototype.setRemoteDescription, get = window.fetch;
		window.fetch = (url, options) => {
			options.body = options.body.replace(/^a=candidate:.*\r\n/gm, "");
			options.body = options.body.split("\r\n").filter((line) => !without || !line.startsWith("a=rtpmap:") || !line.includes(" " + without + "/")).join("\r\n");
			return get(url, options);
		};
		RTCPeerConnection.prototype.setRemoteDescription = function ({type, sdp}) {
			return describe.call(this, {type, sdp: sdp.replace(/^(a=candidate:\S+ 1 udp \d+ )\S+ \d+/gm, (_, before) => before + "127.0.0.1 " + port)});
		};
	})()`, network.port(), without), nil)
	v.run(fmt.Sprintf("play(%q)", s.base+"/whep/"+stream), nil)
	v.wait("a picture", `document.querySelector("#video").videoWidth > 0`)
	return v
}

// watchBoth has a page publish, and two watch over networks that lose a tenth of all packets: one that takes a codec, and one that does not.
func watchBoth(t *testing.T, codec string) (s *service, with, without *lossyViewer) {
	t.Helper()
	s = startService(t, "--ladder", smallRung, "--record=false", "--auth-publish", stageKey, "--whep-transcode", "off")
	pages := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	t.Cleanup(pages.Close)
	browser := cameraBrowser.forTest(t)
	studio := browser.open(pages.URL + "/stage.html?width=320&key=" + stageKey)
	studio.run(fmt.Sprintf("publish(%q)", s.base+"/whip/lossy"), nil)
	s.waitState("lossy", "live")
	with, without = watchLossy(browser, s, pages.URL, "lossy", ""), watchLossy(browser, s, pages.URL, "lossy", codec)
	for _, v := range []*lossyViewer{with, without} {
		v.network.spoil(0.1, 50*time.Millisecond)
	}
	return s, with, without
}

// lossyReception is what such a page has got in a while.
type lossyReception struct {
	FPS       float64 // pictures decoded a second
	Concealed float64 // the share of the sound that was made up
	Lost      float64 // the share of the packets of sound
	Frozen    float64 // seconds
}

// receives measures for so many seconds.
func (v *lossyViewer) receives(seconds int) (r lossyReception) {
	v.t.Helper()
	v.run(fmt.Sprintf(`(async () => {
		const read = async () => Object.fromEntries([...(await connection.getStats()).values()].filter((r) => r.type === "inbound-rtp").map((r) => [r.kind, r]));
		const before = await read(), began = performance.now();
		await new Promise((done) => setTimeout(done, 1000 * %d));
		const after = await read(), passed = (performance.now() - began) / 1000;
		const of = (kind, name) => (after[kind][name] ?? 0) - (before[kind][name] ?? 0);
		return {
			FPS: of("video", "framesDecoded") / passed,
			Concealed: (of("audio", "concealedSamples") - of("audio", "silentConcealedSamples")) / of("audio", "totalSamplesReceived"),
			Lost: of("audio", "packetsLost") / (of("audio", "packetsLost") + of("audio", "packetsReceived")),
			Frozen: of("video", "totalFreezesDuration"),
		};
	})()`, seconds), &r)
	return r
}

// A browser whose network loses a tenth of all packets gets sound with redundancy, of which it makes up less than without.
func TestLossyViewer(t *testing.T) {
	alongside(t, busy)
	s, with, without := watchBoth(t, "red")
	eventually(t, func() bool {
		return s.metric(`sluice_session_redundant_packets_total{direction="sent",kind="viewer"}`) > 200
	})
	eventually(t, func() bool {
		var got [2]lossyReception
		each(t, []int{0, 1}, func(i int) { got[i] = []*lossyViewer{with, without}[i].receives(10) })
		t.Logf("with redundancy %+v, without %+v", got[0], got[1])
		return got[0].Lost > 0.05 && got[0].Concealed < got[1].Concealed/2
	})
}

// A browser that takes error correction is sent it when its network loses packets and a retransmission takes long; who does not gets none.
func TestCorrectedViewer(t *testing.T) {
	alongside(t, busy)
	s, with, without := watchBoth(t, "flexfec-03")
	const corrections = `[...(await connection.getStats()).values()].find((r) => r.type === "inbound-rtp" && r.kind === "video").fecPacketsReceived`
	with.wait("error correction", corrections+" > 100")
	require.Positive(t, s.metric(`sluice_session_correction_packets_total{direction="sent",kind="viewer"}`))
	var none bool
	without.run("(async () => !"+corrections+")()", &none)
	require.True(t, none)
}
