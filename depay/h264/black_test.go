package h264_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

func TestBlackIsBlack(t *testing.T) {
	for _, size := range []string{"640x360", "16x16", "2x2", "322x178", "1280x720", "720x1280", "4096x2160"} {
		t.Run(size, func(t *testing.T) {
			width, height := dimensions(t, size)
			prefixed, _ := h264.AppendBlack([]byte{9}, width, height)
			frame := prefixed[1:]
			out := codectest.FFmpeg(t, codectest.Container(t, ivf.H264, [][]byte{frame}), "-xerror", "-err_detect", "explode", "-f", "ivf", "-i", "-",
				"-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
			luma := int(width) * int(height)
			require.Len(t, out, luma*3/2)
			require.Equal(t, bytes.Repeat([]byte{16}, luma), out[:luma])
			require.Equal(t, bytes.Repeat([]byte{128}, luma/2), out[luma:])
		})
	}
}

func TestBlackHeader(t *testing.T) {
	for _, c := range []struct {
		width, height uint16
		codec         string
	}{
		{2, 2, "avc1.42c00a"}, {176, 144, "avc1.42c00b"}, {640, 360, "avc1.42c01e"}, {1280, 720, "avc1.42c01f"},
		{1920, 1080, "avc1.42c028"}, {16, 4096, "avc1.42c028"}, {16384, 16384, "avc1.42c03e"},
	} {
		black, state := h264.AppendBlack(nil, c.width, c.height)
		nals := split(black)
		require.Len(t, nals, 3)
		var sets h264.Sets
		for _, nal := range nals[:2] {
			changed, err := sets.Add(nal)
			require.NoError(t, err)
			require.True(t, changed)
		}
		s, err := sets.ParseSlice(nals[2][0], nals[2][1:])
		require.NoError(t, err)
		require.True(t, s.IDR && s.Reference && s.Type == h264.I && s.FirstMacroblock == 0)
		require.Equal(t, c.codec, s.SPS.Codec())
		require.Equal(t, [2]uint16{c.width, c.height}, [2]uint16{s.SPS.Width, s.SPS.Height})
		var followed h264.State
		followed.Follow(&s)
		require.Equal(t, followed.AppendRepeat(nil), state.AppendRepeat(nil))
	}
}

// The usual start: black and repeats of it until the camera's first key frame, which has another size.
func TestBlackThenRepeatsThenCamera(t *testing.T) {
	black, state := h264.AppendBlack(nil, 640, 360)
	units := [][]byte{black}
	for range 40 {
		units = append(units, state.AppendRepeat(nil))
	}
	for _, u := range encode(t, "322x178", 24, "-tune", "zerolatency") {
		units = append(units, u.annexB())
	}
	for _, got := range [][]string{pictures(t, units), streamed(t, units)} {
		require.Len(t, got, len(units))
		for _, sum := range got[1:41] {
			require.Equal(t, got[0], sum)
		}
	}
}

func BenchmarkAppendBlack(b *testing.B) {
	b.ReportAllocs()
	dst := make([]byte, 0, 4096)
	for b.Loop() {
		dst, _ = h264.AppendBlack(dst[:0], 640, 360)
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
