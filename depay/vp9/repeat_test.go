package vp9_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/vp9"
)

// headers returns the headers of a picture's frames.
func headers(t *testing.T, picture []byte) (all []vp9.Header) {
	t.Helper()
	s, err := vp9.Split(picture)
	require.NoError(t, err)
	for _, frame := range s.Frames[:s.Count] {
		h, err := vp9.ParseHeader(frame)
		require.NoError(t, err)
		all = append(all, h)
	}
	return all
}

// withRepeats puts repeat frames behind some pictures, and says for each picture of the result which of frames it is.
func withRepeats(t *testing.T, frames [][]byte) (mixed [][]byte, shows []int) {
	t.Helper()
	var refs vp9.References
	kept := 0
	for i, f := range frames {
		mixed, shows = append(mixed, f), append(shows, i)
		for _, h := range headers(t, f) {
			refs.Follow(h)
			if h.Show && (h.Refresh != 0 || h.ShowExisting) {
				kept = i
			}
		}
		for range map[int]int{0: 1, 1: 2, 30: 1, 31: 3, 90: 40}[i] {
			repeat, ok := refs.AppendRepeat(nil)
			require.True(t, ok)
			mixed, shows = append(mixed, repeat), append(shows, kept)
		}
	}
	return mixed, shows
}

// requireHarmlessRepeats fails unless two independent decoders show the same pictures with repeat frames among them as
// without, and for each repeat frame the newest picture that was kept.
func requireHarmlessRepeats(t *testing.T, frames [][]byte) {
	t.Helper()
	mixed, shows := withRepeats(t, frames)
	for _, decoder := range decoders() {
		plain := pictures(t, decoder, frames)
		require.Len(t, plain, len(frames))
		var want []string
		for _, i := range shows {
			want = append(want, plain[i])
		}
		require.Equal(t, want, pictures(t, decoder, mixed), decoder)
	}
}

func TestRepeatLeavesTheDecoderAsItWas(t *testing.T) {
	// What Chrome's encoder is set to for one layer: one pass, constant bit rate, no look-ahead, not error resilient.
	chrome := []string{"-pix_fmt", "yuv420p", "-deadline", "realtime", "-cpu-used", "7", "-lag-in-frames", "0", "-b:v", "500k", "-minrate", "500k",
		"-maxrate", "500k", "-bufsize", "500k", "-aq-mode", "3", "-row-mt", "1", "-g", "3000", "-auto-alt-ref", "0"}
	layers := append(slices.Clone(chrome), "-ts-parameters",
		"ts_number_layers=3:ts_target_bitrate=200,350,500:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3")
	inter := func(h vp9.Header) bool { return !h.Key }
	cases := []struct {
		name string
		size string
		args []string
		has  func(vp9.Header) bool
	}{
		{"as Chrome sends", "368x208", chrome, func(h vp9.Header) bool { return !h.ErrorResilient }},
		{"error resilient", "368x208", append(slices.Clone(chrome), "-error-resilient", "1"), func(h vp9.Header) bool { return h.ErrorResilient }},
		{"temporal layers, of which the highest is not kept", "322x178", layers, func(h vp9.Header) bool { return h.Refresh == 0 }},
		{"portrait, several key frames", "180x320", append(slices.Clone(chrome), "-g", "9"), inter},
		{"smaller than a block", "6x4", chrome, inter},
		{"profile 1", "322x178", []string{"-pix_fmt", "yuv444p", "-deadline", "realtime", "-cpu-used", "8"}, func(h vp9.Header) bool { return h.Profile == 1 }},
		{"profile 2", "322x178", []string{"-pix_fmt", "yuv420p10le", "-deadline", "realtime", "-cpu-used", "8"}, func(h vp9.Header) bool { return h.Profile == 2 }},
		{"profile 3", "322x178", []string{"-pix_fmt", "yuv444p10le", "-deadline", "realtime", "-cpu-used", "8"}, func(h vp9.Header) bool { return h.Profile == 3 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			frames := encode(t, c.size, c.args...)
			requireHeader(t, frames, c.has)
			requireHarmlessRepeats(t, frames)
		})
	}
}

func requireHeader(t *testing.T, frames [][]byte, is func(vp9.Header) bool) {
	t.Helper()
	require.True(t, slices.ContainsFunc(frames, func(f []byte) bool {
		return slices.ContainsFunc(headers(t, f), is)
	}), "the encoder made no such frame")
}

// Hidden frames need an encoder that looks ahead, in two passes. They come in superframes.
func TestRepeatBesideHiddenFrames(t *testing.T) {
	args := []string{"-pix_fmt", "yuv420p", "-b:v", "300k", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-cpu-used", "5"}
	args = append(args, "-passlogfile", filepath.Join(t.TempDir(), "pass"))
	encode(t, "322x178", append(args, "-pass", "1")...)
	frames := encode(t, "322x178", append(args, "-pass", "2")...)
	requireHeader(t, frames, func(h vp9.Header) bool { return !h.Show })
	requireHarmlessRepeats(t, frames)
}

func TestReferences(t *testing.T) {
	key := vp9.Header{Key: true, Show: true, Refresh: 0xff, Size: vp9.Size{Width: 64, Height: 48}, SizeFrom: -1}
	inter := func(show bool, refresh uint8) vp9.Header { return vp9.Header{Show: show, Refresh: refresh} }
	cases := []struct {
		name   string
		frames []vp9.Header
		slot   int // that is shown again; -1: none is
	}{
		{"nothing", nil, -1},
		{"key frame", []vp9.Header{key}, 0},
		{"inter frame", []vp9.Header{key, inter(true, 0x28)}, 3},
		{"a frame that is not kept: the one before", []vp9.Header{key, inter(true, 4), inter(true, 0)}, 2},
		{"a hidden frame takes one of its slots", []vp9.Header{key, inter(true, 3), inter(false, 1)}, 1},
		{"a hidden frame takes its only slot", []vp9.Header{key, inter(true, 1), inter(false, 1)}, -1},
		{"an existing frame", []vp9.Header{key, inter(false, 4), inter(true, 1), {ShowExisting: true, Show: true, Existing: 2}}, 2},
		{"the existing frame that is shown anyway", []vp9.Header{key, inter(true, 3), {ShowExisting: true, Show: true, Existing: 1}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var refs vp9.References
			for _, h := range c.frames {
				refs.Follow(h)
			}
			out, ok := refs.AppendRepeat([]byte{1})
			require.Equal(t, c.slot >= 0, ok)
			require.Equal(t, len(c.frames) == 1, refs.ShowsKey(), "a key frame is shown again")
			if !ok {
				require.Equal(t, []byte{1}, out)
				return
			}
			require.Equal(t, []byte{1, 0x88 | byte(c.slot)}, out)
			h, err := vp9.ParseHeader(out[1:])
			require.NoError(t, err)
			require.Equal(t, vp9.Header{ShowExisting: true, Show: true, Existing: uint8(c.slot), SizeFrom: -1}, h)
			size, ok := refs.Size(h)
			require.True(t, ok)
			require.Equal(t, key.Size, size)
		})
	}
}

func TestBlackIsBlack(t *testing.T) {
	h, err := vp9.ParseHeader(vp9.AppendBlack(nil))
	require.NoError(t, err)
	var want, got vp9.References
	want.Follow(h)
	got.FollowBlack()
	require.Equal(t, want, got)
	for _, decoder := range decoders() {
		out := codectest.FFmpeg(t, codectest.Container(t, ivf.VP9, [][]byte{vp9.AppendBlack(nil)}), "-xerror", "-err_detect", "explode", "-c:v", decoder,
			"-f", "ivf", "-i", "-", "-f", "rawvideo", "-")
		const luma = vp9.BlackWidth * vp9.BlackHeight
		require.Len(t, out, luma*3/2)
		require.Equal(t, bytes.Repeat([]byte{16}, luma), out[:luma])
		require.Equal(t, bytes.Repeat([]byte{128}, luma/2), out[luma:])
	}
}

// The usual start: black and repeats of it until the camera's first key frame, which has another size.
func TestBlackThenRepeatsThenCamera(t *testing.T) {
	camera := encode(t, "322x178", "-pix_fmt", "yuv420p", "-deadline", "realtime", "-cpu-used", "8")
	requireHarmlessRepeats(t, append([][]byte{vp9.AppendBlack(nil)}, camera...))
}

func BenchmarkAppendRepeat(b *testing.B) {
	var refs vp9.References
	h, err := vp9.ParseHeader(vp9.AppendBlack(nil))
	require.NoError(b, err)
	b.ReportAllocs()
	dst := make([]byte, 0, 16)
	for b.Loop() {
		refs.Follow(h)
		dst, _ = refs.AppendRepeat(dst[:0])
	}
}
