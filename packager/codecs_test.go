package packager

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// codecLadder is of one size, once in each codec.
var codecLadder = []timeline.Rendition{
	{ID: "90p", Rep: "0", Video: true, Width: 160, Height: 90, FPS: 30, Bitrate: 250_000},
	{ID: "90p-h265", Rep: "1", Video: true, Width: 160, Height: 90, FPS: 30, Bitrate: 250_000},
	{ID: "90p-av1", Rep: "2", Video: true, Width: 160, Height: 90, FPS: 30, Bitrate: 250_000},
	{ID: "audio", Rep: "3", Bitrate: 140_000},
}

// codecArgs are what the transcoder gives ffmpeg for that ladder, as far as its files are concerned.
func codecArgs(dir string) []string {
	return []string{"-hide_banner", "-loglevel", "error", "-y", "-re", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30",
		"-re", "-f", "lavfi", "-i", "sine=440:r=48000", "-t", "3", "-map", "0:v", "-map", "0:v", "-map", "0:v", "-map", "1:a",
		"-pix_fmt", "yuv420p", "-g", "30", "-keyint_min", "30", "-b:v", "100k",
		"-c:v:0", "libx264", "-preset:v:0", "ultrafast", "-tune:v:0", "zerolatency", "-sc_threshold:v:0", "0",
		"-c:v:1", "libx265", "-preset:v:1", "ultrafast", "-tune:v:1", "zerolatency", "-tag:v:1", "hvc1",
		"-x265-params:v:1", "scenecut=0:open-gop=0:log-level=error",
		"-c:v:2", "libsvtav1", "-preset:v:2", "12", "-tag:v:2", "av01", "-svtav1-params:v:2", "pred-struct=1:lookahead=0:rc=2",
		"-af", "atrim=start_sample=1024", "-c:a", "aac", "-ar", "48000", "-ac", "2", "-b:a", "128k",
		"-f", "dash", "-streaming", "1", "-ldash", "1", "-frag_type", "duration", "-seg_duration", "2", "-use_template", "1", "-use_timeline", "0",
		"-window_size", "100", "-extra_window_size", "100", "-write_prft", "1", "-utc_timing_url", "http://127.0.0.1/time",
		"-format_options", "movflags=+cmaf+frag_discont",
		"-init_seg_name", "init-$RepresentationID$.mp4", "-media_seg_name", "seg-$RepresentationID$-$Number%05d$.m4s",
		"-adaptation_sets", "id=0,frag_duration=0.2,streams=0 id=1,frag_duration=0.2,streams=1 id=2,frag_duration=0.2,streams=2 id=3,frag_duration=0.1,streams=3",
		filepath.Join(dir, manifest.MPDName)}
}

// TestLiveEncoderOfCodecs lets a viewer that takes everything watch H.264, H.265 and AV1 beside each other, by the rules.
func TestLiveEncoderOfCodecs(t *testing.T) {
	tl, watched := watchLive(t)
	e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: codecLadder, KeyFrames: time.Second})
	require.NoError(t, err)
	e.SetZero(time.Now())
	out, err := exec.Command(ffmpegPath(t), codecArgs(e.Dir())...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, e.End())
	require.NoError(t, tl.End())
	var index, mpd string
	for _, v := range watched(len(codecLadder)) {
		switch body := string(v.Body); {
		case strings.Contains(body, "#EXT-X-STREAM-INF"):
			index = body
		case strings.Contains(body, `type="static"`):
			mpd = body
		}
	}
	for _, told := range []string{`CODECS="avc1.42C00`, `CODECS="hvc1.1.6.L30.90,mp4a.40.2"`, `CODECS="av01.0.00M.08,mp4a.40.2"`, "SCORE=3"} {
		require.Contains(t, index, told)
	}
	for _, told := range []string{`selectionPriority="2"`, `codecs="hvc1.1.6.L30.90"`, `codecs="av01.0.00M.08"`} {
		require.Contains(t, mpd, told)
	}
}
