package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
	"github.com/sluice-live/sluice/packager/dash"
)

// An ffmpeg that is killed in mid-stream costs viewers a discontinuity and nothing else: the playlists and the MPD go on by
// the rules, without a hole in time, and the recording has both parts.
func TestEncoderKilled(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "2s", "--window", "20s")
	p := newPublisher(t, s, "torn")
	p.rounds = chaosRounds
	visits := watch(t, s, "torn")
	p.send()
	s.waitListed("/live/torn/240p.m3u8", "#EXTINF", 3)
	signalEncoder(t, s, syscall.SIGKILL)
	killed := time.Now()
	s.waitDiscontinuity("torn")
	t.Logf("the playlist goes on after %v", time.Since(killed))
	s.waitMoreListed("/live/torn/240p.m3u8", 3)
	sent := time.Duration(p.video.frames.Load()) * time.Second / 30
	p.stop()
	s.waitState("torn", "ended")
	seen := visits()

	requireConformant(t, seen)
	requireTwoEpochs(t, seen, "240p", "audio")
	requireDecodes(t, seen, 2*2)
	requireRecordedTwice(t, s.recording("torn"), sent-2*time.Second)
}

// Publishers with other tracks follow one another: what is new begins a new epoch, what is not sent any more is filled.
func TestTracksComeAndGo(t *testing.T) {
	alongside(t, atLength(light))
	s := startService(t, "--ladder", smallRung, "--linger", "10s", "--window", "60s")
	p := newPartPublisher(t, s, "mixed", false)
	visits := watch(t, s, "mixed")
	p.send()
	s.waitState("mixed", "live")
	s.waitListed("/live/mixed/audio.m3u8", "#EXTINF", 2)
	p.stop()
	for _, next := range []func() *publisher{
		func() *publisher { return newPublisher(t, s, "mixed") },
		func() *publisher { return newPartPublisher(t, s, "mixed", true) },
	} {
		p = next()
		p.send()
		s.waitMoreListed("/live/mixed/audio.m3u8", 3)
		p.stop()
	}
	s.waitState("mixed", "ended")
	seen := visits()

	requireConformant(t, seen)
	requireTwoEpochs(t, seen, "audio")
	requireDecodes(t, seen, 1+2)
	require.Zero(t, s.metric(`sluice_gaps_total{stream="mixed"}`))
}

// signalEncoder sends the service's ffmpeg a signal.
func signalEncoder(t *testing.T, s *service, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(encoderOf(t, s), signal))
}

// encoderOf is the process of the service's only ffmpeg run.
func encoderOf(t testing.TB, s *service) int {
	t.Helper()
	found := encodersOf(s)
	require.Len(t, found, 1)
	return found[0]
}

// encodersOf are the processes of the service's ffmpeg runs.
func encodersOf(s *service) (found []int) {
	for _, pid := range children(s.cmd.Process.Pid) {
		command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && strings.Contains(string(command), "pipe:3") && !strings.Contains(string(command), "mjpeg") {
			found = append(found, pid)
		}
	}
	return found
}

// watch collects what the stream offers until the function that it returns is called, and a moment longer.
func watch(t *testing.T, s *service, name string) (visits func() []conformance.Visit) {
	return collect(t, &conformance.Collector{Base: s.base + "/live/" + name + "/"})
}

// collect runs the collector until the function that it returns is called, and a moment longer.
func collect(t testing.TB, collector *conformance.Collector) (visits func() []conformance.Visit) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- collector.Run(ctx) }()
	t.Cleanup(stop)
	return func() []conformance.Visit {
		awaitRounds(t, collector)
		stop()
		require.NoError(t, <-done)
		return collector.Visits()
	}
}

// awaitRounds waits until the collector has asked for everything that is listed now. It asks for the MPD once in each round.
func awaitRounds(t testing.TB, collector *conformance.Collector) {
	t.Helper()
	rounds := func() (count int) {
		for _, visit := range collector.Visits() {
			if strings.HasSuffix(visit.URL, ".mpd") || strings.HasSuffix(visit.URL, "/index.m3u8") {
				count++
			}
		}
		return count
	}
	before := rounds()
	eventually(t, func() bool { return rounds() >= before+6 }, "the collector stands still")
}

func requireConformant(t *testing.T, visits []conformance.Visit) {
	t.Helper()
	requireConformantWithin(t, visits, 2*time.Second)
}

// requireConformantWithin bears with segments that are so late.
func requireConformantWithin(t *testing.T, visits []conformance.Visit, tolerance time.Duration) {
	t.Helper()
	options := conformance.Options{Tolerance: tolerance}
	for _, violation := range append(conformance.CheckHLS(visits, options), conformance.CheckDASH(visits, options)...) {
		t.Error(violation)
	}
}

// newest is the last answer with that name.
func newest(t *testing.T, visits []conformance.Visit, name string) string {
	t.Helper()
	for i := len(visits) - 1; i >= 0; i-- {
		if strings.HasSuffix(visits[i].URL, "/"+name) && visits[i].Status == http.StatusOK {
			return string(visits[i].Body)
		}
	}
	t.Fatalf("%s was never there", name)
	return ""
}

// requireTwoEpochs asserts that the stream went on after one discontinuity, which is one more Period in DASH.
func requireTwoEpochs(t *testing.T, visits []conformance.Visit, renditions ...string) {
	t.Helper()
	for _, rendition := range renditions {
		playlist := newest(t, visits, rendition+".m3u8")
		require.Equal(t, 1, strings.Count(playlist, "#EXT-X-DISCONTINUITY\n"), playlist)
		require.Equal(t, 2, strings.Count(playlist, "#EXT-X-MAP"), playlist)
	}
	mpd, err := dash.Parse([]byte(newest(t, visits, "manifest.mpd")))
	require.NoError(t, err)
	require.Len(t, mpd.Periods, 2)
	require.Equal(t, mpd.Periods[0].Start+mpd.Periods[0].Duration, mpd.Periods[1].Start)
}

// requireRecordedTwice asserts that a recording of two runs is whole: as playlists, as a file and as it was sent.
func requireRecordedTwice(t *testing.T, directory string, least time.Duration) {
	t.Helper()
	playlist, err := os.ReadFile(filepath.Join(directory, "video.m3u8"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(playlist), "#EXT-X-DISCONTINUITY\n"), "%s", playlist)
	shown := ffmpeg(t, "-i", filepath.Join(directory, "index.m3u8"), "-map", "0:v", "-vf", "showinfo", "-f", "null", "-")
	require.GreaterOrEqual(t, strings.Count(shown, "pts_time:"), int(least.Seconds())*30)

	manifest, err := os.ReadFile(filepath.Join(directory, "manifest.mpd"))
	require.NoError(t, err)
	mpd, err := dash.Parse(manifest)
	require.NoError(t, err)
	require.Len(t, mpd.Periods, 2)
	require.GreaterOrEqual(t, time.Duration(mpd.MediaPresentationDuration), least)

	requireDuration(t, filepath.Join(directory, "video.mp4"), least)
	requireDuration(t, filepath.Join(directory, "source-1.webm"), least)
}
