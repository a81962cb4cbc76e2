package vp8_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/vp8"
)

func TestBlackIsBlack(t *testing.T) {
	for _, size := range []string{"640x360", "16x16", "2x2", "322x178", "1280x720", "720x1280"} {
		for _, decoder := range []string{"vp8", "libvpx"} {
			t.Run(fmt.Sprintf("%s %s", size, decoder), func(t *testing.T) {
				width, height := dimensions(t, size)
				frame := vp8.AppendBlack([]byte{9}, width, height)[1:]
				out := codectest.FFmpeg(t, codectest.Container(t, ivf.VP8, [][]byte{frame}), "-xerror", "-err_detect", "explode", "-c:v", decoder, "-f", "ivf",
					"-i", "-", "-f", "rawvideo", "-")
				luma := int(width) * int(height)
				require.Len(t, out, luma*3/2)
				require.Equal(t, bytes.Repeat([]byte{16}, luma), out[:luma])
				require.Equal(t, bytes.Repeat([]byte{128}, luma/2), out[luma:])
			})
		}
	}
}

func TestBlackHeader(t *testing.T) {
	for _, size := range [][2]uint16{{1, 1}, {640, 360}, {16383, 16383}} {
		b := vp8.AppendBlack(nil, size[0], size[1])
		h, err := vp8.ParseHeader(b)
		require.NoError(t, err)
		require.Equal(t, vp8.Header{Key: true, Show: true, Width: size[0], Height: size[1], FirstPartition: h.FirstPartition}, h)
	}
}

// The usual start: black and repeats of it until the camera's first key frame, which has another size.
func TestBlackThenRepeatsThenCamera(t *testing.T) {
	camera := encode(t, "322x178", "-deadline", "realtime", "-cpu-used", "8")
	repeat := vp8.AppendRepeat(nil, vp8.RepeatOptions{Width: 640, Height: 360})
	frames := append([][]byte{vp8.AppendBlack(nil, 640, 360), repeat, repeat}, camera...)
	sums := func(frames [][]byte) []string {
		out := pictures(t, "vp8", frames)
		require.Len(t, out, len(frames))
		return out
	}
	got := sums(frames)
	require.Equal(t, got[0], got[1])
	require.Equal(t, got[0], got[2])
}

func BenchmarkAppendBlack(b *testing.B) {
	b.ReportAllocs()
	dst := make([]byte, 0, 4096)
	for b.Loop() {
		dst = vp8.AppendBlack(dst[:0], 640, 360)
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
