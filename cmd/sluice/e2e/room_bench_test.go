package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// restrain has all that the page gets come through a relay, and, if that is said, has it be a page that sends one layer and asks for nothing.
func (g *guest) restrain(port int, plain bool) {
	g.run(fmt.Sprintf(`(() => {
		const port = %d, plain = %t, send = WebSocket.prototype.send, describe = RTCPeerConnection.prototype.setRemoteDescription;
		WebSocket.prototype.send = function (text) {
			const event = JSON.parse(text);
			if (event.event === "candidate" && event.candidate || plain && event.event === "view") return;
			if (plain) delete event.simulcast;
			if (event.sdp) event.sdp = event.sdp.replace(/^a=candidate:.*\r\n/gm, "");
			send.call(this, JSON.stringify(event));
		};
		RTCPeerConnection.prototype.setRemoteDescription = function ({type, sdp}) {
			return describe.call(this, {type, sdp: sdp.replace(/^(a=candidate:\S+ 1 udp \d+ )\S+ \d+/gm, (_, before) => before + "127.0.0.1 " + port)});
		};
	})()`, port, plain), nil)
}

// reception is what comes to a page for a while.
type reception struct {
	Kbits float64 // a second, all together
	Tiles []struct{ FPS, Still, Width float64 }
}

// measure counts for so many seconds. A tile's Still is the longest time for which it has not changed.
func (g *guest) measure(seconds int) (r reception) {
	g.t.Helper()
	g.run(fmt.Sprintf(`(async () => {
		const tiles = {}, began = performance.now();
		const read = async () => [...(await sluice.room().links.get("").peer.getStats()).values()];
		const bytes = (all) => all.find((r) => r.type === "transport").bytesReceived;
		const before = bytes(await read());
		let all, now;
		do {
			await new Promise((done) => setTimeout(done, 200));
			all = await read();
			now = performance.now();
			for (const r of all) {
				if (r.type !== "inbound-rtp" || r.kind !== "video") continue;
				const tile = tiles[r.id] ??= {first: r.framesDecoded ?? 0, frames: r.framesDecoded ?? 0, at: began, Still: 0};
				if (r.framesDecoded > tile.frames) [tile.frames, tile.at] = [r.framesDecoded, now];
				tile.Still = Math.max(tile.Still, (now - tile.at) / 1000);
				tile.Width = r.frameWidth ?? 0;
			}
		} while (now - began < %d * 1000);
		const passed = (now - began) / 1000;
		const Kbits = (bytes(all) - before) / 125 / passed;
		return {Kbits, Tiles: Object.values(tiles).map(({first, frames, Still, Width}) => ({FPS: (frames - first) / passed, Still, Width}))};
	})()`, seconds), &r)
	return r
}

// BenchmarkRoomOfNine has nine in a room, three each in three Chromiums that show all nine: what comes down to each of them in all, and how many
// of the 72 tiles are live, which have changed within 5 s all the time. Pages are as they are, or send one layer and ask for nothing; networks
// carry any number of bits, or 2 Mbit/s down to each participant. It is for a machine that does nothing else.
func BenchmarkRoomOfNine(b *testing.B) {
	s := startService(b, "--record=false")
	var browsers []*browser
	for range 3 {
		browsers = append(browsers, startBrowser(b))
	}
	for _, plain := range []bool{true, false} {
		for _, carries := range []float64{0, 2e6} {
			name := map[bool]string{true: "asking for nothing", false: "asking"}[plain] + map[bool]string{true: ", 2 Mbit per s", false: ""}[carries > 0]
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					s.benchmarkNine(b, browsers, plain, carries)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func (s *service) benchmarkNine(b *testing.B, browsers []*browser, plain bool, carries float64) {
	const participants, settles, lasts, liveWithin = 9, 20 * time.Second, 20, 5
	var guests []*guest
	began := time.Now()
	for i := range participants {
		network := newRelay(b)
		network.narrow(carries)
		network.start(s.media())
		g := openGuest(browsers[i%len(browsers)].forTest(b), s.base+"/rooms/nine", fmt.Sprint("Guest ", i+1), 480)
		require.NoError(b, chromedp.Do(g.ctx, chromedp.EmulateViewport(1280, 900, chromedp.EmulateScale(0.5)))) // in which all nine tiles are seen
		g.restrain(network.port(), plain)
		g.enter()
		guests = append(guests, g)
	}
	for _, g := range guests {
		g.wait("eight others", `[...document.querySelectorAll("#tiles video")].filter((video) => video.videoWidth > 0).length === 9`)
	}
	b.Logf("all there after %.0f s", time.Since(began).Seconds())
	lapse(settles)
	own := cpuSeconds(b, s.cmd.Process.Pid)
	found := make([]reception, len(guests))
	each(b, guests, func(g *guest) { found[slices.Index(guests, g)] = g.measure(lasts) })
	own = cpuSeconds(b, s.cmd.Process.Pid) - own
	guests[0].screenshot("nine")
	var kbits, slowest, still float64
	live := 0
	widths := map[float64]int{}
	for _, r := range found {
		kbits += r.Kbits / participants
		for _, tile := range r.Tiles {
			if live == 0 || tile.FPS < slowest {
				slowest = tile.FPS
			}
			still = max(still, tile.Still)
			widths[tile.Width]++
			if tile.Still < liveWithin {
				live++
			}
		}
	}
	b.Logf("widths: %v", widths)
	b.ReportMetric(kbits, "kbit/s-down")
	b.ReportMetric(float64(live), "live-tiles")
	b.ReportMetric(slowest, "least-fps")
	b.ReportMetric(still, "s-still")
	b.ReportMetric(own/lasts*100, "server-%core")
}
