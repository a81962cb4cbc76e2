package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A second publisher is kept out while the first one's media flows, and no longer.
func TestTakeoverRefused(t *testing.T) {
	t.Parallel()
	s := startService(t, "--ladder", smallRung, "--linger", "2s", "--takeover", "refuse")
	first := newPublisher(t, s, "desk")
	first.send()
	s.waitState("desk", "live", 10*time.Second)
	offer := func() (int, string) {
		response, err := http.Post(s.base+"/whip/desk", "application/sdp", strings.NewReader(first.pc.LocalDescription().SDP))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	status, wait := offer()
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "2", wait)
	first.cancel() // sends no more, but stays connected
	require.Eventually(t, func() bool { status, _ = offer(); return status == http.StatusCreated }, 10*time.Second, 500*time.Millisecond)
}

// The publish page says that somebody else has taken over, and does not come back by itself.
func TestPublishPageIsTakenOver(t *testing.T) {
	s := startService(t, "--ladder", smallRung, "--linger", "0s", "--record=false")
	page := startBrowser(t).open(s.base + "/publish?stream=desk")
	page.click("#start")
	page.wait("live", `document.querySelector("#badge").dataset.state === "live"`, 20*time.Second)
	p := newPublisher(t, s, "desk")
	p.send()
	page.wait("the reason", `document.querySelector("#fault").innerText.includes("Somebody else has taken over")`, 10*time.Second)
	page.wait("failed", `document.querySelector("#badge").dataset.state === "failed" && !document.querySelector("#start").hidden`, 10*time.Second)
	sent := p.video.frames.Load()
	time.Sleep(3 * time.Second) // longer than the page's first pauses between attempts
	require.Greater(t, p.video.frames.Load(), sent)
	status, _, _ := s.get("/api/v1/streams/desk")
	require.Equal(t, http.StatusOK, status)
	response, err := http.Get(p.session)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode, "the newer session is there")
}
