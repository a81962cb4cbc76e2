package vp8_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// source makes a moving test picture.
func source(size string) []string {
	return []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30", "-frames:v", "24", "-pix_fmt", "yuv420p"}
}

// encode returns the frames of a moving test picture.
func encode(t *testing.T, size string, args ...string) [][]byte {
	t.Helper()
	return codectest.Frames(t, codectest.FFmpeg(t, nil, append(append(source(size), args...), "-c:v", "libvpx", "-f", "ivf", "-")...))
}

// pictures returns the MD5 of every picture that the decoder shows, and fails when it complains.
func pictures(t *testing.T, decoder string, frames [][]byte) []string {
	t.Helper()
	return codectest.Pictures(t, codectest.Container(t, ivf.VP8, frames), "-c:v", decoder, "-f", "ivf")
}

func dimensions(t *testing.T, size string) (width, height uint16) {
	t.Helper()
	_, err := fmt.Sscanf(size, "%dx%d", &width, &height)
	require.NoError(t, err)
	return width, height
}
