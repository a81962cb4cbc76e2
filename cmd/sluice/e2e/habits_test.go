package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	index = "index.m3u8"
	mpd   = "manifest.mpd"
	// plainMPD is for players that make little of the other.
	plainMPD = "plain.mpd"

	starting = `{"muted": true, "autoplay": true}`

	atOnce  = `video.play().catch(failed);`
	clicked = `state.click = () => video.play().catch(failed);`
)

// habit is how a page uses a player.
type habit struct {
	name       string
	file       string
	properties string // of the video element
	open       string // see habits.html
}

func withDash(initialize, more string) string {
	return `const p = dashjs.MediaPlayer().create(); p.on("error", (e) => failed(e.error)); p.initialize(` + initialize + `);` + more
}

// withHls recovers from fatal media errors as hls.js asks of pages: on a busy machine it gives up after some appends to a buffer that is at work.
func withHls(settings, more string) string {
	return `const p = new Hls(` + settings + `); p.on(Hls.Events.ERROR, (_, data) => {
		if (data.fatal && data.type === Hls.ErrorTypes.MEDIA_ERROR) p.recoverMediaError();
		else if (data.fatal) failed(data.details);
	}); p.loadSource(url); p.attachMedia(video);` + more
}

func withVideoJS(kind, more string) string {
	return `const p = videojs(video, {html5: {vhs: {overrideNative: true}}}); p.on("error", () => failed(p.error())); p.src({src: url, type: "` + kind + `"});` + more
}

// habits of pages: play() at once and on a click; each player's own ways.
func habits() []habit {
	return []habit{
		{"dash.js, play() at once", mpd, `{"muted": true}`, withDash("video, url, true", atOnce)},
		{"dash.js, autoplay off, a click", mpd, `{"muted": true, "preload": "none"}`, withDash("video, url, false", clicked)},
		{"hls.js, with sound, play() at once", index, `{}`, withHls(`{}`, atOnce)},
		{"hls.js, no low latency", index, starting, withHls(`{lowLatencyMode: false}`, "")},
		{"video.js, HLS", index, starting, withVideoJS("application/x-mpegURL", "")},
		{"video.js, plain.mpd", plainMPD, starting, withVideoJS("application/dash+xml", "")},
	}
}

// habitual is what a player of habits.html shows; seconds.
type habitual struct {
	Name                           string
	Time, Buffered, Still, Longest float64
	Frames                         int
	Paused                         bool
	Errors                         []string
}

// playground is a stream with players of many habits.
type playground struct {
	t     testing.TB
	s     *service
	pages []*tab
	sent  *publisher
}

func newPlayground(t testing.TB, all []habit, perPage int) *playground {
	g := &playground{t: t, s: startService(t, "--ladder", calmRung, longParts, "--linger", "60s")}
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	g.sent = publishClip(t, g.s, chaosStream, clip)
	g.sent.rounds = chaosRounds
	g.sent.send()
	g.s.waitListed("/live/"+chaosStream+"/240p.m3u8", "#EXTINF", 6)
	b, stage := startBrowser(t), newStage(t)
	n := 0
	for some := range slices.Chunk(all, perPage) {
		p := b.open(stage + "/habits.html")
		for _, h := range some {
			n++
			// Each is a viewer of its own: its host has its own connections and its own place in the browser's cache.
			base := strings.Replace(g.s.base, "127.0.0.1", fmt.Sprintf("viewer-%d.localhost", n), 1)
			p.run(fmt.Sprintf("begin(%q, %q, %s, %q)", h.name, base+"/live/"+chaosStream+"/"+h.file, h.properties, h.open), nil)
		}
		g.pages = append(g.pages, p)
	}
	return g
}

// read is what all players of a page show.
func (g *playground) read(p *tab) (all []habitual) {
	g.t.Helper()
	p.run("read()", &all)
	return all
}

// waitAll waits until the condition holds of every player of the page.
func (g *playground) waitAll(p *tab, what string, met func(habitual) bool) {
	g.t.Helper()
	var not []habitual
	eventually(g.t, func() bool {
		not = slices.DeleteFunc(g.read(p), met)
		return len(not) == 0
	}, what+": %s", func() string { return fmt.Sprintf("%+v", not) })
}

// start waits until all play; those that wait for a click get it meanwhile.
func (g *playground) start() {
	g.t.Helper()
	for _, p := range g.pages {
		p.run("void setTimeout(click, 1000)", nil)
	}
	for _, p := range g.pages {
		g.waitAll(p, "does not play", func(h habitual) bool { return h.Frames > 15 && h.Still < 1 && !h.Paused })
	}
}

// survive kills ffmpeg, and waits until every player plays what came well after that.
func (g *playground) survive() {
	g.t.Helper()
	ends := map[string]float64{}
	for _, p := range g.pages {
		for _, h := range g.read(p) {
			ends[h.Name] = h.Buffered
		}
		p.run("reset()", nil)
	}
	require.NoError(g.t, syscall.Kill(encoderOf(g.t, g.s), syscall.SIGKILL))
	for _, p := range g.pages {
		g.waitAll(p, "does not play on", func(h habitual) bool {
			return h.Time > ends[h.Name]+2 && h.Frames > 15 && h.Still < 1
		})
	}
}

// print shows for how long each had no new picture.
func (g *playground) print() {
	for _, p := range g.pages {
		for _, h := range g.read(p) {
			g.t.Logf("%-40s %6.2f s without a new picture, at %.2f s %v", h.Name, h.Longest, h.Time, h.Errors)
		}
	}
}

// Whatever the habits of a page, its player plays on when ffmpeg is killed, and nobody reloads anything.
func TestPlayersWithHabits(t *testing.T) {
	alongside(t, heavy)
	g := newPlayground(t, habits(), 5)
	g.start()
	g.survive()
	g.print()
	g.sent.stop()
}
