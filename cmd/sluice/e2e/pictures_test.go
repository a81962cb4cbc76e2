package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The canvas, and what is played on it.
const (
	canvasRung   = "240p=426x240@30:400k"
	canvasWidth  = 426
	canvasHeight = 240
	canvasFPS    = 30
	scenesLast   = 6 * time.Second
)

// scene is a part of what a camera sends: a white square of a third of the picture's shorter side in the middle of grey.
type scene struct {
	size string
	fps  int
	last time.Duration
}

// Whatever sizes, shapes and rates come, one after the other: viewers get one picture of one size without a break, at a constant rate,
// and a square remains a square.
func TestPicturesAsTheyCome(t *testing.T) {
	t.Parallel() // and its parts in turn
	const half = scenesLast / 2
	s := startService(t, "--ladder", canvasRung, "--linger", "1s")
	for name, scenes := range map[string][]scene{
		"size adapts":     {{"640x360", 30, 2 * time.Second}, {"160x90", 30, 2 * time.Second}, {"320x180", 30, 2 * time.Second}},
		"phone is turned": {{"320x180", 30, half}, {"180x320", 30, half}},
		"odd sides":       {{"321x181", 30, half}, {"181x321", 30, half}},
		"five a second":   {{"320x240", 5, scenesLast}},
		"film":            {{"320x240", 24, scenesLast}},
		"sixty a second":  {{"320x240", 60, scenesLast}},
	} {
		t.Run(name, func(t *testing.T) {
			alongside(t, light)
			playScenes(t, s, sanitize(name), scenes, nil)
		})
	}
	t.Run("screen that hardly changes", func(t *testing.T) {
		alongside(t, light)
		// A key frame, and then a picture every three seconds.
		playScenes(t, s, "screen", []scene{{"320x240", 30, scenesLast}}, func(at time.Duration) bool { return at > 0 && at%(3*time.Second) >= time.Second/30 })
	})
}

// playScenes publishes the scenes, which last for scenesLast together, and checks what viewers got.
func playScenes(t *testing.T, s *service, name string, scenes []scene, quiet func(time.Duration) bool) {
	t.Helper()
	whole, err := makeClip(vp8)
	require.NoError(t, err)
	c := &clip{codec: vp8, video: filmScenes(t, scenes), audio: whole.audio[:scenesLast/(20*time.Millisecond)]}
	p := publishClip(t, s, name, c)
	if quiet != nil {
		p.video.quiet = quiet
	}
	visits := watch(t, s, name)
	p.sendAll()
	p.stop()
	s.waitState(name, "ended")
	seen := visits()
	requireConformant(t, seen)
	playlist := newest(t, seen, "240p.m3u8")
	require.Equal(t, 1, strings.Count(playlist, "#EXT-X-MAP"), "one init segment")
	require.NotContains(t, playlist, "#EXT-X-DISCONTINUITY\n")
	require.Zero(t, s.metric(fmt.Sprintf("sluice_gaps_total{stream=%q}", name)))
	requireSquares(t, filepath.Join(s.recording(name), "index.m3u8"))
}

// filmScenes encodes them, each beginning with a key frame.
func filmScenes(t *testing.T, scenes []scene) (samples []sample) {
	t.Helper()
	var begin int64
	for i, scene := range scenes {
		file := filepath.Join(t.TempDir(), strconv.Itoa(i)+".ivf")
		out, err := patiently("ffmpeg", "-loglevel", "error", "-f", "lavfi",
			"-i", fmt.Sprintf("color=gray:s=%s:r=%d:d=%g,drawbox=c=white:t=fill:w='min(iw,ih)/3':h='min(iw,ih)/3':x='(iw-w)/2':y='(ih-h)/2'", scene.size, scene.fps, scene.last.Seconds()),
			"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", strconv.Itoa(scene.fps), "-b:v", "500k", "-pix_fmt", "yuv420p", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
		part, err := readIVF(file)
		require.NoError(t, err)
		for _, s := range part {
			samples = append(samples, sample{begin + s.pts, s.data})
		}
		begin += int64(scene.last.Seconds() * 90000)
	}
	return samples
}

// requireSquares asserts that no second of a recording is missing, and that each picture shows an upright square in its middle.
func requireSquares(t *testing.T, input string) {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "grey")
	ffmpeg(t, "-i", input, "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", raw)
	pixels, err := os.ReadFile(raw)
	require.NoError(t, err)
	const size = canvasWidth * canvasHeight
	require.Zero(t, len(pixels)%size)
	count := len(pixels) / size
	require.GreaterOrEqual(t, count, int((scenesLast-time.Second).Seconds())*canvasFPS, "pictures")
	for i := range count {
		width, height, x, y := whiteBox(pixels[i*size : (i+1)*size])
		if width == 0 && i < canvasFPS {
			continue // black, before the first picture
		}
		require.Positive(t, width, "picture %d shows no square", i)
		require.InDelta(t, width, height, 5, "picture %d shows a square of %dx%d", i, width, height)
		require.InDelta(t, canvasWidth/2, x, 4, "picture %d: middle", i)
		require.InDelta(t, canvasHeight/2, y, 4, "picture %d: middle", i)
	}
}

// whiteBox measures what is white along the two lines through the middle, and where its own middle is.
func whiteBox(picture []byte) (width, height, x, y int) {
	for i := range canvasWidth {
		if picture[canvasHeight/2*canvasWidth+i] > 190 {
			width, x = width+1, x+i
		}
	}
	for i := range canvasHeight {
		if picture[i*canvasWidth+canvasWidth/2] > 190 {
			height, y = height+1, y+i
		}
	}
	return width, height, x / max(width, 1), y / max(height, 1)
}
