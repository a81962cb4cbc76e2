package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every codec that a browser or `sluice publish` sends is played by hls.js and dash.js as they come, that of the browser by
// one and that of the program by the other: the clock in the picture goes on in each, and beeps are heard.
func TestCodecsPlay(t *testing.T) {
	alongside(t, atLength(whole))
	s := startService(t, "--ladder", clockRung, longParts, "--linger", "1s", "--auth-publish", stageKey)
	stage := newStage(t)
	browser := cameraBrowser.forTest(t)
	film := makeFilm(t, 15, outlasting)
	for _, codec := range []coding{vp8, vp9, h264, av1} {
		for from, publish := range map[string]func(t *testing.T, endpoint string){
			"chromium": func(t *testing.T, endpoint string) {
				studio := browser.forTest(t).open(stage + "/stage.html?width=320&key=" + stageKey)
				studio.run(fmt.Sprintf("publish(%q, %q)", endpoint, codec.mime), nil)
				t.Cleanup(studio.close)
			},
			"film": func(t *testing.T, endpoint string) {
				startPublish(t, film, endpoint, "--codec", codec.name, "--token", stageKey)
			},
		} {
			t.Run(codec.name+" from "+from, func(t *testing.T) {
				name := codec.name + "-" + from
				publish(t, s.base+"/whip/"+name)
				s.waitFor(name, func(st stream) bool {
					// Of VP9 and AV1 Chromium may begin with a picture smaller than the rendition.
					either := from == "chromium" && codec.name != h264.name
					return st.State == "live" && (either || st.Encoder.Copies == (codec.name != vp8.name))
				})
				require.Equal(t, strings.ToUpper(codec.name), strings.ToUpper(s.stream(name).Publisher.Video.Codec))
				live := s.base + "/live/" + name + "/"
				if (from == "film") == (codec.name == vp8.name || codec.name == h264.name) {
					requireClock(t, playClock(t, browser, stage, "playHls", live+"index.m3u8"), "hls.js")
				} else {
					requireClock(t, playClock(t, browser, stage, "playDash", live+"manifest.mpd"), "dash.js")
				}
			})
		}
	}
}

// playClock plays the URL in a tab of its own, and observes it.
func playClock(t *testing.T, browser *browser, stage, play, url string) *tab {
	t.Helper()
	page := browser.forTest(t).open(stage + "/players.html")
	page.run(fmt.Sprintf("void %s(%q)", play, url), nil)
	observe, err := os.ReadFile("testdata/observe.js")
	require.NoError(t, err)
	page.wait("a picture", `video.getVideoPlaybackQuality().totalVideoFrames > 0`)
	page.run("(() => {"+string(observe)+"})()", nil)
	page.run("observe(video)", nil)
	return page
}

// requireClock checks what is seen and heard in a player for a while.
func requireClock(t *testing.T, page *tab, player string) {
	t.Helper()
	defer page.close()
	page.wait(player+" shows the clock and a beep", `observed.read > 30 && observed.beeps.length > 0`)
	var clocks []float64
	page.run("observed.clocks", &clocks)
	forward := 0
	for i := 1; i < len(clocks); i++ {
		if clocks[i] >= clocks[i-1] {
			forward++
		}
	}
	// A picture may be read wrong, the first and the last too.
	require.Greater(t, forward, len(clocks)/2, "the clock of %s goes on: %v", player, clocks)
	quarter := len(clocks) / 4
	require.Greater(t, median(clocks[len(clocks)-quarter:]), median(clocks[:quarter]), "the clock of %s goes on: %v", player, clocks)
}

// median is the middle one of unsorted values.
func median(values []float64) float64 { return percentile(slices.Sorted(slices.Values(values)), 50) }

// outlasting is the length of a film that goes on for as long as a test has patience with a player.
const outlasting = 3 * time.Minute

// makeFilm makes a small picture that carries its number as stage.html does its time, with a beep every two seconds.
func makeFilm(t *testing.T, fps int, length time.Duration) string {
	t.Helper()
	film := filepath.Join(t.TempDir(), "film.mkv")
	out, err := patiently("ffmpeg", "-loglevel", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=320x240:r=%d,", fps)+drawNumber(320),
		"-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t\\,2)\\,0.1)':s=48000:c=stereo", "-t", fmt.Sprint(length.Seconds()),
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-c:a", "flac", film).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return film
}

// drawNumber are ffmpeg's filters that paint the number of a picture of 4:3, as stage.html does its time.
func drawNumber(width int) string {
	const bits = 16
	size := width / 20
	ones, boxes := "0", []string{fmt.Sprintf("drawbox=c=black:t=fill:w=%d:h=%d", width, 3*size)}
	block := func(row, column int, bit string) {
		boxes = append(boxes, fmt.Sprintf("drawbox=x=%d:y=%d:w=%d:h=%d:c=white:t=fill:enable='%s'", column*size, row*size, size, size, bit))
	}
	for i := range bits { // the last bits of the second row
		bit := fmt.Sprintf("mod(floor((n+1)/%d)\\,2)", 1<<(bits-1-i))
		ones += "+" + bit
		block(1, 20-bits+i, bit)
	}
	for i := range 8 {
		block(2, i, fmt.Sprintf("mod(floor((%s)/%d)\\,2)", ones, 1<<(7-i)))
	}
	return strings.Join(boxes, ",")
}

// startPublish runs `sluice publish` until the test ends.
func startPublish(t *testing.T, source, endpoint string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, append([]string{"publish", source, endpoint}, args...)...)
	words := &output{}
	command.Stdout, command.Stderr = words, words
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		stop()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("sluice publish said:\n%s", words.tail(2000))
		}
	})
}

// requireSourceKept asserts that a source recording decodes to the pictures that were sent, one after the other, to the last bit.
func requireSourceKept(t testing.TB, c *clip, source string) {
	t.Helper()
	sent := filepath.Join(t.TempDir(), "sent."+c.codec.file)
	require.NoError(t, c.codec.write(sent, c.video))
	kept, all := pictures(t, source), pictures(t, sent)
	require.Greater(t, len(kept), len(all)*9/10)
	first := slices.Index(all, kept[0])
	require.GreaterOrEqual(t, first, 0, "the first picture was sent")
	require.Equal(t, all[first:first+len(kept)], kept)
}

// pictures are the hashes of a file's decoded pictures.
func pictures(t testing.TB, file string) (hashes []string) {
	t.Helper()
	out, err := patiently("ffmpeg", "-loglevel", "error", "-xerror", "-i", file, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 6 && !strings.HasPrefix(line, "#") {
			hashes = append(hashes, fields[5])
		}
	}
	return hashes
}
