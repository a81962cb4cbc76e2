package av1_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
)

// decoders are independent of one another.
func decoders() []string { return []string{"libdav1d", "libaom-av1"} }

// ffmpeg runs it with input on its standard input and returns its standard output. A test that needs it fails without it.
func ffmpeg(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg %v (install it with apt-get install ffmpeg): %s", args, &stderr)
	return stdout.Bytes()
}

// encode returns the pictures of a moving test picture.
func encode(t *testing.T, size string, args ...string) [][]byte {
	t.Helper()
	source := []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30", "-frames:v", "100"}
	out := ffmpeg(t, nil, append(append(source, args...), "-f", "ivf", "-")...)
	r, err := ivf.NewReader(bytes.NewReader(out))
	require.NoError(t, err)
	var frames [][]byte
	for {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, bytes.Clone(data))
	}
}

// container puts pictures into a file, one tick apart.
func container(t testing.TB, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ivf.NewWriter(&b, ivf.Header{FourCC: ivf.AV1, Width: 16, Height: 16, Rate: 30})
	for i, f := range frames {
		require.NoError(t, w.WriteFrame(int64(i), f))
	}
	return b.Bytes()
}

// pictures returns the MD5 of every picture that the decoder shows, and fails when it complains.
func pictures(t *testing.T, decoder string, frames [][]byte) []string {
	t.Helper()
	out := ffmpeg(t, container(t, frames), "-xerror", "-err_detect", "explode", "-c:v", decoder, "-f", "ivf", "-i", "-",
		"-autoscale", "0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var sums []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ","); line[0] != '#' && len(fields) == 6 {
			sums = append(sums, strings.TrimSpace(fields[5]))
		}
	}
	return sums
}
