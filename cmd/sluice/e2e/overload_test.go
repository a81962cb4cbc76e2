package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
)

// twoRungs are little work; slowFFmpeg lets ffmpeg read at three tenths of real time while the first of them is encoded,
// however fast the machine is.
const (
	twoRungs   = "360p=640x360@30:800k,240p=426x240@30:400k"
	slowFFmpeg = `#!/bin/sh
case "$*" in
*pipe:3*pad=640*)
	for argument; do
		shift
		if [ "$argument" = -i ]; then set -- "$@" -readrate 0.3; fi
		set -- "$@" "$argument"
	done;;
esac
exec ffmpeg "$@"
`
)

// startSlowService is a service on a machine that is too slow for the better of two renditions.
func startSlowService(t *testing.T, args ...string) *service {
	t.Helper()
	slow := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(slow, []byte(slowFFmpeg), 0o755))
	return startService(t, append([]string{"--ladder", twoRungs, "--ffmpeg", slow, "--ladder-reduce", "--linger", "2s"}, args...)...)
}

// waitReduced waits until less is encoded, and returns the reason.
func (s *service) waitReduced(name string) string {
	s.t.Helper()
	eventually(s.t, func() bool { return s.stream(name).Encoder.Reduced != "" })
	return s.stream(name).Encoder.Reduced
}

// A machine that is too slow for the ladder encodes less of it, and is in time again. Every rendition goes on under its name.
func TestTooSlowForTheLadder(t *testing.T) {
	alongside(t, light)
	s := startSlowService(t, "--window", "30s")
	p := newPublisher(t, s, "heavy")
	p.rounds = 2
	visits := watch(t, s, "heavy")
	p.send()
	reason := s.waitReduced("heavy")
	require.Contains(t, reason, "240p, 426x240")
	require.Contains(t, reason, "360p shows the same")
	eventually(t, func() bool { return strings.Contains(s.output.String(), "ladder is reduced") })
	s.waitState("heavy", "live")
	s.waitMoreListed("/live/heavy/240p.m3u8", 2)
	eventually(t, func() bool { return s.metric(`sluice_encoder_lag_seconds{stream="heavy"}`) < 1 }, "it keeps up again")
	s.waitMetric(`sluice_encoder_reductions_total{stream="heavy"}`, 1)
	s.waitMetric(`sluice_encoder_rungs{stream="heavy"}`, 1)
	described := s.stream("heavy").Renditions
	require.Len(t, described, 3)
	for i, id := range []string{"360p", "240p"} {
		require.Equal(t, id, described[i].ID)
		require.Equal(t, 426, described[i].Width)
	}
	p.stop()
	s.waitState("heavy", "ended")
	seen := visits()
	requireConformantWithin(t, seen, 20*time.Second) // so long it may take to be sure
	multivariant := newest(t, seen, "index.m3u8")
	for _, rendition := range []string{"360p", "240p"} {
		require.Contains(t, multivariant, rendition+".m3u8")
		require.Contains(t, newest(t, seen, rendition+".m3u8"), "#EXT-X-MAP")
	}
	mpd, err := dash.Parse([]byte(newest(t, seen, "manifest.mpd")))
	require.NoError(t, err)
	require.Len(t, mpd.Periods[len(mpd.Periods)-1].AdaptationSets[0].Representations, 2)
	requireKept(t, s.recording("heavy"))
}

// requireKept asserts that a recording has the words of both its ffmpegs.
func requireKept(t *testing.T, directory string) {
	t.Helper()
	for name, says := range map[string]string{"ffmpeg-1.log": "too slow", "ffmpeg-2.log": "Z ended\n"} {
		kept, err := os.ReadFile(filepath.Join(directory, name))
		require.NoError(t, err)
		require.Contains(t, string(kept), "pipe:3")
		require.Contains(t, string(kept), says)
	}
}

// Players that have chosen the rendition that is not encoded any more play on, and their page says why the picture is smaller.
func TestPlayersOutliveTheirRung(t *testing.T) {
	alongside(t, busy)
	const renditions = "360p=640x360@20:600k,240p=426x240@20:300k" // so little that the machine is fast enough until it is slowed down
	s := startService(t, "--ladder", renditions, longParts, "--ladder-reduce", "--linger", "2s")
	p := newPublisher(t, s, "heavy")
	p.rounds = chaosRounds
	p.send()
	s.waitState("heavy", "live")
	browser, viewers := cameraBrowser.forTest(t), map[string]*tab{}
	for _, protocol := range protocols() {
		viewers[protocol] = browser.open(s.base + "/watch/heavy?protocol=" + protocol)
	}
	each(t, protocols(), func(protocol string) {
		viewers[protocol].requirePlaying(3 * time.Second)
		viewers[protocol].pick("quality", "360p")
		viewers[protocol].wait("the better rendition", `document.querySelector("#video").videoWidth === 640`)
	})
	stop := slowDown(t, s)
	reason := s.waitReduced("heavy")
	stop()
	each(t, protocols(), func(protocol string) { // soon, because the rendition comes back when the machine has room for it
		viewer := viewers[protocol]
		viewer.wait("the smaller picture", `document.querySelector("#video").videoWidth === 426`)
		viewer.wait("why it is smaller", fmt.Sprintf(`document.querySelector("#reduced").innerText === %q`, reason))
		viewer.screenshot("reduced-" + protocol)
		viewer.requireRecovers()
		require.True(t, protocol == "dash" || !strings.Contains(viewer.log.String(), "player failed"))
	})
	p.stop()
}

// slowDown lets the service's ffmpeg run a twenty-fifth of the time until stop is called or it has gone.
func slowDown(t testing.TB, s *service) (stop func()) {
	t.Helper()
	pid := encoderOf(t, s)
	ending, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for _, step := range []struct {
				signal syscall.Signal
				pause  time.Duration
			}{{syscall.SIGSTOP, 480 * time.Millisecond}, {syscall.SIGCONT, 20 * time.Millisecond}} {
				if syscall.Kill(pid, step.signal) != nil {
					return
				}
				select {
				case <-ending:
					return
				case <-time.After(step.pause):
				}
			}
		}
	}()
	return func() { close(ending); <-done }
}

// waitDiscontinuity waits until viewers get something of a second epoch.
func (s *service) waitDiscontinuity(name string) {
	s.t.Helper()
	eventually(s.t, func() bool {
		_, _, body := s.get("/live/" + name + "/240p.m3u8")
		return strings.Contains(string(body), "#EXT-X-DISCONTINUITY\n")
	})
}
