package h264_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/ivf"
)

// ffmpeg runs it with input on its standard input and returns its standard output. A test that needs it fails without it.
func ffmpeg(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "warning"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg %v (install it with apt-get install ffmpeg): %s", args, &stderr)
	return stdout.Bytes()
}

// unit is an access unit: its NAL units without start codes.
type unit [][]byte

func (u unit) annexB() []byte {
	var b []byte
	for _, nal := range u {
		b = append(h264.AppendStartCode(b), nal...)
	}
	return b
}

// slice returns the first slice.
func (u unit) slice() []byte {
	for _, nal := range u {
		if h264.Type(nal[0]).IsSlice() {
			return nal
		}
	}
	return nil
}

// split cuts a byte stream at its start codes.
func split(stream []byte) (nals [][]byte) {
	for nal, rest := h264.NextUnit(stream); len(nal) > 0; nal, rest = h264.NextUnit(rest) {
		nals = append(nals, nal)
	}
	return nals
}

// encode returns the access units of a moving test picture, by libx264 as it is set up for live video.
func encode(t *testing.T, size string, pictures int, args ...string) []unit {
	t.Helper()
	all := []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30", "-frames:v", fmt.Sprint(pictures),
		"-c:v", "libx264", "-preset", "veryfast", "-threads", "1"}
	all = append(append(all, args...), "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-")
	var units []unit
	for _, nal := range split(ffmpeg(t, nil, all...)) {
		if h264.Type(nal[0]) == h264.TypeDelimiter {
			units = append(units, nil)
			continue
		}
		units[len(units)-1] = append(units[len(units)-1], nal)
	}
	require.Len(t, units, pictures)
	return units
}

// container puts access units into a file, one tick apart.
func container(t testing.TB, units [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ivf.NewWriter(&b, ivf.Header{FourCC: ivf.H264, Width: 16, Height: 16, Rate: 30})
	for i, u := range units {
		require.NoError(t, w.WriteFrame(int64(i), u))
	}
	return b.Bytes()
}

// pictures returns the MD5 of every picture that the decoder shows, and fails when it complains.
func pictures(t *testing.T, units [][]byte) []string {
	t.Helper()
	out := ffmpeg(t, container(t, units), "-xerror", "-err_detect", "explode", "-f", "ivf", "-i", "-",
		"-fps_mode", "passthrough", "-f", "framemd5", "-")
	return sums(out)
}

// streamed is like pictures, for a byte stream that ffmpeg has to cut into access units itself.
func streamed(t *testing.T, units [][]byte) []string {
	t.Helper()
	out := ffmpeg(t, bytes.Join(units, nil), "-xerror", "-err_detect", "explode", "-f", "h264", "-i", "-",
		"-fps_mode", "passthrough", "-f", "framemd5", "-")
	return sums(out)
}

func sums(framemd5 []byte) (sums []string) {
	for line := range strings.Lines(string(framemd5)) {
		if fields := strings.Split(line, ","); line[0] != '#' && len(fields) == 6 {
			sums = append(sums, strings.TrimSpace(fields[5]))
		}
	}
	return sums
}

func dimensions(t *testing.T, size string) (width, height uint16) {
	t.Helper()
	_, err := fmt.Sscanf(size, "%dx%d", &width, &height)
	require.NoError(t, err)
	return width, height
}
