package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A second publisher is kept out while the first one's media flows, and no longer.
func TestTakeoverRefused(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "2s", "--takeover", "refuse")
	first := newPublisher(t, s, "desk")
	first.rounds = chaosRounds
	first.send()
	s.waitState("desk", "live")
	offer := func() (int, string) {
		response, err := http.Post(s.base+"/whip/desk", "application/sdp", strings.NewReader(first.pc.LocalDescription().SDP))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	var status int
	var wait string
	eventually(t, func() bool { status, wait = offer(); return status == http.StatusConflict }) // on a busy machine media pauses, too
	require.Equal(t, "2", wait)
	first.cancel() // sends no more, but stays connected
	eventually(t, func() bool { status, _ = offer(); return status == http.StatusCreated })
}

// The publish page says that the operator has ended its session, or that somebody else has taken over, and does not come back by itself.
func TestPublishPageIsTakenOver(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "0s", "--record=false")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=desk")
	page.click("#start")
	page.wait("live", `document.querySelector("#badge").dataset.state === "live"`)
	kick, err := http.NewRequest(http.MethodDelete, s.base+"/api/v1/streams/desk", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(kick)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	page.wait("the reason", `document.querySelector("#fault").innerText.includes("The operator has ended this session")`)
	page.click("#start")
	page.wait("live again", `document.querySelector("#badge").dataset.state === "live"`)
	p := newPublisher(t, s, "desk")
	p.rounds = chaosRounds
	p.send()
	page.wait("the reason", `document.querySelector("#fault").innerText.includes("Somebody else has taken over")`)
	page.wait("failed", `document.querySelector("#badge").dataset.state === "failed" && !document.querySelector("#start").hidden`)
	sent := p.video.frames.Load()
	const attempts = 3 * 30 // pictures that last longer than the page's first pauses between attempts
	eventually(t, func() bool { return p.video.frames.Load() > sent+attempts })
	status, _, _ := s.get("/api/v1/streams/desk")
	require.Equal(t, http.StatusOK, status)
	response, err = http.Get(p.session)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode, "the newer session is there")
}
