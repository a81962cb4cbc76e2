package e2e

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flashesAndBeeps returns when, in a file or playlist, the picture turns white and when sound begins after silence, on the
// clock of its container.
func flashesAndBeeps(t testing.TB, input string) (flashes, beeps []time.Duration) {
	t.Helper()
	luma := filepath.Join(t.TempDir(), "luma")
	text := ffmpeg(t, "-i", input,
		"-map", "0:v:0", "-vf", "scale=16:16,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file="+luma, "-fps_mode", "passthrough", "-f", "null", "-",
		"-map", "0:a:0", "-af", "silencedetect=noise=-26dB:d=0.4", "-f", "null", "-")
	for _, match := range silenceEnd.FindAllStringSubmatch(text, -1) {
		beeps = append(beeps, seconds(t, match[1]))
	}
	printed, err := os.ReadFile(luma)
	require.NoError(t, err)
	return whites(t, string(printed)), beeps
}

var silenceEnd = regexp.MustCompile(`silence_end: (\S+)`)

// whites finds the first white picture of each flash in what the metadata filter printed.
func whites(t testing.TB, text string) (found []time.Duration) {
	var at time.Duration
	white := false
	for line := range strings.Lines(text) {
		if _, pts, ok := strings.Cut(line, "pts_time:"); ok {
			at = seconds(t, pts)
		}
		if _, luma, ok := strings.Cut(line, "YAVG="); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(luma), 64)
			require.NoError(t, err)
			if value > 150 && !white {
				found = append(found, at)
			}
			white = value > 150
		}
	}
	return found
}

// ffmpeg decodes an input, with the time stamps that it has, and returns all that is printed. Errors in the media fail the
// test; but its DASH reader asks for one segment past the end, and that it gets none is no error.
func ffmpeg(t testing.TB, args ...string) string {
	t.Helper()
	strict := []string{"-nostdin", "-hide_banner", "-copyts", "-err_detect", "explode"}
	if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasSuffix(arg, ".mpd") }) {
		strict = append(strict, "-xerror")
	}
	args = append(strict, args...)
	out, err := patiently("ffmpeg", args...).CombinedOutput()
	require.NoError(t, err, "ffmpeg %s\n%s", strings.Join(args, " "), out[max(0, len(out)-4000):])
	require.NotContains(t, string(out), "Error while decoding")
	return string(out)
}

// patiently is a command that gives way to all that has to keep up with real time.
func patiently(name string, args ...string) *exec.Cmd {
	return exec.Command("nice", append([]string{"-n", "15", name}, args...)...)
}

func seconds(t testing.TB, text string) time.Duration {
	t.Helper()
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	require.NoError(t, err)
	return time.Duration(value * float64(time.Second))
}

// offsets pairs each flash with the beep nearest to it and returns by how much the sound is late. A flash whose beep is not
// within half a period, because one of the two was lost, is left out.
func offsets(flashes, beeps []time.Duration) (late []time.Duration) {
	for _, flash := range flashes {
		best := time.Duration(math.MaxInt64)
		for _, beep := range beeps {
			if d := beep - flash; d.Abs() < best.Abs() {
				best = d
			}
		}
		if best.Abs() < flashEvery/2 {
			late = append(late, best)
		}
	}
	return late
}

// requireSync asserts that sound and picture are within ±45 ms at every flash from an instant on, logs what was found, and returns
// by how much they are apart at most.
func requireSync(t testing.TB, what string, from time.Duration, flashes, beeps []time.Duration) (apart time.Duration) {
	t.Helper()
	flashes = slices.DeleteFunc(slices.Clone(flashes), func(at time.Duration) bool { return at < from })
	late := offsets(flashes, beeps)
	require.GreaterOrEqual(t, len(late), 4, "%s: too few flashes with their beeps: flashes %v, beeps %v", what, flashes, beeps)
	t.Logf("%s: sound late by %v … %v over %d flashes", what, slices.Min(late), slices.Max(late), len(late))
	for i, d := range late {
		require.LessOrEqual(t, d.Abs(), 45*time.Millisecond, "%s: flash %d of %v is %v off; beeps %v", what, i, flashes, d, fmt.Sprint(beeps))
		apart = max(apart, d.Abs())
	}
	return apart
}
