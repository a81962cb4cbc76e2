package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

const (
	chaosStream = "chaos"
	chaosRounds = 60               // of the clip: longer than the suite
	recoverIn   = 40 * time.Second // for what watches to be well again
	steadyFor   = 2 * time.Second  // between two faults
)

// fault is one thing that goes wrong.
type fault struct {
	name   string
	inject func(c *chaos) // returns when all is in place again
	// stall is how long a player's picture may stand still. What is aimed at is half of it: the machine is shared.
	stall time.Duration
	// silence is how long a WHEP viewer may get no picture; 0: its media does not flow.
	silence time.Duration
}

// faults are injected one after the other. Those that end the process come first: what the rest leaves behind is counted.
func faults() (restarts, others []fault) {
	return []fault{serviceKilled(), serviceRestarted()},
		[]fault{
			encoderKilled(), encoderStopped(),
			publisherGone(), publisherReplaced(), cameraQuiet(),
			slowReaders(), farFuture(), sessionFlood(),
		}
}

// chaos is a service under faults, with all that watches it.
type chaos struct {
	t         *testing.T
	s         *service
	args      []string
	publisher *publisher
	viewer    *whepViewer
	players   []*player
	rows      []string
	times     [][2]time.Time // of the faults, until all was well
}

// One stream, watched by hls.js, dash.js, a WHEP viewer and a checker of every rule, outlives everything that can go wrong;
// nobody has to reload anything, and nothing is left behind.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	defer c.print()
	visits := collect(t, &conformance.Collector{Base: c.s.base + "/live/" + chaosStream + "/", LowLatency: true})
	c.open(startBrowser(t), "hls", "dash")
	restarts, others := faults()
	for _, f := range restarts {
		c.endure(f)
	}
	before := c.s.footprint()
	for _, f := range others {
		c.endure(f)
	}
	requireBack(t, c.s, before)
	c.viewer.stop()
	c.publisher.stop()
	c.checkRules(visits())
}

// checkRules checks all that was collected. Some rules cannot hold while nothing is made: new segments and parts in time, the
// segments that a Period promises until the next one is announced, and the time of encoding (prft), which is later where the next
// ffmpeg makes up for what is missing.
func (c *chaos) checkRules(visits []conformance.Visit) {
	c.t.Logf("%d visits", len(visits))
	options := conformance.Options{Tolerance: 2 * time.Second}
	for _, violation := range append(conformance.CheckHLS(visits, options), conformance.CheckDASH(visits, options)...) {
		excused := strings.HasSuffix(violation.Rule, "in time") || strings.Contains(violation.Rule, "segments are") ||
			strings.Contains(violation.Rule, "prft is as ProducerReferenceTime")
		if !excused || !c.faulty(violation.At) {
			c.t.Error(violation)
		}
	}
}

// faulty tells whether a fault was being injected at that time.
func (c *chaos) faulty(at time.Time) bool {
	return slices.ContainsFunc(c.times, func(t [2]time.Time) bool { return at.After(t[0]) && at.Before(t[1]) })
}

// newChaos starts the service, a publisher and a WHEP viewer.
func newChaos(t *testing.T) *chaos {
	c := &chaos{t: t, args: []string{"--ladder", smallRung, "--linger", "60s", "--window", "60s", "--on-stop", "keep"}}
	c.start()
	c.publish()
	c.s.waitState(chaosStream, "live", 20*time.Second)
	c.watch()
	return c
}

// start starts the service and sees to it that its restarts have its ports again.
func (c *chaos) start() {
	c.s = startService(c.t, c.args...)
	media := regexp.MustCompile(`Media +UDP (\S+)`)
	require.Eventually(c.t, func() bool { return media.MatchString(c.s.output.String()) }, 5*time.Second, 10*time.Millisecond)
	c.args = append(c.args, "--http-listen", strings.TrimPrefix(c.s.base, "http://"), "--ice-udp", media.FindStringSubmatch(c.s.output.String())[1])
}

// publish begins to send, and so begins again when there was a publisher.
func (c *chaos) publish() {
	c.publisher = newPublisher(c.t, c.s, chaosStream)
	c.publisher.rounds = chaosRounds
	c.publisher.send()
}

// watch replaces the WHEP viewer.
func (c *chaos) watch() {
	if c.viewer != nil {
		c.viewer.stop()
	}
	c.viewer = newWHEPViewer(c.t, c.s.base+"/whep/"+chaosStream)
}

// restart starts the service where it was.
func (c *chaos) restart() {
	c.s = startServiceIn(c.t, c.s.data, c.args...)
}

// open shows the watch page once with each player.
func (c *chaos) open(b *browser, protocols ...string) {
	for _, protocol := range protocols {
		c.players = append(c.players, openPlayer(b, c.s.base+"/watch/"+chaosStream+"?protocol="+protocol, protocol))
	}
}

// endure injects a fault and checks what it costs. A fault that costs too much does not stop the suite.
func (c *chaos) endure(f fault) {
	c.t.Log(f.name)
	for _, p := range c.players {
		p.run("window.chaos.reset()", nil)
	}
	c.viewer.reset()
	began := time.Now()
	f.inject(c)
	row := fmt.Sprintf("%-28s", f.name)
	for _, p := range c.players {
		p.waitSteady(recoverIn)
		row += fmt.Sprintf(" %8.2f s", p.read().Stall)
		p.checkWell(f)
	}
	c.times = append(c.times, [2]time.Time{began, time.Now()})
	silence := c.viewer.longest()
	c.rows = append(c.rows, row+fmt.Sprintf(" %8.2f s %8.1f s", silence.Seconds(), time.Since(began).Seconds()))
	if f.silence > 0 {
		assert.Less(c.t, silence, f.silence, "%s: the WHEP viewer got no picture", f.name)
	}
}

// print shows what was seen, of the faults that were injected.
func (c *chaos) print() {
	c.t.Logf("longest time without a new picture:\n%-28s %10s %10s %10s %10s\n%s", "fault", "hls.js", "dash.js", "WHEP", "took", strings.Join(c.rows, "\n"))
}

// requireBack asserts that the service holds what it held before.
func requireBack(t testing.TB, s *service, before footprint) {
	t.Helper()
	require.Eventually(t, func() bool {
		now := s.footprint()
		return now.Goroutines <= before.Goroutines+10 && now.Descriptors <= before.Descriptors+10 && now.Children <= before.Children
	}, 30*time.Second, 500*time.Millisecond, "before %+v, after %+v", before, s.footprint())
	t.Logf("before %+v, after %+v", before, s.footprint())
}
