package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

var discontinuitySequence = regexp.MustCompile(`#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)`)

const (
	chaosStream = "chaos"
	chaosRounds = 1000             // of the clip: longer than any test
	recoverIn   = patience         // for what watches to be well again
	sharing     = 12 * time.Second // that a machine with others at work may take of everybody
	steadyFor   = 1500 * time.Millisecond
)

// fault is one thing that goes wrong.
type fault struct {
	name   string
	inject func(c *chaos) // returns when all is in place again
	// stall is how long a player's picture may stand still, besides sharing.
	stall time.Duration
	// frozen is how long players may show the same picture; 0: as long as they like.
	frozen time.Duration
	// silence is how long a WHEP viewer may get no picture; 0: its media does not flow.
	silence time.Duration
	epoch   bool // it costs an epoch; without, the same ffmpeg goes on
	either  bool // it may cost an epoch, or none
	starves bool // nothing is written for a while
	away    bool // it ends the service, and with that the echo
}

// faults are injected one after the other, once the tracks have changed, which takes players that only listen. Those that end the
// process come first: what the rest leaves behind is counted.
// Those that tear the stream and those that do not take turns, as far as that goes: an ffmpeg that fails twice in ten seconds is
// made to wait. The long suite has also what resembles others, and overload, since the ladder stays reduced. The short one leaves
// to other tests what they show at less cost: the network to TestBadNetwork, slow clients to TestSlowClients, takeover and ICE
// restart, muted tracks, floods of sessions, stuck disks and clocks that step to the tests of their packages.
func faults(long bool) (restarts, others []fault) {
	length := func(inSuite, inBench time.Duration) time.Duration {
		if long {
			return inBench
		}
		return inSuite
	}
	publisherAway := length(4*time.Second, 10*time.Second)
	restarts = []fault{serviceKilled(), serviceRestarted()}
	others = []fault{
		viewersCutOff(), encoderKilled(), publisherGone(publisherAway), encoderStopped(), diskFull(length(3*time.Second, 10*time.Second)),
		codecChanged(), farFuture(), noInotify(),
	}
	if long {
		others = slices.Concat(others, clockSteps(10*time.Second), networkFaults(8*time.Second, 20*time.Second), []fault{
			slowReaders(), cameraQuiet(publisherAway), publisherTakenOver(), iceRestart(), soundMuted(publisherAway), sessionFlood(), diskSlow(12 * time.Second), diskSilent(),
			publisherReplaced(), encoderPaused(), publisherCutOff(publisherAway), diskReadOnly(10 * time.Second),
			tracksRemoved(publisherAway), directoriesDeleted(), overload(),
		})
	}
	return restarts, others
}

// chaos is a stream under faults, with all that watches it.
type chaos struct {
	t         testing.TB
	world     *world
	s         *service
	args      []string
	browser   *browser
	network   *relay // between the publisher and the service
	publisher *publisher
	mute      mute
	viewer    *receiver
	echo      *receiver
	players   []*player
	archive   archive
	lost      []string // directories of epochs that were deleted under the service
	table     *table
	times     [][2]time.Time // of the faults that tear the stream, until all was well
	later     []func()       // what is checked in the end, or before the recordings are deleted, to save waiting
	began     time.Time      // when the present tracks were there
	slow      bool           // this machine has been too slow by itself, for whatever else it does
}

// One stream, watched by hls.js, dash.js, a WHEP viewer and a checker of every rule, outlives everything that can go wrong;
// nobody has to reload anything, and nothing is left behind.
func TestChaos(t *testing.T) {
	alongside(t, atLength(heavy))
	endureAll(t, false)
}

// BenchmarkChaos is TestChaos with faults that last as long as they do in life.
func BenchmarkChaos(b *testing.B) {
	for b.Loop() {
		endureAll(b, true)
	}
	b.ReportMetric(0, "ns/op")
}

func endureAll(t testing.TB, long bool) {
	c := newChaos(newWorld(t), calmRung, "--ladder-reduce="+strconv.FormatBool(long))
	defer c.table.print(t)
	visits := collect(t, &conformance.Collector{Base: c.s.base + "/live/" + chaosStream + "/", LowLatency: true})
	c.listen()
	c.endure(tracksChanged())
	c.began = time.Now()
	c.open()
	restarts, others := faults(long)
	for _, f := range restarts {
		c.endure(f)
	}
	before := c.s.footprint()
	for _, f := range others {
		c.endure(f)
	}
	c.checkLater()
	requireBack(t, c.s, before)
	c.viewer.stop()
	c.echo.stop()
	c.publisher.stop()
	c.checkRules(visits())
}

// checkLater checks what was put off.
func (c *chaos) checkLater() {
	for _, check := range c.later {
		check()
	}
	c.later = nil
}

// newChaos starts the service in a world, a publisher of sound, and an echo.
func newChaos(w *world, ladder string, more ...string) *chaos {
	t := w.t
	t.Helper()
	c := &chaos{t: t, world: w, archive: archive{}, table: &table{}}
	c.args = append(more, "--ladder", ladder, "--linger", "60s", "--window", "30s", "--on-stop", "keep")
	c.s = c.world.start(c.args...)
	c.args = append(c.args, c.s.addresses()...)
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	c.publishClip(clip.sound())
	c.s.waitState(chaosStream, "live")
	c.watch()
	return c
}

// publish begins to send, and so begins again when there was a publisher.
func (c *chaos) publish() {
	clip, err := makeClip(vp8)
	require.NoError(c.t, err)
	c.publishClip(clip)
}

func (c *chaos) publishClip(clip *clip) {
	c.network = newRelay(c.t)
	c.publisher = publishThrough(c.t, c.s, chaosStream, clip, c.network)
	c.publisher.rounds = chaosRounds
	c.mute.apply(c.publisher)
	c.publisher.send()
}

// watch replaces the WHEP viewer and the echo.
func (c *chaos) watch() {
	for _, r := range []*receiver{c.viewer, c.echo} {
		if r != nil {
			r.stop()
		}
	}
	c.viewer = newWHEPViewer(c.t, c.s.base+"/whep/"+chaosStream, nil)
	c.echo = newEcho(c.t, c.s.base+"/echo")
}

// restart starts the service where it was.
func (c *chaos) restart() { c.s = c.world.start(c.args...) }

// listen shows the watch page of a stream without pictures once with each player.
func (c *chaos) listen() {
	c.browser = startBrowser(c.t)
	for _, protocol := range protocols() {
		p := newPlayer(c.browser, c.page(protocol), protocol)
		p.blind = true
		p.wait("playing", `window.chaos.read().time > 1`)
		c.players = append(c.players, p)
	}
}

// open shows the watch page once with each player, in place of those that listen.
func (c *chaos) open() {
	for _, p := range c.players {
		p.close()
	}
	c.players = nil
	for _, protocol := range protocols() {
		c.players = append(c.players, openPlayer(c.browser, c.page(protocol), protocol))
	}
}

func (c *chaos) page(protocol string) string {
	return c.s.base + "/watch/" + chaosStream + "?protocol=" + protocol
}

func protocols() []string { return []string{"hls", "dash"} }

// endure injects a fault and checks what it costs. A fault that costs too much does not stop the suite.
func (c *chaos) endure(f fault) {
	c.t.Log(f.name)
	c.reset()
	epochs, reductions, returns, began := c.epochs(), c.reductions(), c.returns(), time.Now()
	f.inject(c)
	waitSteady(recoverIn, c.players...)
	if f.epoch || f.starves {
		c.times = append(c.times, [2]time.Time{began, time.Now()})
	}
	epochs = c.epochs() - epochs
	c.table.add(f, c, epochs, time.Since(began))
	for _, p := range c.players {
		p.checkWell(f)
	}
	if f.silence > 0 {
		assert.Less(c.t, c.viewer.longest(), f.silence, "%s: the WHEP viewer got no picture", f.name)
	}
	if !f.away {
		assert.Less(c.t, c.echo.longest(), untouched, "%s: the echo got no picture", f.name)
	}
	if slow := c.reductions() > reductions && f.name != overloaded; slow {
		c.slow = true // which has cost an epoch
	} else if !f.either && c.returns() == returns { // what an overload took away may come back now, as another epoch
		assert.Equal(c.t, f.epoch, epochs > 0, "%s: %d new epochs", f.name, epochs)
	}
	c.archive.check(c, f.name)
}

func (c *chaos) reset() {
	for _, p := range c.players {
		p.reset()
	}
	c.echo.reset()
	if c.viewer != nil {
		c.viewer.reset()
	}
}

// epochs counts the discontinuities of the stream, those that have left the playlist too.
func (c *chaos) epochs() (count int) {
	_, _, playlist := c.s.get("/live/" + chaosStream + "/audio.m3u8")
	if left := discontinuitySequence.FindSubmatch(playlist); left != nil {
		_, err := fmt.Sscan(string(left[1]), &count)
		require.NoError(c.t, err)
	}
	return count + strings.Count(string(playlist), "#EXT-X-DISCONTINUITY\n")
}

func (c *chaos) reductions() float64 {
	return c.s.metric(fmt.Sprintf("sluice_encoder_reductions_total{stream=%q}", chaosStream))
}

func (c *chaos) returns() float64 {
	return c.s.metric(fmt.Sprintf("sluice_encoder_returns_total{stream=%q}", chaosStream))
}

// checkRules checks all that was collected. Some rules cannot hold while nothing is made, or what is made goes on elsewhere: new segments
// and parts in time, the part that was hinted at (rfc8216bis §6.2.6), what a playlist reports of others, and the segments that a
// Period promises until the next one is announced. The time of encoding (prft) is later than the MPD says whenever
// ffmpeg makes up for what is missing, as on a machine that is busy.
func (c *chaos) checkRules(visits []conformance.Visit) {
	c.t.Logf("%d visits", len(visits))
	options := conformance.Options{Tolerance: 2 * time.Second}
	for _, violation := range append(conformance.CheckHLS(visits, options), conformance.CheckDASH(visits, options)...) {
		excused := strings.HasSuffix(violation.Rule, "in time") || strings.Contains(violation.Rule, "segments are") ||
			strings.Contains(violation.Rule, "EXT-X-RENDITION-REPORT") || strings.Contains(violation.Rule, "what is hinted comes")
		if !strings.Contains(violation.Rule, "prft is as ProducerReferenceTime") && (!excused || !c.torn(violation.At)) {
			c.t.Error(violation)
		}
	}
}

// torn tells whether the stream may have been torn at that time, or by what was expected then: by a fault, or by a machine that is too
// slow.
func (c *chaos) torn(at time.Time) bool {
	return c.slow || slices.ContainsFunc(c.times, func(t [2]time.Time) bool {
		return at.After(t[0].Add(-time.Second)) && at.Before(t[1])
	})
}

// What the service may hold more of after faults than before: files of ffmpeg's own window, which is two minutes, and memory.
const (
	moreFiles  = 300
	moreMemory = 100 // MiB
)

// requireBack asserts that the service holds what it held before.
func requireBack(t testing.TB, s *service, before footprint) {
	t.Helper()
	eventually(t, func() bool {
		now := s.footprint()
		return now.Goroutines <= before.Goroutines+10 && now.Descriptors <= before.Descriptors+10 && now.Children <= max(before.Children, 1) &&
			now.LiveFiles <= before.LiveFiles+moreFiles && now.Memory <= before.Memory+moreMemory
	}, "before %+v, after %+v", before, s.footprint())
	t.Logf("before %+v, after %+v", before, s.footprint())
}
