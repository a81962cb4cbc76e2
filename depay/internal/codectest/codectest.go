// Package codectest asks ffmpeg what it makes of pictures, for the tests of the codecs.
package codectest

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

// FFmpeg runs it with input on its standard input and returns its standard output. A test that needs it fails without it.
func FFmpeg(t testing.TB, input []byte, args ...string) []byte {
	t.Helper()
	out, _ := run(t, input, args...)
	return out
}

func run(t testing.TB, input []byte, args ...string) (out []byte, complaints string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg %v (install it with apt-get install ffmpeg): %s", args, &stderr)
	return stdout.Bytes(), stderr.String()
}

// Frames are those of an IVF file.
func Frames(t testing.TB, file []byte) (frames [][]byte) {
	t.Helper()
	r, err := ivf.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, bytes.Clone(data))
	}
}

// Container puts frames of a four-character code into an IVF file, one tick apart.
func Container(t testing.TB, codec string, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ivf.NewWriter(&b, ivf.Header{FourCC: codec, Width: 16, Height: 16, Rate: 30})
	for i, f := range frames {
		require.NoError(t, w.WriteFrame(int64(i), f))
	}
	return b.Bytes()
}

// Pictures are the MD5 sums of the pictures that a strict decoder shows of a file, each in its own size; args say how it reads
// the file.
func Pictures(t testing.TB, file []byte, args ...string) (sums []string) {
	t.Helper()
	all := append([]string{"-xerror", "-err_detect", "explode"}, args...)
	out, complaints := run(t, file, append(all, "-i", "-", "-autoscale", "0", "-fps_mode", "passthrough", "-f", "framemd5", "-")...)
	require.Empty(t, complaints)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ","); line[0] != '#' && len(fields) == 6 {
			sums = append(sums, strings.TrimSpace(fields[5]))
		}
	}
	return sums
}
