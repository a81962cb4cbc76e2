package e2e

import (
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

// BenchmarkLatency measures glass to glass: the clock that one Chromium paints into the picture that it publishes is read
// back from what another page of it shows, over one protocol after the other, with the players' default settings. It takes
// about four minutes, so run it with -benchtime 1x.
func BenchmarkLatency(b *testing.B) {
	s := startService(b, "--ladder", oneRung)
	stage := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer stage.Close()
	browser := startBrowser(b)
	studio := browser.open(stage.URL + "/stage.html")
	studio.run(`publish("`+s.base+`/whip/clock")`, nil)
	s.waitState("clock", "live", 20*time.Second)
	time.Sleep(10 * time.Second) // the publisher's browser settles on its bit rate
	for _, protocol := range []string{"hls", "dash", "webrtc"} {
		b.Run(protocol, func(b *testing.B) {
			for b.Loop() {
				viewer := browser.forTest(b).open(s.base + "/watch/clock?protocol=" + protocol)
				viewer.reportLatency(b)
				viewer.run("window.close()", nil)
			}
		})
	}
}

// reportLatency watches the page from its first picture on. Latencies and stalls of its first seconds do not count.
func (p *tab) reportLatency(b *testing.B) {
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(b, err)
	var first float64
	p.run(`new Promise((shown) => document.querySelector("#video").requestVideoFrameCallback(() => shown(performance.now())))`, &first)
	p.run("(() => {"+string(observe)+"})()", nil)
	p.run("observe(document.querySelector('#video'))", nil)
	time.Sleep(watched)
	var seen observed
	p.run("window.observed", &seen)
	p.screenshot("watched")
	shown := slices.DeleteFunc(seen.Shown, func(f shownFrame) bool { return f.At < first+float64(settling.Milliseconds()) })
	latencies := latencies(shown)
	require.NotEmpty(b, latencies, "the clock was read in none of %d frames", seen.Frames)
	stalls, longest := stalls(shown)
	b.ReportMetric(percentile(latencies, 50), "p50-ms")
	b.ReportMetric(percentile(latencies, 99), "p99-ms")
	b.ReportMetric(float64(stalls), "stalls")
	b.ReportMetric(longest, "longest-frame-ms")
	b.ReportMetric(first, "first-picture-ms")
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
