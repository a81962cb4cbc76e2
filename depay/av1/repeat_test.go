package av1_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/av1"
)

// reader reads the frame headers of temporal units.
type reader struct {
	t        testing.TB
	sequence av1.Sequence
}

func (r *reader) headers(unit []byte) (all []av1.Header) {
	for len(unit) > 0 {
		o, n, err := av1.ParseOBU(unit)
		require.NoError(r.t, err)
		unit = unit[n:]
		switch o.Type {
		case av1.SequenceHeaderType:
			r.sequence, err = av1.ParseSequence(o.Payload)
			require.NoError(r.t, err)
		case av1.FrameHeaderType, av1.FrameType:
			h, err := r.sequence.ParseHeader(o)
			require.NoError(r.t, err)
			all = append(all, h)
		}
	}
	return all
}

// withRepeats puts repeat units behind some units, and says for each picture of the result which of units it is.
func withRepeats(t *testing.T, units [][]byte) (mixed [][]byte, shows []int) {
	t.Helper()
	r := reader{t: t}
	var refs av1.References
	kept := 0
	for i, unit := range units {
		mixed, shows = append(mixed, unit), append(shows, i)
		for _, h := range r.headers(unit) {
			refs.Follow(&r.sequence, h)
			if h.Show && (h.Refresh != 0 || h.ShowExisting) {
				kept = i
			}
		}
		for range map[int]int{0: 2, 1: 1, 30: 1, 31: 3, 90: 20}[i] {
			repeat, ok := refs.AppendRepeat(nil)
			require.True(t, ok, "after %d", i)
			for _, h := range r.headers(repeat) {
				require.True(t, h.Show)
				require.Zero(t, h.Refresh)
			}
			mixed, shows = append(mixed, repeat), append(shows, kept)
		}
	}
	return mixed, shows
}

// requireHarmlessRepeats fails unless two independent decoders show the same pictures with repeat units among them as
// without, and for each repeat unit the newest picture that was kept.
func requireHarmlessRepeats(t *testing.T, units [][]byte) {
	t.Helper()
	mixed, shows := withRepeats(t, units)
	for _, decoder := range decoders() {
		plain := pictures(t, decoder, units)
		require.Len(t, plain, len(units))
		var want []string
		for _, i := range shows {
			want = append(want, plain[i])
		}
		require.Equal(t, want, pictures(t, decoder, mixed), decoder)
	}
}

func TestRepeatLeavesTheDecoderAsItWas(t *testing.T) {
	// What Chrome's encoder is set to: one pass, constant bit rate, no look-ahead.
	chrome := []string{"-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-b:v", "400k",
		"-minrate", "400k", "-maxrate", "400k", "-bufsize", "400k", "-aq-mode", "3", "-g", "3000"}
	params := func(params string) []string { return append(slices.Clone(chrome), "-aom-params", params) }
	inter := func(h av1.Header) bool { return h.Kind == av1.InterFrame }
	cases := []struct {
		name string
		size string
		args []string
		has  func(av1.Header) bool
	}{
		{"as Chrome sends", "640x360", chrome, inter},
		{"error resilient", "322x178", params("error-resilient=1"), func(h av1.Header) bool { return h.ErrorResilient && h.Kind == av1.InterFrame }},
		{"portrait, several key frames", "180x320", append(slices.Clone(chrome), "-g", "9"), inter},
		{"superblocks of 128", "322x178", params("sb-size=128"), inter},
		{"smaller than a block", "16x18", chrome, inter},
		{"without order hints", "322x178", params("enable-order-hint=0"), inter},
		{"ten bits", "322x178", append(slices.Clone(chrome), "-pix_fmt", "yuv420p10le"), inter},
		{"profile 1", "322x178", append(slices.Clone(chrome), "-pix_fmt", "yuv444p"), inter},
		{"monochrome", "322x178", append(slices.Clone(chrome), "-pix_fmt", "gray"), inter},
		{"SVT", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "pred-struct=1"}, inter},
		{"hidden and existing frames", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "libsvtav1", "-preset", "10"},
			func(h av1.Header) bool { return h.ShowExisting }},
		{"rav1e", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "librav1e", "-speed", "10", "-rav1e-params", "low_latency=true"}, inter},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			units := encode(t, c.size, c.args...)
			r := reader{t: t}
			require.True(t, slices.ContainsFunc(units, func(unit []byte) bool { return slices.ContainsFunc(r.headers(unit), c.has) }),
				"the encoder made no such frame")
			requireHarmlessRepeats(t, units)
		})
	}
}

// TestCopyOfKeyFrame repeats a key frame, which is done by a frame made by hand, in sizes that end anywhere in a superblock.
func TestCopyOfKeyFrame(t *testing.T) {
	for _, superblock := range []string{"64", "128"} {
		for _, size := range []string{"16x16", "24x8", "72x40", "136x200", "150x110", "248x56", "322x178", "640x360", "1280x720", "720x1280"} {
			t.Run(fmt.Sprintf("%s, superblock %s", size, superblock), func(t *testing.T) {
				units := encode(t, size, "-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8",
					"-lag-in-frames", "0", "-aom-params", "sb-size="+superblock)
				requireHarmlessRepeats(t, units)
			})
		}
	}
}
