package vp8_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/vp8"
)

// withRepeats puts repeat frames after some frames, and says for each picture of the result which picture of frames it is.
func withRepeats(t *testing.T, frames [][]byte) (mixed [][]byte, shows []int) {
	t.Helper()
	var o vp8.RepeatOptions
	shown := -1
	for i, f := range frames {
		h, err := vp8.ParseHeader(f)
		require.NoError(t, err)
		if h.Key {
			o.Width, o.Height = h.Width, h.Height
		}
		o.Segmentation = h.Segmentation
		mixed = append(mixed, f)
		if !h.Show {
			continue
		}
		shown++
		shows = append(shows, shown)
		for range []int{1, 0, 2, 0, 0, 3, 0}[i%7] {
			mixed = append(mixed, vp8.AppendRepeat(nil, o))
			shows = append(shows, shown)
		}
	}
	return mixed, shows
}

func requireHeader(t *testing.T, frames [][]byte, is func(vp8.Header) bool) {
	t.Helper()
	require.True(t, slices.ContainsFunc(frames, func(f []byte) bool {
		h, err := vp8.ParseHeader(f)
		return err == nil && is(h)
	}), "the encoder made no such frame")
}

func TestRepeatLeavesTheDecoderAsItWas(t *testing.T) {
	realtime := []string{"-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k"}
	resilient := append(realtime, "-error-resilient", "default", "-lag-in-frames", "0", "-minrate", "400k", "-maxrate", "400k", "-bufsize", "400k")
	inter := func(h vp8.Header) bool { return !h.Key }
	segmented := func(h vp8.Header) bool { return h.Segmentation }
	profile3 := func(h vp8.Header) bool { return h.Version == 3 }
	cases := []struct {
		name string
		size string
		args []string
		has  func(vp8.Header) bool
	}{
		{"one macroblock", "16x16", realtime, inter},
		{"less than one macroblock", "6x4", realtime, inter},
		{"sizes that are no multiple of 16", "322x178", realtime, inter},
		{"landscape", "400x224", realtime, inter},
		{"portrait", "224x400", realtime, inter},
		{"segmentation by cyclic refresh", "368x208", resilient, segmented},
		{"segmentation, odd size", "322x178", resilient, segmented},
		{"independent partitions", "322x178", append(realtime, "-error-resilient", "default+partitions", "-slices", "4"), segmented},
		{"several key frames", "322x178", append(realtime, "-g", "9"), inter},
		{"sharp loop filter", "322x178", append(realtime, "-sharpness", "5", "-noise-sensitivity", "4"), inter},
		{"bitstream profile 3", "322x178", append(realtime, "-profile:v", "3"), profile3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			frames := encode(t, c.size, c.args...)
			requireHeader(t, frames, c.has)
			requireHarmlessRepeats(t, frames)
		})
	}
}

// Hidden frames need an encoder that looks ahead, in two passes.
func TestRepeatBesideHiddenFrames(t *testing.T) {
	args := []string{"-frames:v", "45", "-b:v", "300k", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-cpu-used", "5"}
	args = append(args, "-passlogfile", filepath.Join(t.TempDir(), "pass"))
	codectest.FFmpeg(t, nil, append(append(source("322x178"), args...), "-c:v", "libvpx", "-pass", "1", "-f", "null", "-")...)
	frames := encode(t, "322x178", append(args, "-pass", "2")...)
	requireHeader(t, frames, func(h vp8.Header) bool { return !h.Show })
	requireHarmlessRepeats(t, frames)
}

// Encoders send the whole segment map each time. Here the decoder has to keep it across repeat frames.
func TestRepeatKeepsTheSegmentMap(t *testing.T) {
	frames := [][]byte{vp8.AppendSegmentedKey(nil)}
	for range 12 {
		frames = append(frames, vp8.AppendSegmentedInter(nil))
	}
	last := codectest.FFmpeg(t, codectest.Container(t, ivf.VP8, frames[:2]), "-f", "ivf", "-i", "-", "-f", "rawvideo", "-")[64*64*3/2:]
	var steps []byte
	for _, macroblock := range []int{0, 2, 5, 7} { // one of each segment
		steps = append(steps, last[macroblock/4*16*64+macroblock%4*16]-16)
	}
	require.Equal(t, []byte{0, 2, 3, 5}, steps, "the segments have their quantizers")
	requireHarmlessRepeats(t, frames)
}

// requireHarmlessRepeats fails unless two independent decoders show the same pictures with repeat frames among them as
// without, and for each repeat frame the picture before it.
func requireHarmlessRepeats(t *testing.T, frames [][]byte) {
	t.Helper()
	mixed, shows := withRepeats(t, frames)
	for _, decoder := range []string{"vp8", "libvpx"} {
		plain := pictures(t, decoder, frames)
		var want []string
		for _, i := range shows {
			want = append(want, plain[i])
		}
		require.Equal(t, want, pictures(t, decoder, mixed), decoder)
	}
}

func TestRepeatHeader(t *testing.T) {
	for _, segmentation := range []bool{false, true} {
		prefix := []byte{1, 2, 3}
		b := vp8.AppendRepeat(prefix, vp8.RepeatOptions{Width: 640, Height: 480, Segmentation: segmentation})
		require.Equal(t, prefix, b[:3])
		h, err := vp8.ParseHeader(b[3:])
		require.NoError(t, err)
		require.Equal(t, vp8.Header{Show: true, Segmentation: segmentation, FirstPartition: h.FirstPartition}, h)
		require.Less(t, len(b), 64)
	}
}

func TestRepeatOfTheLargestPicture(t *testing.T) {
	b := vp8.AppendRepeat(nil, vp8.RepeatOptions{Width: 16383, Height: 16383})
	h, err := vp8.ParseHeader(b)
	require.NoError(t, err)
	require.EqualValues(t, len(b)-3-1, h.FirstPartition, "the size fits its 19 bits")
}

func BenchmarkAppendRepeat(b *testing.B) {
	for _, size := range []struct {
		name          string
		width, height uint16
	}{{"640x360", 640, 360}, {"1280x720", 1280, 720}} {
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 1024)
			for b.Loop() {
				dst = vp8.AppendRepeat(dst[:0], vp8.RepeatOptions{Width: size.width, Height: size.height})
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
	}
}
