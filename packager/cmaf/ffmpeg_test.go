package cmaf_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
)

// encode has ffmpeg make some seconds of CMAF the way the live encoder does, and returns its directory: init-0.mp4 and
// seg-0-NNNNN.m4s are video, init-1.mp4 and seg-1-NNNNN.m4s audio.
func encode(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", "5", "-map", "0", "-map", "1",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-force_key_frames", "expr:gte(t,n_forced*2)", "-sc_threshold", "0", "-c:a", "aac", "-ac", "2",
		"-f", "dash", "-streaming", "1", "-ldash", "1", "-frag_type", "duration", "-frag_duration", "0.2", "-seg_duration", "2",
		"-format_options", "movflags=+cmaf", "-write_prft", "1", "-utc_timing_url", "/time",
		"-adaptation_sets", "id=0,streams=v id=1,streams=a",
		"-init_seg_name", "init-$RepresentationID$.mp4", "-media_seg_name", "seg-$RepresentationID$-$Number%05d$.m4s",
		"out.mpd")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "ffmpeg (apt-get install ffmpeg): %s", out)
	return dir
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return b
}

// segments are the contents of a representation's segments, in order.
func segments(t testing.TB, dir, representation string) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "seg-"+representation+"-*.m4s"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	sort.Strings(names)
	var all [][]byte
	for _, name := range names {
		all = append(all, read(t, name))
	}
	return all
}
