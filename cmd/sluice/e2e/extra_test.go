package e2e

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// extraCodecs are passed on as one more rendition, by what the watch page calls it at 480 lines.
var extraCodecs = map[string]coding{"480p VP9": vp9, "480p AV1": av1}

// VP9 and AV1 reach viewers picture by picture as they were sent, as one more rendition behind the ladder, and by the rules; what is
// recorded is the ladder's best.
func TestExtraRendition(t *testing.T) {
	t.Parallel() // and its parts in turn
	for _, codec := range extraCodecs {
		t.Run(codec.name, func(t *testing.T) {
			alongside(t, light)
			clip, err := makeClip(codec)
			require.NoError(t, err)
			s, told, seen := passedOn(t, "extra", clip, tallRung)
			require.Equal(t, []string{"240p", "source", "audio"}, renditionsOf(told))
			requireCopiedConformant(t, seen)
			requireExtraTold(t, codec, newest(t, seen, "index.m3u8"), newest(t, seen, "manifest.mpd"))
			for name, file := range wholeTracks(t, seen) {
				if path.Base(name) == "source" {
					requirePicturesOf(t, clip, file)
				}
			}
			requireRecordedH264(t, s.recording("extra"))
		})
	}
}

// requireRecordedH264 asserts that the recording's pictures are such as everybody plays.
func requireRecordedH264(t *testing.T, directory string) {
	t.Helper()
	info, err := os.ReadFile(filepath.Join(directory, "recording.json"))
	require.NoError(t, err)
	require.Contains(t, string(info), `"codec": "avc1.`)
	require.NotContains(t, string(info), `"codec": "v`)
}

// requireExtraTold asserts that both manifests name the codec, and put H.264 before it.
func requireExtraTold(t *testing.T, codec coding, index, mpd string) {
	t.Helper()
	entry := map[string]string{"vp9": "vp09.00.", "av1": "av01.0."}[codec.name]
	first, second := strings.Index(index, "avc1."), strings.Index(index, entry)
	require.Greater(t, first, 0, index)
	require.Greater(t, second, first, index)
	require.Contains(t, index[second:], "RESOLUTION=640x480,FRAME-RATE=30.000")
	require.Contains(t, index[:second], "SCORE=2")
	require.Contains(t, index[second:], "SCORE=1")
	first, second = strings.Index(mpd, `selectionPriority="2"`), strings.Index(mpd, entry)
	require.Greater(t, first, 0, mpd)
	require.Greater(t, second, first, mpd)
}

// Players begin with H.264, whatever their settings, and play VP9 and AV1 when the watch page is told to, and H.264 again. Every
// second picture of the copy only repeats the one before.
func TestExtraRenditionIsChosen(t *testing.T) {
	alongside(t, atLength(busy))
	s := startService(t, "--ladder", clockRung, longParts, "--linger", "1s")
	stage, browser := newStage(t), cameraBrowser.forTest(t)
	for label, codec := range extraCodecs {
		t.Run(codec.name, func(t *testing.T) {
			clip, err := newClockClip(codec)
			require.NoError(t, err)
			p := publishClip(t, s, codec.name, clip)
			p.rounds = 100
			p.send()
			s.waitFor(codec.name, func(st stream) bool { return st.State == "live" && st.Encoder.Copies })
			live := s.base + "/live/" + codec.name + "/"
			for play, file := range map[string]string{"playHls": "index.m3u8", "playDash": "manifest.mpd"} {
				page := playClock(t, browser, stage, play, live+file)
				page.wait("H.264", "video.videoHeight === 240")
				page.run("window.before = 0", nil)
				page.wait("the clock and a beep", "observed.clocks.length > 30 && observed.beeps.length > 0")
				requireForward(t, page, play)
				page.close()
			}
			for _, protocol := range protocols() {
				requireChoice(t, browser, s.base+"/watch/"+codec.name+"?protocol="+protocol, protocol, label)
			}
		})
	}
}

// requireChoice plays H.264, the other codec, and what the player chooses, in the watch page.
func requireChoice(t *testing.T, browser *browser, url, protocol, label string) {
	t.Helper()
	page := browser.forTest(t).open(url)
	defer page.close()
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(t, err)
	page.run("(() => {"+string(observe)+"})()", nil)
	page.run(`window.shown = document.querySelector("#video")`, nil)
	page.wait("H.264 by itself", "shown.videoHeight === 240 && shown.getVideoPlaybackQuality().totalVideoFrames > 15")
	page.run("observe(shown)", nil)
	back := map[string]string{"hls": "Auto", "dash": "240p"}[protocol]
	for _, step := range []struct{ option, height string }{{label, "480"}, {back, "240"}} {
		page.pick("quality", step.option)
		page.wait(protocol+" shows "+step.option, "shown.videoHeight === "+step.height)
		page.run("window.before = observed.clocks.length", nil)
		page.wait("the clock in "+step.option, "observed.clocks.length > before + 20")
		requireForward(t, page, protocol+" in "+step.option)
		page.screenshot(protocol + "-" + strings.ReplaceAll(step.option, " ", "-"))
	}
}

// requireForward asserts that the clock has gone on since window.before. A picture may be read wrong, and the clip begins again now
// and then.
func requireForward(t *testing.T, page *tab, what string) {
	t.Helper()
	var clocks []float64
	page.run("observed.clocks.slice(before)", &clocks)
	quarter := len(clocks) / 4
	went := median(clocks[len(clocks)-quarter:]) - median(clocks[:quarter])
	if went < 0 {
		went += clockClipPictures
	}
	require.Positive(t, went, "the clock of %s goes on: %v", what, clocks)
	require.Less(t, went, clockClipPictures/2, "the clock of %s goes on: %v", what, clocks)
}

// A publisher of VP9 that goes and comes back is passed on, encoded so that its picture stands, and passed on again, in players that
// have chosen its own pictures: where those are not passed on, their rendition shows the ladder's best.
func TestExtraRenditionComesBack(t *testing.T) {
	alongside(t, busy)
	clip, err := makeClip(vp9)
	require.NoError(t, err)
	s := startService(t, "--ladder", tallRung, longParts, "--linger", "60s")
	p := publishClip(t, s, "back", clip)
	p.rounds = chaosRounds
	leave := p.leavesOff()
	p.send()
	s.waitFor("back", func(st stream) bool { return st.State == "live" && st.Encoder.Copies })
	browser, viewers := cameraBrowser.forTest(t), map[string]*tab{}
	for _, protocol := range protocols() {
		viewers[protocol] = browser.open(s.base + "/watch/back?protocol=" + protocol)
	}
	each(t, protocols(), func(protocol string) {
		viewers[protocol].wait("playing", `document.querySelector("#video").getVideoPlaybackQuality().totalVideoFrames > 15`)
		viewers[protocol].pick("quality", "480p VP9")
		viewers[protocol].wait("VP9", `document.querySelector("#video").videoHeight === 480`)
	})
	leave()
	s.waitFor("back", func(st stream) bool { return !st.Encoder.Copies && st.Encoder.Restarts > 0 })
	p.stop()
	each(t, protocols(), func(protocol string) {
		viewers[protocol].requireShows()
		viewers[protocol].wait("the ladder's best", `document.querySelector("#video").videoHeight === 240`)
		viewers[protocol].screenshot("away-" + protocol)
	})
	p = publishClip(t, s, "back", clip)
	p.rounds = chaosRounds
	p.send()
	s.waitFor("back", func(st stream) bool { return st.Encoder.Copies })
	each(t, protocols(), func(protocol string) { viewers[protocol].requireRecovers() })
	require.Equal(t, []string{"240p", "source", "audio"}, renditionsOf(s.stream("back")))
	require.Empty(t, s.stream("back").Encoder.Encodes)
	p.stop()
}

// leavesOff returns what has the publisher send nothing more from the next half of a second on: after pictures that are no key frames, which could
// stand in the copy.
func (p *publisher) leavesOff() (leave func()) {
	var leaves, left atomic.Bool
	quiet := func(at time.Duration) bool {
		if leaves.Load() && at%time.Second > time.Second/2 {
			left.Store(true)
		}
		return left.Load()
	}
	p.video.quiet, p.audio.quiet = quiet, quiet
	return func() { leaves.Store(true) }
}

// What a browser's encoder makes of VP9 and AV1 is passed on, with the key frames that it is asked for.
func TestExtraRenditionFromBrowser(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", tallRung, "--auth-publish", stageKey)
	stage, browser := newStage(t), cameraBrowser.forTest(t)
	for _, codec := range extraCodecs {
		t.Run(codec.name, func(t *testing.T) {
			studio := browser.forTest(t).open(stage + "/stage.html?key=" + stageKey)
			defer studio.close()
			studio.run(fmt.Sprintf("publish(%q, %q)", s.base+"/whip/"+codec.name, codec.mime), nil)
			s.waitFor(codec.name, func(st stream) bool { return st.State == "live" && st.Encoder.Copies && len(st.Renditions) == 3 })
			inTime(t, func() (restarts int) {
				before := s.waitFor(codec.name, func(st stream) bool { return st.Encoder.Copies }).Encoder.Restarts
				s.waitMoreListed("/live/"+codec.name+"/source.m3u8", 4)
				told := s.stream(codec.name)
				if told.Encoder.Restarts == before {
					require.Equal(t, []string{"240p", "source", "audio"}, renditionsOf(told))
					require.True(t, told.Encoder.Copies, told.Encoder.Encodes)
				}
				return told.Encoder.Restarts - before
			})
		})
	}
}

// waitListed returns a manifest once it has something so many times.
func (s *service) waitListed(path, what string, times int) (manifest string) {
	s.t.Helper()
	eventually(s.t, func() bool {
		_, _, body := s.get(path)
		manifest = string(body)
		return strings.Count(manifest, what) >= times
	}, "%s has not %s %d times", path, what, times)
	return manifest
}

// waitMoreListed returns a media playlist once it has so many segments more than now.
func (s *service) waitMoreListed(path string, more int) (playlist string) {
	s.t.Helper()
	ended := func(text string) int64 { return parseListing(path, text).next.msn }
	_, _, body := s.get(path)
	before := ended(string(body))
	eventually(s.t, func() bool {
		_, _, body = s.get(path)
		return ended(string(body)) >= before+int64(more)
	}, "%s has not %d segments more", path, more)
	return string(body)
}

// What a killed service has published of VP9 and AV1 is there after its restart under the same names, and goes on.
func TestExtraRenditionSurvivesKill(t *testing.T) {
	t.Parallel() // and its parts in turn
	for _, codec := range extraCodecs {
		t.Run(codec.name, func(t *testing.T) {
			alongside(t, light)
			clip, err := makeClip(codec)
			require.NoError(t, err)
			s := startService(t, "--ladder", tallRung)
			publishClip(t, s, "cut", clip).send()
			copied := func(st stream) bool { return st.State == "live" && st.Encoder.Copies }
			s.waitFor("cut", copied)
			before := s.waitListed("/live/cut/source.m3u8", "#EXTINF", 3)
			s.kill()
			s = startServiceIn(t, s.data, append(s.addresses(), "--ladder", tallRung)...)
			s.waitState("cut", "interrupted")
			p := publishClip(t, s, "cut", clip)
			p.send()
			s.waitFor("cut", copied)
			mpd := s.waitListed("/live/cut/manifest.mpd", "<Period ", 2)
			after := s.waitListed("/live/cut/source.m3u8", "#EXTINF", strings.Count(before, "#EXTINF")+2)
			requireContinued(t, before, after)
			_, _, index := s.get("/live/cut/index.m3u8")
			requireExtraTold(t, codec, string(index), mpd)
			p.stop()
		})
	}
}
