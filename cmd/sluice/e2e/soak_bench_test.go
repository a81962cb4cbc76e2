package e2e

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	soakGroup   = 10 // cycles to a printed line
	soakKill    = 5  // each so manieth cycle loses its ffmpeg too
	soakPublish = 2 * time.Second
)

// BenchmarkSoak has publishers come and go on one URL while one page plays it; run it with -benchtime 200x. Each cycle is a
// publisher that is closed without a DELETE or with one, in turn, some with ffmpeg killed under them. In the end the page plays
// still, with its first player, and the service holds what it held after the first group.
func BenchmarkSoak(b *testing.B) {
	s := startService(b, "--ladder", smallRung, "--linger", "60s", "--window", "12s", "--record=false")
	p := newPublisher(b, s, chaosStream)
	p.send()
	s.waitState(chaosStream, "live")
	page := openPlayer(startBrowser(b), s.base+"/watch/"+chaosStream, "hls")
	var before footprint
	cycle := 0
	for b.Loop() {
		cycle++
		if cycle%soakKill == 0 {
			require.NoError(b, syscall.Kill(encoderOf(b, s), syscall.SIGKILL))
		}
		if cycle%2 == 0 {
			p.vanish()
		} else {
			p.stop()
		}
		p = newPublisher(b, s, chaosStream)
		p.send()
		lapse(soakPublish)
		if cycle%soakGroup == 0 {
			page.reportSoak(s, cycle)
		}
		if cycle == soakGroup {
			before = s.footprint()
		}
	}
	waitSteady(recoverIn, page)
	seen := page.read()
	require.Equal(b, 1, seen.Players, "the player was opened anew")
	require.Zero(b, seen.Fatal, "the player met a fatal error")
	if cycle > soakGroup {
		requireBack(b, s, before)
	}
	p.stop()
	b.ReportMetric(seen.Stall, "longest-stall-s")
	b.ReportMetric(0, "ns/op")
}

// reportSoak prints a line at once: a soak takes long.
func (p *player) reportSoak(s *service, cycle int) {
	seen := p.read()
	fmt.Fprintf(os.Stderr, "cycle %4d: longest stall %.2f s, players opened %d, fatal errors %d, %+v\n",
		cycle, seen.Stall, seen.Players, seen.Fatal, s.footprint())
}
