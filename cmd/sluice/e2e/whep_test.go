package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// received is what a browser says of one incoming track.
type received struct {
	Frames, Packets, Lost int
	SSRC                  uint32
}

func (p *tab) received() (tracks map[string]received) {
	p.t.Helper()
	p.run("inbound()", &tracks)
	return tracks
}

// A browser watches over WHEP: the clock in the picture is read, the viewer is counted, and it goes on when the publisher has
// left and another has come.
func TestWatchOverWHEP(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "5m", "--record=false", "--auth-publish", stageKey)
	pages := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer pages.Close()
	browser := cameraBrowser.forTest(t)
	studio := browser.open(pages.URL + "/stage.html?width=320&key=" + stageKey)
	var session string
	studio.run(`publish("`+s.base+`/whip/clock")`, &session)
	studio.wait("connected", `connection.connectionState === "connected"`)
	viewer := browser.open(pages.URL + "/viewer.html")
	asked := time.Now()
	viewer.run(`play("`+s.base+`/whep/clock")`, nil)
	viewer.wait("a picture", `document.querySelector("#video").videoWidth > 0`)
	t.Logf("first picture %v after the page asked", time.Since(asked).Round(10*time.Millisecond))
	s.waitMetric(`sluice_viewers{stream="clock"}`, 1)

	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(t, err)
	viewer.run("(() => {"+string(observe)+"})()", nil)
	viewer.run("observe(document.querySelector('#video'))", nil)
	viewer.wait("the clock is read and a beep is heard", "observed.read > 60 && observed.peak > 0.1")
	var seen observed
	viewer.run("window.observed", &seen)
	slices.Sort(seen.Latencies)
	t.Logf("latency p50 %.0f ms, p99 %.0f ms, over %d frames; sound against picture in this browser: %v", seen.Latencies[len(seen.Latencies)/2],
		seen.Latencies[len(seen.Latencies)*99/100], seen.Read, late(seen))
	require.Positive(t, seen.Latencies[0], "a picture cannot be seen before it was painted")

	before := viewer.received()
	studio.run(fmt.Sprintf(`fetch(%q, {method: "DELETE", headers: authorized}).then(() => connection.close())`, session), nil)
	s.waitState("clock", "interrupted")
	studio.run(`publish("`+s.base+`/whip/clock")`, nil)
	left := viewer.received()
	viewer.wait("pictures of the next publisher", fmt.Sprintf(`(await inbound()).video.frames > %d`, left["video"].Frames+30))
	viewer.wait("its sound", fmt.Sprintf(`(await inbound()).audio.packets > %d`, left["audio"].Packets+50))
	after := viewer.received()
	t.Logf("before the change %+v, after it %+v", before, after)
	for _, kind := range []string{"audio", "video"} {
		require.Equal(t, before[kind].SSRC, after[kind].SSRC)
	}
}

// The sender reports that viewers get keep sound and picture together, also when one of them was long under way.
func TestLipSyncOverWHEP(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--record=false")
	p := newPublisher(t, s, "sync")
	p.video.delay = 300 * time.Millisecond
	p.rounds = chaosRounds // however late the player comes
	p.send()
	file := filepath.Join(t.TempDir(), "played.webm")
	printed, status := runToEnd(t, "play", "-o", file, "--duration", "17s", s.base+"/whep/sync")
	require.Zero(t, status, printed)
	flashes, beeps := flashesAndBeeps(t, file)
	requireSync(t, "played over WHEP", 6*time.Second, flashes, beeps)
}
