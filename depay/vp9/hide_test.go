package vp9_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp9"
)

// hidePairs makes one picture of each two frames, of which the second is shown.
func hidePairs(t *testing.T, frames [][]byte) (pairs [][]byte) {
	t.Helper()
	var refs vp9.References
	for i := 0; i+1 < len(frames); i += 2 {
		var picture []byte
		var sizes []int
		for k, frame := range frames[i : i+2] {
			h := headers(t, frame)[0]
			size, ok := refs.Size(h)
			require.True(t, ok)
			before := len(picture)
			if k == 0 {
				var err error
				picture, err = vp9.AppendHidden(picture, frame, size)
				require.NoError(t, err)
				h = headers(t, picture)[0]
				require.False(t, h.Show)
			} else {
				picture = append(picture, frame...)
			}
			refs.Follow(h)
			sizes = append(sizes, len(picture)-before)
		}
		pairs = append(pairs, vp9.AppendIndex(picture, sizes))
	}
	return pairs
}

// TestHiddenFrames hides every second frame: the others must be as they were. Frames that are not error resilient predict
// their vectors from the frame before only if that was shown and as large, which spatial layers are not.
func TestHiddenFrames(t *testing.T) {
	base := []string{"-frames:v", "24", "-deadline", "realtime", "-cpu-used", "7", "-lag-in-frames", "0", "-b:v", "400k", "-aq-mode", "3", "-error-resilient", "1", "-auto-alt-ref", "0"}
	for _, c := range []struct {
		name, size, format string
		args               []string
	}{
		{"one tile", "322x178", "yuv420p", nil},
		{"two columns of tiles, two rows", "528x160", "yuv420p", []string{"-tile-columns", "1", "-tile-rows", "1"}},
		{"large", "1040x96", "yuv420p", []string{"-frames:v", "12", "-tile-columns", "2"}},
		{"profile 1", "322x178", "yuv444p", nil},
		{"profile 3", "322x178", "yuv444p10le", nil},
		{"many key frames", "322x178", "yuv420p", []string{"-g", "4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames := encode(t, c.size, append(append([]string{"-pix_fmt", c.format}, base...), c.args...)...)
			pairs := hidePairs(t, frames)
			for _, decoder := range decoders() {
				plain := pictures(t, decoder, frames)
				var want []string
				for i := range pairs {
					want = append(want, plain[2*i+1])
				}
				require.Equal(t, want, pictures(t, decoder, pairs), decoder)
			}
		})
	}
}

func TestAppendHiddenErrors(t *testing.T) {
	black := vp9.AppendBlack(nil)
	size := vp9.Size{Width: 640, Height: 360}
	hidden, err := vp9.AppendHidden(nil, black, size)
	require.NoError(t, err)
	again, err := vp9.AppendHidden([]byte{1}, hidden, size)
	require.NoError(t, err)
	require.Equal(t, append([]byte{1}, hidden...), again, "a hidden frame stays as it is")
	for n := range 16 {
		out, err := vp9.AppendHidden([]byte{1}, black[:n], size)
		require.ErrorIs(t, err, vp9.ErrTruncated, "%d bytes", n)
		require.Equal(t, []byte{1}, out)
	}
	_, err = vp9.AppendHidden(nil, []byte{0x88}, size)
	require.ErrorIs(t, err, vp9.ErrInvalid)
}

func FuzzAppendHidden(f *testing.F) {
	f.Add(vp9.AppendBlack(nil), uint16(640))
	f.Add([]byte{0x86, 0, 0x40, 0x92, 0x9c, 0, 0x50, 1, 0, 2, 0, 0x26}, uint16(640))
	f.Fuzz(func(t *testing.T, frame []byte, width uint16) {
		out, err := vp9.AppendHidden([]byte{1}, frame, vp9.Size{Width: uint32(width) + 1, Height: 100})
		require.Equal(t, byte(1), out[0])
		if err != nil {
			require.Len(t, out, 1)
			return
		}
		h, err := vp9.ParseHeader(out[1:])
		require.NoError(t, err)
		require.False(t, h.Show)
		require.LessOrEqual(t, len(out), len(frame)+2)
	})
}

func BenchmarkAppendHidden(b *testing.B) {
	frame := append(vp9.AppendBlack(nil), make([]byte, 5000)...)
	dst := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vp9.AppendHidden(dst[:0], frame, vp9.Size{Width: 640, Height: 360}); err != nil {
			b.Fatal(err)
		}
	}
}
