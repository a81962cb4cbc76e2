package e2e

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// H.264 reaches viewers picture by picture as it was sent, with a smaller rendition that is encoded beside it, and by the rules.
func TestPassthrough(t *testing.T) {
	alongside(t, light)
	clip, err := makeClip(h264)
	require.NoError(t, err)
	_, told, seen := passedOn(t, "copied", clip, smallRung)
	require.Empty(t, told.Encoder.Encodes)
	require.Equal(t, []string{"source", "240p", "audio"}, renditionsOf(told))
	require.Equal(t, 640, told.Renditions[0].Width)
	requireCopiedConformant(t, seen)
	require.Contains(t, newest(t, seen, "source.m3u8"), "#EXT-X-TARGETDURATION:3\n")
	for name, file := range wholeTracks(t, seen) {
		if path.Base(name) == "source" {
			requirePicturesOf(t, clip, file)
		}
	}
}

// passedOn is a service after a stream of five segments that was passed on by one ffmpeg, what the API told of it, and all that was fetched.
func passedOn(t *testing.T, name string, clip *clip, ladder string) (s *service, told stream, seen []conformance.Visit) {
	t.Helper()
	inTime(t, func() (restarts int) {
		s = startService(t, "--ladder", ladder, "--linger", "0s", "--window", "60s")
		p := publishClip(t, s, name, clip)
		p.rounds = chaosRounds
		visits := watch(t, s, name)
		p.send()
		s.waitState(name, "live")
		s.waitListed("/live/"+name+"/source.m3u8", "#EXTINF", 5)
		told = s.stream(name)
		if told.Encoder.Restarts == 0 {
			require.True(t, told.Encoder.Copies, told.Encoder.Encodes)
			s.waitMetric(`sluice_encoder_copies{stream="`+name+`"}`, 1)
			s.waitMetric(`sluice_encoder_rungs{stream="`+name+`"}`, 1)
		}
		p.stop()
		s.waitState(name, "ended")
		seen = visits()
		return told.Encoder.Restarts
	})
	return s, told, seen
}

// inTime does something until no ffmpeg had to be started for it that should not have been, five times at most. Pictures that come a second late end
// a run in which they are passed on, and on a machine that something else keeps busy a publisher of the test may be as late as that.
func inTime(t *testing.T, once func() (restarts int)) {
	t.Helper()
	for range 5 {
		restarts := once()
		if restarts == 0 {
			return
		}
		t.Logf("ffmpeg was started anew: %d", restarts)
	}
	t.Fatal("ffmpeg is started anew each time")
}

// A browser that offers all codecs sends H.264 where that is asked for, and that is passed on, with a rendition beside it.
func TestPassthroughFromBrowser(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--codecs", "h264,vp8", "--auth-publish", stageKey)
	studio := cameraBrowser.forTest(t).open(newStage(t) + "/stage.html?key=" + stageKey)
	studio.run(fmt.Sprintf("publish(%q)", s.base+"/whip/browser"), nil)
	s.waitFor("browser", func(st stream) bool { return st.State == "live" && st.Encoder.Copies && len(st.Renditions) == 3 })
	require.Equal(t, "H264", s.stream("browser").Publisher.Video.Codec)
}

func renditionsOf(st stream) (ids []string) {
	for _, r := range st.Renditions {
		ids = append(ids, r.ID)
	}
	return ids
}

// requireCopiedConformant leaves out two rules that ask more than the specifications do: a part that was hinted at may be withdrawn
// (rfc8216bis §6.2.6), and by the DASH-IF timing model segments may be off their time by half of one, so that their durations differ.
func requireCopiedConformant(t *testing.T, visits []conformance.Visit) {
	t.Helper()
	options := conformance.Options{Tolerance: 2 * time.Second}
	for _, v := range append(conformance.CheckHLS(visits, options), conformance.CheckDASH(visits, options)...) {
		if text := v.String(); !strings.Contains(text, "what is hinted comes") && !strings.Contains(text, "constant segment duration") {
			t.Error(v)
		}
	}
}

// requirePicturesOf asserts that a file shows what the clip does, round after round, to the last bit, but for pictures that are repeated.
func requirePicturesOf(t *testing.T, c *clip, file string) {
	t.Helper()
	sent := t.TempDir() + "/sent." + c.codec.file
	require.NoError(t, c.codec.write(sent, c.video))
	shown, all := slices.Compact(pictures(t, file)), slices.Compact(pictures(t, sent))
	require.Greater(t, len(shown), 200)
	first := slices.Index(all, shown[0])
	require.GreaterOrEqual(t, first, 0, "the first picture was sent")
	for len(all) < first+len(shown) {
		all = append(all, all...)
	}
	require.Equal(t, all[first:first+len(shown)], shown)
}

// A publisher of H.264 that goes and comes back is passed on, encoded so that its picture stands, and passed on again, in players
// that go on by themselves.
func TestPassthroughComesBack(t *testing.T) {
	alongside(t, busy)
	clip, err := makeClip(h264)
	require.NoError(t, err)
	s := startService(t, "--ladder", smallRung, longParts, "--linger", "60s")
	p := publishClip(t, s, "back", clip)
	p.rounds = chaosRounds
	p.send()
	s.waitState("back", "live")
	browser, viewers := cameraBrowser.forTest(t), map[string]*tab{}
	for _, protocol := range protocols() {
		viewers[protocol] = browser.open(s.base + "/watch/back?protocol=" + protocol)
	}
	each(t, protocols(), func(protocol string) { viewers[protocol].requirePlaying(3 * time.Second) })
	require.True(t, s.stream("back").Encoder.Copies)
	p.stop()
	s.waitFor("back", func(st stream) bool { return !st.Encoder.Copies && st.Encoder.Restarts > 0 })
	each(t, protocols(), func(protocol string) {
		viewers[protocol].requireShows()
		viewers[protocol].screenshot("away-" + protocol)
	})
	p = publishClip(t, s, "back", clip)
	p.rounds = chaosRounds
	p.send()
	s.waitFor("back", func(st stream) bool { return st.Encoder.Copies })
	each(t, protocols(), func(protocol string) { viewers[protocol].requireRecovers() })
	require.Empty(t, s.stream("back").Encoder.Encodes)
	p.stop()
}

// requireShows waits until pictures go on, whatever is heard.
func (p *tab) requireShows() {
	p.t.Helper()
	eventually(p.t, func() bool {
		before := p.playback()
		lapse(3 * time.Second) // what is measured
		after := p.playback()
		return after.Time-before.Time > 2 && after.Frames-before.Frames > 20
	})
}

// What cannot be passed on is encoded, and the reason is told.
func TestPassthroughRefused(t *testing.T) {
	alongside(t, light)
	clip, err := makeClip(h264)
	require.NoError(t, err)
	off := startService(t, "--ladder", smallRung, "--passthrough=false")
	p := publishClip(t, off, "off", clip)
	p.send()
	off.waitState("off", "live")
	require.False(t, off.stream("off").Encoder.Copies)
	require.Equal(t, []string{"240p", "audio"}, renditionsOf(off.stream("off")))
	p.stop()

	seldom := h264
	seldom.encoder = append(slices.Clone(h264.encoder), "-g", "600", "-sc_threshold", "0")
	clip, err = newClip(seldom, "640x480", "1500k", clipLength)
	require.NoError(t, err)
	inTime(t, func() (restarts int) {
		s := startService(t, "--ladder", smallRung, "--linger", "2s", "--window", "60s")
		p := publishClip(t, s, "seldom", clip)
		visits := watch(t, s, "seldom")
		p.send()
		s.waitFor("seldom", func(st stream) bool { return st.Encoder.Encodes != "" })
		s.waitFor("seldom", func(st stream) bool { return !st.Encoder.Copies && len(st.Renditions) == 3 })
		s.waitMoreListed("/live/seldom/240p.m3u8", 3)
		told, dropped := s.stream("seldom"), s.metric(`sluice_depay_frames_dropped_total{kind="video",reason="awaiting_key",stream="seldom"}`)
		p.stop()
		s.waitState("seldom", "ended")
		seen := visits()
		if told.Encoder.Restarts > 1 || !strings.Contains(told.Encoder.Encodes, "no key frame came in time") {
			return 1 // pictures were late
		}
		require.Equal(t, []string{"source", "240p", "audio"}, renditionsOf(told), "every URL goes on")
		require.Zero(t, dropped, "all pictures are shown")
		requireCopiedConformant(t, seen)
		requireTwoEpochs(t, seen, "source", "240p", "audio")
		return 0
	})
}

// A publisher that has key frames every two seconds, and cannot be asked for others, as OBS, is passed on.
func TestPassthroughOfLongGroups(t *testing.T) {
	alongside(t, light)
	long := h264
	long.encoder = append(slices.Clone(h264.encoder), "-g", "60", "-sc_threshold", "0")
	clip, err := newClip(long, "640x480", "1500k", clipLength)
	require.NoError(t, err)
	s := startService(t, "--ladder", smallRung, "--linger", "2s")
	p := publishClip(t, s, "long", clip)
	p.rounds = chaosRounds
	visits := watch(t, s, "long")
	p.send()
	s.waitFor("long", func(st stream) bool { return st.State == "live" && st.Encoder.Copies })
	s.waitMoreListed("/live/long/source.m3u8", 4)
	told := s.stream("long")
	require.True(t, told.Encoder.Copies)
	require.Empty(t, told.Encoder.Encodes)
	require.LessOrEqual(t, told.Encoder.Restarts, 1)
	p.stop()
	s.waitState("long", "ended")
	requireCopiedConformant(t, visits())
}

// An ffmpeg that cannot copy what comes encodes it, in the same broadcast.
func TestPassthroughFails(t *testing.T) {
	alongside(t, paged)
	program := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ncase \"$*\" in *'-c:v:0 copy'*) exit 1;; esac\nexec ffmpeg \"$@\"\n"), 0o755))
	s := startService(t, "--ladder", smallRung, "--ffmpeg", program)
	for _, codec := range []coding{h264, vp9, av1} {
		clip, err := makeClip(codec)
		require.NoError(t, err)
		p := publishClip(t, s, "fails-"+codec.name, clip)
		p.send()
		s.waitState("fails-"+codec.name, "live")
		told := s.stream("fails-" + codec.name)
		require.False(t, told.Encoder.Copies)
		require.Contains(t, told.Encoder.Encodes, "ffmpeg failed while it copied them")
		p.stop()
	}
}

// A publisher that changes its size begins an epoch, and is passed on still.
func TestPassthroughChangesSize(t *testing.T) {
	t.Parallel() // and its parts in turn
	for _, codec := range []coding{h264, vp9, av1} {
		t.Run(codec.name, func(t *testing.T) { checkSizeChange(t, codec) })
	}
}

func checkSizeChange(t *testing.T, codec coding) {
	alongside(t, light)
	often := codec // it sends no key frame when it is asked for one
	often.encoder = append(slices.Clone(codec.encoder), "-g", "6")
	const half = 7 * time.Second
	large, err := newClip(often, "640x480", "600k", half)
	require.NoError(t, err)
	small, err := newClip(often, "320x240", "300k", clipLength) // longer than it takes to see it
	require.NoError(t, err)
	both := large.then(small, half)
	var seen []conformance.Visit
	inTime(t, func() (restarts int) {
		s := startService(t, "--ladder", smallRung, "--linger", "0s", "--window", "60s")
		defer s.stop()
		p := publishClip(t, s, "sizes", both)
		visits := watch(t, s, "sizes")
		p.send()
		told := s.waitFor("sizes", func(st stream) bool {
			i := slices.Index(renditionsOf(st), "source")
			return st.Encoder.Copies && st.Encoder.Restarts > 0 && i >= 0 && st.Renditions[i].Width == 320
		})
		require.ElementsMatch(t, []string{"source", "240p", "audio"}, renditionsOf(told))
		s.waitMoreListed("/live/sizes/source.m3u8", 2)
		told = s.stream("sizes")
		p.stop()
		s.waitState("sizes", "ended")
		seen = visits()
		return told.Encoder.Restarts - 1 // which is for the size
	})
	requireCopiedConformant(t, seen)
	requireTwoEpochs(t, seen, "source", "240p", "audio")
}
