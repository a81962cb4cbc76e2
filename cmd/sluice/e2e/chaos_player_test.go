package e2e

import (
	"os"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// player is a watch page whose picture is watched.
type player struct {
	*tab
	protocol string
}

// played is what chaos.js has seen; seconds.
type played struct {
	Stall, Still           float64
	Frames, Players, Fatal int
}

func openPlayer(b *browser, url, protocol string) *player {
	script, err := os.ReadFile("testdata/chaos.js")
	require.NoError(b.t, err)
	p := &player{b.open(url), protocol}
	p.run("(() => {"+string(script)+"})()", nil)
	p.wait("playing", `window.chaos.read().frames > 30`, 30*time.Second)
	return p
}

func (p *player) read() (seen played) {
	p.t.Helper()
	p.run("window.chaos.read()", &seen)
	return seen
}

// waitSteady waits until pictures have come without a pause for a while.
func (p *player) waitSteady(within time.Duration) {
	p.t.Helper()
	deadline := time.Now().Add(within)
	for since := time.Now(); time.Since(since) < steadyFor; time.Sleep(100 * time.Millisecond) {
		if p.read().Still > 0.5 {
			since = time.Now()
		}
		require.True(p.t, time.Now().Before(deadline), "%s does not play after %v: %+v", p.protocol, within, p.read())
	}
}

// checkWell checks that the player met no fatal error, and of hls.js that the page has its first player still, which has never given
// up, and whose picture did not stand still for longer than the fault may cost. dash.js stands still after some changes of Period,
// with media buffered, until it is taken to the newest picture or opened anew: that is seen in the table, and that it plays again
// has been waited for.
func (p *player) checkWell(f fault) {
	seen := p.read()
	assert.Zero(p.t, seen.Fatal, "%s: %s met a fatal error", f.name, p.protocol)
	if p.protocol == "dash" {
		return
	}
	assert.Equal(p.t, 1, seen.Players, "%s: %s was opened anew", f.name, p.protocol)
	assert.NotContains(p.t, p.log.String(), "player failed", f.name)
	assert.LessOrEqual(p.t, seen.Stall, f.stall.Seconds(), "%s: the picture of %s stood still", f.name, p.protocol)
}
