package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Players get a token in the first address alone: what that names has to do for as long as they play. A page that has none asks for it, and one
// for administrators makes links.
func TestPlayersWithAToken(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", calmRung, longParts, "--segment", "2s", "--auth-play", "clip=seat-key", "--auth-admin", "admin-key")
	p := newPublisher(t, s, "clip")
	p.rounds = chaosRounds
	p.send()
	eventually(t, func() bool { return s.stream("clip?token=seat-key").State == "live" })
	for _, path := range []string{"index.m3u8", "manifest.mpd"} {
		status, _, _ := s.get("/live/clip/" + path)
		require.Equal(t, http.StatusUnauthorized, status)
		requireProbed(t, s.base+"/live/clip/"+path+"?token=seat-key")
	}

	viewer := cameraBrowser.forTest(t).open(s.base + "/watch/clip?protocol=hls")
	viewer.wait("it asks for a key", `document.querySelector("#key-dialog").open`)
	viewer.screenshot("key")
	enter := func(key string) {
		viewer.run(fmt.Sprintf(`document.querySelector("#key").value = %q`, key), nil)
		viewer.click("#key-dialog button.primary")
	}
	enter("no-seat")
	viewer.wait("it says that the key is no good", `document.querySelector("#key-dialog").open && document.querySelector("#key-text").textContent.includes("not accepted")`)
	enter("seat-key")
	viewer.requirePlaying(time.Second)

	maker := cameraBrowser.forTest(t).open(s.base + "/links?stream=clip")
	maker.wait("it asks for a key, with which it lists keys", `document.querySelector("#key-dialog").open`)
	maker.run(`document.querySelector("#key").value = "admin-key"`, nil)
	maker.run(`document.querySelector("#make").requestSubmit()`, nil)
	maker.wait("a link is refused while the key is typed", `performance.getEntriesByName(location.origin + "/api/v1/links").length > 0`)
	maker.click("#key-dialog button.primary")
	maker.wait("the link is there", `document.activeElement === document.querySelector("#addresses button")`)
	var link string
	maker.run(`document.querySelector("#addresses code").textContent`, &link)
	maker.close()
	require.Contains(t, link, s.base+"/watch/clip?token=ey")

	viewer.run(`sessionStorage.clear()`, nil)
	viewer.navigate(link + "&protocol=hls")
	viewer.run(`performance.setResourceTimingBufferSize(1e6)`, nil) // of 250, which it forgets the rest of
	for protocol, ending := range map[string]string{"hls": "m3u8", "dash": "mpd"} {
		viewer.choose(protocol)
		viewer.wait("the player is for "+protocol, `window.sluice.stats().player.toLowerCase() === "`+protocol+`.js"`)
		viewer.requirePlaying(5 * time.Second)
		var asked []string
		eventually(t, func() bool {
			viewer.run(`performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => /\.`+ending+`(\?|$)/.test(name))`, &asked)
			reloads := 0
			for _, address := range asked {
				if strings.Contains(address, "~") {
					require.NotContains(t, address, "token", "a shared cache would keep one copy for each viewer")
					reloads++
				}
			}
			return reloads > 2
		}, "it does not reload: %s", func() string { return fmt.Sprint(asked) })
	}
}

// requireProbed has ffprobe read five seconds of a live stream, which takes reloads.
func requireProbed(t *testing.T, url string) {
	t.Helper()
	command := patiently("ffprobe", "-v", "error", "-read_intervals", "%+5", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", url)
	var said strings.Builder
	command.Stderr = &said
	text, err := command.Output()
	require.NoError(t, err, said.String())
	require.NotRegexp(t, `HTTP error 40[13]`, said.String())
	packets, err := strconv.Atoi(strings.Trim(strings.Fields(string(text))[0], ","))
	require.NoError(t, err, "%s", text)
	require.Greater(t, packets, 50, said.String())
}
