package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// countSearches counts how often a worker of the page says which faces it has found.
const countSearches = `(() => { window.searches = 0; const Real = Worker; window.Worker = class extends Real {
	constructor(...a) { super(...a); this.addEventListener("message", ({data}) => data.kind === "faces" && searches++); } }; })()`

// sending is what the page has sent and searched by some moment of its clock, in seconds.
type sending struct{ At, Frames, Searches float64 }

// BenchmarkEffects measures what the publish page's effects take of a camera of 640x480 at 30 pictures a second: CPU of all of
// Chromium, its encoder included, pictures sent, and pictures searched for faces. One iteration takes about two minutes.
func BenchmarkEffects(b *testing.B) {
	s := startService(b, "--ladder", smallRung, "--linger", "1s", "--record=false")
	browser := startBrowser(b, filmCamera(b, b.TempDir()))
	page := browser.open(s.base + "/publish?stream=bench")
	page.run(recordPeers, nil)
	page.run(countSearches, nil)
	page.set("#resolution", "640x480")
	page.click("#start")
	s.waitState("bench", "live")
	for _, c := range []struct{ name, effect, text string }{
		{"none", "", ""}, {"monochrome", "monochrome", ""}, {"blur", "blur", ""}, {"text", "", "STUDIO 3"}, {"faces", "faces", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				page.set("#overlay-text", c.text)
				page.set("#effect", c.effect)
				lapse(6 * time.Second)
				before, busy := page.sending(), browser.cpu(b)
				lapse(benchSeconds * time.Second)
				after, busyAfter := page.sending(), browser.cpu(b)
				seconds := after.At - before.At
				b.ReportMetric((busyAfter-busy)/seconds*100, "chromium-%core")
				b.ReportMetric((after.Frames-before.Frames)/seconds, "pictures/s")
				b.ReportMetric((after.Searches-before.Searches)/seconds, "searches/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

func (p *tab) sending() (sum sending) {
	p.run(`(async () => { const all = [...(await peers.at(-1).getStats()).values()];
		return {At: performance.now() / 1000, Searches: searches, Frames: all.find((r) => r.type === "outbound-rtp" && r.kind === "video").framesSent}; })()`, &sum)
	return sum
}

// cpu is the CPU time in seconds of all processes of the browser.
func (b *browser) cpu(t testing.TB) (sum float64) {
	t.Helper()
	got, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	require.NoError(t, err)
	for _, p := range got.ProcessInfo {
		sum += p.CPUTime
	}
	return sum
}
