package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guest is a page in a room whose camera is the clock of stage.html.
type guest struct {
	*tab
	name string
	id   string
}

// newGuest opens a room's page and enters.
func newGuest(b *browser, url, name string) *guest {
	b.t.Helper()
	g := openGuest(b, url, name, 320)
	g.enter()
	return g
}

// openGuest opens a room's page, whose camera gives pictures of that width.
func openGuest(b *browser, url, name string, width int) *guest {
	b.t.Helper()
	stage, err := os.ReadFile("testdata/stage.html")
	require.NoError(b.t, err)
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindSubmatch(stage)
	require.NotNil(b.t, script)
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(b.t, err)
	g := &guest{tab: b.open(url), name: name}
	g.run(fmt.Sprintf(`(() => {
		document.body.append(Object.assign(document.createElement("canvas"), {id: "stage", width: %[1]d, height: %[1]d * 3 / 4, hidden: true}));
		%[2]s
		navigator.mediaDevices.getUserMedia = async ({video}) => {
			setInterval(draw, 1000 / 15);
			const media = canvas.captureStream(15);
			media.addTrack(sound());
			if (!video) media.removeTrack(media.getVideoTracks()[0]);
			return media;
		};
	})()`, width, script[1]), nil)
	g.run("(() => {"+string(observe)+"})()", nil)
	return g
}

func (g *guest) enter() {
	g.t.Helper()
	g.run(fmt.Sprintf(`(() => { document.querySelector("#name").value = %q; document.querySelector("#entry").requestSubmit(); })()`, g.name), nil)
	g.wait("the room", `document.querySelector("#badge").textContent === "In the room"`)
	g.run(`window.sluice.room().self`, &g.id)
}

// latencies reads the clocks in the pictures of others for a while, and returns how old each was, by their ids.
func (g *guest) latencies() (found map[string][]float64) {
	g.t.Helper()
	g.run(`(async () => {
		const found = {};
		for (let i = 0; i < 20; i++) {
			for (const video of document.querySelectorAll("#tiles video")) {
				const clock = video.videoWidth > 0 && readClock(video);
				if (clock) (found[video.dataset.participant] ??= []).push((Date.now() % 2 ** 40) - clock);
			}
			await new Promise((done) => setTimeout(done, 50));
		}
		return found;
	})()`, &found)
	return found
}

// requireSees waits until the clocks of all others move in this page.
func (g *guest) requireSees(others ...*guest) {
	g.t.Helper()
	var found map[string][]float64
	moves := func(other *guest) bool {
		of := found[other.id]
		return len(of) > 10 && slices.Max(of)-slices.Min(of) < 3000
	}
	eventually(g.t, func() bool {
		found = g.latencies()
		return !slices.ContainsFunc(others, func(other *guest) bool { return !moves(other) })
	}, "%s does not see all others: %s", g.name, func() string { return fmt.Sprint(found) })
	for _, other := range others {
		g.t.Logf("%s sees %s after %.0f ms (p50 of %d)", g.name, other.name, median(found[other.id]), len(found[other.id]))
	}
}

func (g *guest) requireSays(text string) {
	g.t.Helper()
	g.wait("“"+text+"”", fmt.Sprintf(`document.querySelector("#messages").textContent.includes(%q)`, text))
}

// Three Chromiums in a room decode each other's clocks, through the server or as a mesh, over WebSockets or server-sent events; they talk,
// one leaves and comes back, and one goes on air.
func TestRooms(t *testing.T) {
	alongside(t, whole)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--record=false")
	b := cameraBrowser.forTest(t)
	for name, query := range map[string]string{"sfu": "", "sse": "?signal=sse", "mesh": "?mesh=1"} {
		t.Run(name, func(t *testing.T) {
			b := b.forTest(t)
			url := s.base + "/rooms/" + name + query
			others := map[string]string{"mesh": "&signal=sse"}[name] // a mesh of both ways: who leaves it is known by events alone
			ann, bob, cyd := newGuest(b, url, "Ann"), newGuest(b, url+others, "Bob"), newGuest(b, url, "Cyd")
			all := []*guest{ann, bob, cyd}
			each(t, all, func(g *guest) {
				g.requireSees(slices.DeleteFunc(slices.Clone(all), func(other *guest) bool { return other == g })...)
			})
			room := s.room(t, name)
			require.Len(t, room.Participants, 3)
			require.Equal(t, map[string]string{"mesh": "mesh"}[name] == "mesh", room.Mode == "mesh")
			ann.run(`(() => { document.querySelector("#text").value = "Hello, all"; document.querySelector("#say").requestSubmit(); })()`, nil)
			bob.requireSays("AnnHello, all")
			cyd.requireSays("AnnHello, all")
			ann.screenshot("room")

			bob.click("#leave")
			ann.requireSays("Bob has left.")
			bob.enter()
			ann.requireSays("Bob has joined.")
			each(t, []*guest{ann, bob}, func(g *guest) {
				g.requireSees(map[*guest][]*guest{ann: {bob}, bob: {ann, cyd}}[g]...)
			})
			if name == "sfu" {
				requireGlare(ann, bob, cyd)
				requireResume(ann, bob)
				requireOnAir(t, s, b, ann, bob)
			}
			for _, g := range all {
				g.click("#leave")
			}
			eventually(t, func() bool { return s.metric("sluice_rooms") == 0 && s.metric("sluice_sessions") == 0 })
		})
	}
}

// requireGlare has a page offer again and again while the server has to offer, because somebody leaves and comes back.
func requireGlare(ann, bob, cyd *guest) {
	ann.t.Helper()
	ann.run(`(() => { window.offering = setInterval(() => sluice.room().links.get("").offer().catch(() => {}), 50); })()`, nil)
	for range 2 {
		cyd.click("#leave")
		ann.requireSays("Cyd has left.")
		cyd.enter()
	}
	ann.run(`clearInterval(offering)`, nil)
	ann.requireSees(bob, cyd)
	cyd.requireSees(ann, bob)
}

// requireResume breaks a page's WebSocket: it comes back to its seat, media goes on, and what was said meanwhile is there.
func requireResume(ann, bob *guest) {
	ann.t.Helper()
	seat := ann.id
	ann.run(`(() => { const {signalling} = sluice.room(); signalling.retry = ((retry) => async function () { await new Promise((done) => setTimeout(done, 1500)); return retry.call(this); })(signalling.retry); signalling.socket.close(3000); })()`, nil)
	bob.wait("Ann is away", fmt.Sprintf(`sluice.here.get(%q)?.away`, seat))
	bob.run(`(() => { document.querySelector("#text").value = "Are you there?"; document.querySelector("#say").requestSubmit(); })()`, nil)
	ann.requireSays("BobAre you there?")
	bob.wait("Ann is back", fmt.Sprintf(`sluice.here.get(%q)?.away !== true`, seat))
	bob.requireSees(ann)
	ann.requireSees(bob)
}

// requireOnAir puts one after the other on air by the page, and watches the stream.
func requireOnAir(t *testing.T, s *service, b *browser, ann, bob *guest) {
	t.Helper()
	put := func(whom *guest) {
		ann.run(fmt.Sprintf(`(() => {
			document.querySelector("#stream").value = "show";
			document.querySelector("#whom").value = %q;
			document.querySelector("#air-form").requestSubmit();
		})()`, whom.id), nil)
		bob.wait("who is on air", fmt.Sprintf(`sluice.here.get(%q)?.onAir === "show"`, whom.id))
	}
	inTime(t, func() (restarts int) { // it goes on in the same run
		put(bob)
		s.waitState("show", "live")
		viewer := b.open(s.base + "/watch/show?protocol=hls")
		defer viewer.close()
		viewer.requirePlaying(2 * time.Second)
		put(ann)
		viewer.requirePlaying(2 * time.Second)
		requireSpeakerOnAir(ann, bob)
		viewer.requirePlaying(2 * time.Second)
		ann.screenshot("air")
		restarts = s.stream("show").Encoder.Restarts
		ann.click("#air-off")
		s.waitState("show", "ended")
		return restarts
	})
}

// requireSpeakerOnAir has whoever speaks on air, and Bob speak.
func requireSpeakerOnAir(ann, bob *guest) {
	ann.t.Helper()
	ann.run(`(() => { document.querySelector("#whom").value = ""; document.querySelector("#air-form").requestSubmit(); })()`, nil)
	bob.run(`(async () => {
		const context = new AudioContext({sampleRate: 48000});
		const tone = new OscillatorNode(context, {frequency: 440}), out = context.createMediaStreamDestination();
		tone.connect(new GainNode(context, {gain: 0.5})).connect(out);
		tone.start();
		await context.resume();
		await sluice.room().replace("audio", out.stream.getAudioTracks()[0]);
	})()`, nil)
	ann.wait("Bob speaks, and is on air", fmt.Sprintf(`sluice.here.get(%[1]q)?.speaking && sluice.here.get(%[1]q)?.onAir === "show"`, bob.id))
	ann.wait("it is seen", `document.querySelector("#tiles .screen[data-speaking=true]")`)
}

type apiRoom struct {
	Mode         string
	Participants []struct{ Name string }
}

func (s *service) room(t *testing.T, name string) (room apiRoom) {
	t.Helper()
	response, err := http.Get(s.base + "/api/v1/rooms/" + name)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&room))
	return room
}
