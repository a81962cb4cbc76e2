package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The publish page asks for the key, takes it by Enter, says when it is wrong, and can be stopped afterwards. ICE servers
// are told to it, which need not answer.
func TestPublishPageAsksForTheKey(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "0s", "--auth-publish", "studio=open-sesame", "--ice-servers", "stun:127.0.0.1:9")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=studio")
	page.click("#start")
	page.giveKey("publishing here takes a key", "a key", "not-sesame")
	page.giveKey("the key is wrong", "not accepted", "open-sesame")
	page.wait("live", `document.querySelector("#badge").dataset.state === "live"`)
	page.click("#stop")
	page.wait("stopped", `!document.querySelector("#start").hidden`)
}

// giveKey waits until the page asks for a key for that reason, and types one.
func (p *tab) giveKey(what, reason, key string) {
	p.t.Helper()
	p.wait(what, `document.querySelector("#key-dialog").open && document.querySelector("#key-text").innerText.includes("`+reason+`")`)
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.KeyEvent(key+"\r")))
}

// The publish page publishes again by itself when the service was killed and is back; the stream is the same one.
func TestPublishPageOutlivesService(t *testing.T) {
	alongside(t, paged)
	window := []string{"--ladder", smallRung, "--window", "10m"}
	s := startService(t, window...)
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=desk")
	page.click("#start")
	s.waitState("desk", "live")
	before := s.waitListed("/live/desk/240p.m3u8", "#EXTINF", 2)
	s.kill()
	s = startServiceIn(t, s.data, append(s.addresses(), window...)...)
	cut := time.Now()
	s.waitState("desk", "live") // it is interrupted before, which nobody may see who is slower than the page
	t.Logf("live again %v after the service was back", time.Since(cut).Round(time.Second/10))
	requireContinued(t, before, s.waitMoreListed("/live/desk/240p.m3u8", 2))
}

// An encoder that fails ends the publication with its words on the page.
func TestPublishPageSaysWhyItFailed(t *testing.T) {
	alongside(t, paged)
	broken := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(broken, []byte(brokenFFmpeg), 0o755))
	s := startService(t, "--ladder", smallRung, "--ffmpeg", broken)
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=broken")
	page.click("#start")
	page.wait("the reason", `document.querySelector("#fault").innerText.includes("no space in this test")`)
	page.wait("failed", `document.querySelector("#badge").dataset.state === "failed" && !document.querySelector("#start").hidden`)
}
