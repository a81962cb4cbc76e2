package e2e

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openIn is how long a page may take to play on a machine that does much else.
const openIn = time.Minute

// player is a watch page whose picture is watched.
type player struct {
	*tab
	protocol string
	blind    bool // its stream had no picture when it was opened: its time is watched
	opened   int  // how often a player was opened when it was last reset
}

// played is what chaos.js has seen; seconds. Of each spell there is the longest, and how long it has lasted until now.
type played struct {
	Stall, Still           float64 // without a new picture
	Frozen                 float64 // with the same picture
	Halt, Halted           float64 // of the time
	Time                   float64
	Back                   float64 // by how much the time went back, at most
	Frames, Players, Fatal int
	Emptied                int      // how often the element was
	Said                   []string // what hls.js did and said, of what was no fatal error
}

// pushed tells whether the page had to make hls.js load on.
func (p played) pushed() bool {
	return slices.ContainsFunc(p.Said, func(said string) bool { return strings.Contains(said, "is made to load on") })
}

func openPlayer(b *browser, url, protocol string) *player {
	p := newPlayer(b, url, protocol)
	p.wait("playing", `window.chaos.read().frames > 15`)
	return p
}

func newPlayer(b *browser, url, protocol string) *player {
	script, err := os.ReadFile("testdata/chaos.js")
	require.NoError(b.t, err)
	p := &player{tab: b.open(url), protocol: protocol}
	p.run("(() => {"+string(script)+"})()", nil)
	return p
}

func (p *player) read() (seen played) {
	p.t.Helper()
	p.run("window.chaos.read()", &seen)
	if p.blind {
		seen.Stall, seen.Still = seen.Halt, seen.Halted
	}
	return seen
}

// reset begins to count anew.
func (p *player) reset() {
	p.run("window.chaos.reset()", nil)
	p.opened = p.read().Players
}

// waitSteady waits until pictures have come to all players without a pause for a while.
func waitSteady(within time.Duration, players ...*player) {
	deadline := time.Now().Add(within)
	for since := time.Now(); time.Since(since) < steadyFor; lapse(lookEvery) {
		for _, p := range players {
			seen := p.read()
			if seen.Still > 0.5 {
				since = time.Now()
			}
			require.True(p.t, time.Now().Before(deadline), "%s does not play after %v: %+v", p.protocol, within, seen)
		}
	}
}

// pageWaits is for how long the watch page lets its player stand still before it opens it anew (stallLimit in playback.ts).
const pageWaits = 12 * time.Second

// checkWell checks that the player met no fatal error, that the page has still the player that it had, unless the fault may cost more than the
// page waits for, and that the picture did not stand still for longer than the fault may cost. dash.js stands still after some changes of
// Period, with media buffered, until it is taken to the newest picture or opened anew: that is seen in the table, and that it plays again has
// been waited for.
func (p *player) checkWell(f fault) {
	seen := p.read()
	if seen.pushed() || seen.Stall > 1 && !f.epoch && !f.either && !f.starves {
		p.t.Logf("%s stood still for %.2f s, time for %.2f s: %s", p.protocol, seen.Stall, seen.Halt, strings.Join(seen.Said, "\n"))
	}
	assert.Zero(p.t, seen.Fatal, "%s: %s met a fatal error", f.name, p.protocol)
	if p.protocol == "dash" && (f.epoch || f.either) {
		return
	}
	opened := p.opened
	if f.stall >= pageWaits {
		opened++ // at most
	}
	assert.Contains(p.t, []int{p.opened, opened}, seen.Players, "%s: %s was opened anew", f.name, p.protocol)
	assert.LessOrEqual(p.t, seen.Stall, (f.stall + sharing).Seconds(), "%s: the picture of %s stood still", f.name, p.protocol)
	if f.frozen > 0 {
		assert.LessOrEqual(p.t, seen.Frozen, (f.frozen + sharing).Seconds(), "%s: the picture of %s was the same", f.name, p.protocol)
	}
}
