package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	watched  = 60 * time.Second
	settling = 3 * time.Second // what a player may take to find its place
	frozen   = 300.0           // a picture that stands still so many milliseconds is a stall
)

// spectator is one viewer of BenchmarkLatency: a page, and what it is told to do.
type spectator struct {
	name, url, play string
}

// BenchmarkLatency measures glass to glass, with each value of the key latency: the clock that one Chromium paints into the picture that it
// publishes is read back from what other pages of it show, over all protocols at once: in the watch page, and in hls.js and dash.js as they
// come; and over WebRTC as it is published, and transformed. It takes about twelve minutes, so run it with -benchtime 1x.
func BenchmarkLatency(b *testing.B) {
	for _, latency := range []string{"ultra", "low", "normal"} {
		b.Run(latency, func(b *testing.B) { measureLatency(b, latency) })
	}
}

func measureLatency(b *testing.B, latency string) {
	s := startService(b, "--ladder", oneRung, "--auth-publish", stageKey, "--latency", latency)
	stage := newStage(b)
	browser := startBrowser(b)
	studio := browser.open(stage + "/stage.html?key=" + stageKey)
	studio.run(`publish("`+s.base+`/whip/clock")`, nil)
	s.waitState("clock", "live")
	lapse(10 * time.Second) // the publisher's browser settles on its bit rate
	watch := s.base + "/watch/clock?protocol="
	live := s.base + "/live/clock/"
	hls := spectator{"hls", stage + "/players.html", `void playHls("` + live + `index.m3u8")`}
	dash := spectator{"dash", stage + "/players.html", `void playDash("` + live + `manifest.mpd")`}
	b.Run("page", func(b *testing.B) {
		watchTogether(b, browser, spectator{"hls", watch + "hls", ""}, spectator{"dash", watch + "dash", ""}, spectator{"webrtc", watch + "webrtc", ""})
	})
	b.Run("stock", func(b *testing.B) {
		watchTogether(b, browser, hls, dash, spectator{"webrtc", watch + "webrtc", ""})
	})
	b.Run("alone", func(b *testing.B) { watchTogether(b, browser, hls) })
	if latency != "low" {
		return // over WebRTC it makes no difference
	}
	b.Run("transformed", func(b *testing.B) {
		require.Equal(b, http.StatusNoContent, s.transform(b, "clock", `{"transform":"monochrome"}`, stageKey))
		watchTogether(b, browser, spectator{"original", watch + "webrtc", ""}, spectator{"transformed", watch + "webrtc&transformed=1", ""})
	})
}

// BenchmarkFirstPicture measures from the WHIP POST to the first picture in hls.js with its default settings, in a page that
// asks for the stream as soon as the POST has been answered. Run it with -benchtime 5x.
func BenchmarkFirstPicture(b *testing.B) {
	s := startService(b, "--ladder", oneRung, "--auth-publish", stageKey)
	stage := newStage(b)
	browser := startBrowser(b)
	viewer := browser.open(stage + "/players.html")
	var times []float64
	for b.Loop() {
		name := fmt.Sprintf("first-%d", len(times))
		studio := browser.forTest(b).open(stage + "/stage.html?key=" + stageKey)
		studio.run(`publish("`+s.base+`/whip/`+name+`")`, nil)
		var posted, shown float64
		viewer.run(`playHls("`+s.base+`/live/`+name+`/index.m3u8")`, &shown)
		studio.run("posted", &posted)
		times = append(times, shown-posted)
		viewer.run("player.destroy()", nil)
		studio.close()
	}
	slices.Sort(times)
	b.ReportMetric(percentile(times, 50), "p50-ms")
	b.ReportMetric(times[len(times)-1], "most-ms")
	b.ReportMetric(0, "ns/op")
}

const (
	modules     = "../../../public/node_modules/"
	shakaPlayer = "shaka-player/dist/shaka-player.compiled.js" // which only scripts/bench installs
)

// newStage serves the test pages with hls.js, dash.js and video.js as they are published.
func newStage(t testing.TB) string {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("testdata")))
	for path, file := range map[string]string{
		"/hls.js": "hls.js/dist/hls.min.js", "/dash.js": "dashjs/dist/modern/umd/dash.all.min.js",
		"/video.js": "video.js/dist/video.min.js", "/shaka.js": shakaPlayer,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, modules+file) })
	}
	stage := httptest.NewServer(mux)
	t.Cleanup(stage.Close)
	return stage.URL
}

// watchTogether opens the pages one after the other, each when the one before shows pictures, lets them play beside each
// other for a minute, and reports each. Latencies and stalls of the first seconds do not count.
func watchTogether(b *testing.B, browser *browser, all ...spectator) {
	for b.Loop() {
		var pages []*tab
		for _, a := range all {
			page := browser.forTest(b).open(a.url)
			if a.play != "" {
				page.run(a.play, nil)
			}
			page.observe(b)
			pages = append(pages, page)
		}
		together := make([]float64, len(pages))
		for i, page := range pages {
			page.run("performance.now()", &together[i])
		}
		lapse(watched)
		for i, page := range pages {
			var seen observed
			page.run("window.observed", &seen)
			page.screenshot(all[i].name)
			page.close()
			b.Run(all[i].name, func(b *testing.B) { seen.report(b, together[i]) })
		}
	}
}

// observe begins to read the clock as soon as there is a picture.
func (p *tab) observe(b *testing.B) {
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(b, err)
	p.wait("first picture", `document.querySelector("#video").getVideoPlaybackQuality().totalVideoFrames > 0`)
	p.run("(() => {"+string(observe)+"})()", nil)
	p.run("observe(document.querySelector('#video'))", nil)
}

// report tells the figures of one page, which played beside the others from a moment in its milliseconds.
func (o *observed) report(b *testing.B, together float64) {
	shown := slices.DeleteFunc(o.Shown, func(f shownFrame) bool { return f.At < together+float64(settling.Milliseconds()) })
	latencies := latencies(shown)
	require.NotEmpty(b, latencies, "the clock was read in none of %d frames", o.Frames)
	stalls, longest := stalls(shown)
	b.ReportMetric(percentile(latencies, 50), "p50-ms")
	b.ReportMetric(percentile(latencies, 99), "p99-ms")
	b.ReportMetric(float64(stalls), "stalls")
	b.ReportMetric(longest, "longest-frame-ms")
	b.ReportMetric(float64(len(shown))/(watched-settling).Seconds(), "fps")
	b.ReportMetric(0, "ns/op")
}

// latencies are those of the frames that could be read, sorted.
func latencies(shown []shownFrame) (sorted []float64) {
	for _, frame := range shown {
		if frame.Latency != nil {
			sorted = append(sorted, *frame.Latency)
		}
	}
	slices.Sort(sorted)
	return sorted
}

// stalls counts the pictures that stood still for too long, and says how many milliseconds the longest stood.
func stalls(shown []shownFrame) (count int, longest float64) {
	for i := 1; i < len(shown); i++ {
		stood := shown[i].At - shown[i-1].At
		longest = max(longest, stood)
		if stood > frozen {
			count++
		}
	}
	return count, longest
}

// percentile is the value that p percent of the sorted values do not exceed.
func percentile(sorted []float64, p int) float64 { return sorted[(len(sorted)-1)*p/100] }
