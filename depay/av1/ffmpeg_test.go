package av1_test

import (
	"testing"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// decoders are independent of one another.
func decoders() []string { return []string{"libdav1d", "libaom-av1"} }

// encode returns the pictures of a moving test picture.
func encode(t *testing.T, size string, args ...string) [][]byte {
	t.Helper()
	source := []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30", "-frames:v", "48"}
	return codectest.Frames(t, codectest.FFmpeg(t, nil, append(append(source, args...), "-f", "ivf", "-")...))
}

// pictures returns the MD5 of every picture that the decoder shows, and fails when it complains.
func pictures(t *testing.T, decoder string, frames [][]byte) []string {
	t.Helper()
	return codectest.Pictures(t, codectest.Container(t, ivf.AV1, frames), "-c:v", decoder, "-f", "ivf")
}
