package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// BenchmarkTokens has players that know nothing of tokens play a stream that takes one, which is in the first address alone, and prints how
// many pictures each has shown.
func BenchmarkTokens(b *testing.B) {
	const token, enough = "?token=seat-key", 60
	for b.Loop() {
		s := startService(b, "--ladder", smallRung, "--record=false", "--auth-play", "clip=seat-key")
		p := newPublisher(b, s, "clip")
		p.rounds = 1000
		p.send()
		s.waitListed("/live/clip/240p.m3u8"+token, "#EXTINF", 6)
		own := func(browser string) []habit {
			return []habit{{browser + ", its own HLS", index + token, starting, `video.src = url; ` + atOnce}}
		}
		seats := []seat{
			&page{t: b, stage: newStage(b), habits: own("WebKit"), needs: []string{"WebKitWebDriver", "xvfb-run"}, browser: webkit},
			&page{t: b, stage: newStage(b), habits: own("Chromium"), needs: []string{"chromium"}, browser: chromium(b)},
			gstreamer(b, index+token, "hlsdemux2"), gstreamer(b, mpd+token, "dashdemux2"),
		}
		for _, file := range []string{index + token, mpd + token} {
			seats = append(seats, ffplay(b, file), mpv(b, file), vlc(b, file))
		}
		for _, player := range seats {
			if why := player.lacks(); why != "" {
				b.Errorf("%s: %s", names(player), why)
				continue
			}
			player.open(s.base + "/live/clip/")
			frames := func() int { return player.read()[0].Frames }
			seen := assert.Eventually(b, func() bool { return frames() >= enough }, patience, lookEvery, names(player)[0])
			fmt.Fprintf(os.Stderr, "%-24s %4d pictures, plays: %t\n", names(player)[0], frames(), seen)
			if !seen {
				b.Logf("%+v", player.read())
			}
			player.close()
		}
		p.stop()
	}
	b.ReportMetric(0, "ns/op")
}
