package av1_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
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
// Unless always is set, the first one, a key frame, may be one that cannot be repeated.
func withRepeats(t *testing.T, units [][]byte, always bool) (mixed [][]byte, shows []int) {
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
			if !ok {
				require.False(t, always, "after %d", i)
				require.Zero(t, kept)
				continue
			}
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
func requireHarmlessRepeats(t *testing.T, units [][]byte, always bool) {
	t.Helper()
	mixed, shows := withRepeats(t, units, always)
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
		ids  bool // frame identifiers
	}{
		{"as Chrome sends", "368x208", chrome, inter, false},
		{"error resilient, with frame identifiers", "322x178", params("error-resilient=1"), func(h av1.Header) bool { return h.ErrorResilient && h.ID > 0 }, true},
		{"portrait, several key frames", "180x320", append(slices.Clone(chrome), "-g", "9"), inter, false},
		{"superblocks of 128", "322x178", params("sb-size=128"), inter, false},
		{"smaller than a block", "16x18", chrome, inter, false},
		{"without order hints", "322x178", params("enable-order-hint=0"), inter, false},
		{"ten bits", "322x178", append(slices.Clone(chrome), "-pix_fmt", "yuv420p10le"), inter, false},
		{"profile 1", "322x178", append(slices.Clone(chrome), "-pix_fmt", "yuv444p"), inter, false},
		{"monochrome", "322x178", append(slices.Clone(chrome), "-pix_fmt", "gray"), inter, false},
		{"SVT", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "pred-struct=1"}, inter, false},
		{"hidden and existing frames", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "libsvtav1", "-preset", "10"},
			func(h av1.Header) bool { return h.ShowExisting }, false},
		{"rav1e", "322x178", []string{"-pix_fmt", "yuv420p", "-c:v", "librav1e", "-speed", "10", "-rav1e-params", "low_latency=true"}, inter, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			units := encode(t, c.size, c.args...)
			r := reader{t: t}
			require.True(t, slices.ContainsFunc(units, func(unit []byte) bool { return slices.ContainsFunc(r.headers(unit), c.has) }),
				"the encoder made no such frame")
			requireHarmlessRepeats(t, units, !c.ids)
		})
	}
}

// TestCopyOfKeyFrame repeats a key frame, which is done by a frame made by hand, in sizes that end anywhere in a superblock.
// SVT's sequences have a further symbol in small blocks (enable_interintra_compound).
func TestCopyOfKeyFrame(t *testing.T) {
	libaom := []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-aom-params"}
	encoders := map[string][]string{
		"superblocks of 64":  append(slices.Clone(libaom), "sb-size=64"),
		"superblocks of 128": append(slices.Clone(libaom), "sb-size=128"),
		"SVT":                {"-c:v", "libsvtav1", "-preset", "10"},
	}
	for name, args := range encoders {
		t.Run(name, func(t *testing.T) {
			var units, mixed [][]byte
			r := reader{t: t}
			for _, size := range []string{"16x16", "24x8", "72x40", "136x200", "72x72", "144x80", "152x88", "322x178", "456x264"} {
				if name == "SVT" && min(atoi(t, size, 0), atoi(t, size, 1)) < 64 {
					continue // smaller than SVT takes
				}
				unit := encode(t, size, append([]string{"-frames:v", "1", "-pix_fmt", "yuv420p"}, args...)...)[0]
				var refs av1.References
				h := r.headers(unit)[0]
				refs.Follow(&r.sequence, h)
				repeat, ok := refs.AppendRepeat(nil)
				require.True(t, ok)
				units, mixed = append(units, unit), append(mixed, unit, repeat)
			}
			for _, decoder := range decoders() {
				plain, doubled := pictures(t, decoder, units), pictures(t, decoder, mixed)
				require.Len(t, doubled, len(mixed))
				for i := range doubled {
					require.Equal(t, plain[i/2], doubled[i], "%s, picture %d", decoder, i/2)
				}
			}
		})
	}
}

// atoi returns the width (0) or the height (1) of a size.
func atoi(t *testing.T, size string, i int) int {
	n, err := strconv.Atoi(strings.Split(size, "x")[i])
	require.NoError(t, err)
	return n
}

func TestBlackIsBlack(t *testing.T) {
	for _, decoder := range decoders() {
		out := codectest.FFmpeg(t, codectest.Container(t, ivf.AV1, [][]byte{av1.AppendBlack(nil)}), "-xerror", "-err_detect", "explode", "-c:v", decoder,
			"-f", "ivf", "-i", "-", "-f", "rawvideo", "-")
		const luma = av1.BlackWidth * av1.BlackHeight
		require.Len(t, out, luma*3/2)
		require.Equal(t, bytes.Repeat([]byte{16}, luma), out[:luma])
		require.Equal(t, bytes.Repeat([]byte{128}, luma/2), out[luma:])
	}
}

// The usual start: black and repeats of it until the camera's first key frame, which has another size.
func TestBlackThenRepeatsThenCamera(t *testing.T) {
	camera := encode(t, "322x178", "-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8")
	requireHarmlessRepeats(t, append([][]byte{av1.AppendBlack(nil)}, camera...), true)
}

// blackReferences are those of a decoder that was given the black key frame.
func blackReferences(t testing.TB) (*av1.References, av1.Sequence) {
	r, refs := reader{t: t}, &av1.References{}
	for _, h := range r.headers(av1.AppendBlack(nil)) {
		require.True(t, h.Key())
		refs.Follow(&r.sequence, h)
	}
	var black av1.References
	black.FollowBlack()
	require.Equal(t, &black, refs)
	return refs, r.sequence
}

func TestReferences(t *testing.T) {
	inter := func(show bool, refresh uint8) av1.Header {
		return av1.Header{Kind: av1.InterFrame, Show: show, Showable: true, Refresh: refresh}
	}
	hiddenKey := av1.Header{Kind: av1.KeyFrame, Showable: true, Refresh: 2, Width: 64, Height: 64}
	existing := av1.Header{ShowExisting: true, Show: true, Existing: 1}
	const none, copied = -1, -2
	cases := []struct {
		name   string
		frames []av1.Header
		slot   int
	}{
		{"key frame", nil, copied},
		{"inter frame", []av1.Header{inter(true, 0x28)}, 3},
		{"a frame that is not kept: the one before", []av1.Header{inter(true, 4), inter(true, 0)}, 2},
		{"a hidden frame takes one of its slots", []av1.Header{inter(true, 3), inter(false, 1)}, 1},
		{"a hidden frame takes its only slot", []av1.Header{inter(true, 1), inter(false, 1)}, none},
		{"an existing frame", []av1.Header{inter(false, 2), inter(true, 1), existing}, 1},
		{"the existing frame that is shown anyway", []av1.Header{inter(true, 3), existing}, 0},
		{"an existing key frame", []av1.Header{inter(true, 4), hiddenKey, existing}, copied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			refs, sequence := blackReferences(t)
			for _, h := range c.frames {
				refs.Follow(&sequence, h)
			}
			out, ok := refs.AppendRepeat([]byte{1})
			require.Equal(t, c.slot != none, ok)
			if !ok {
				require.Equal(t, []byte{1}, out)
				return
			}
			r := reader{t: t, sequence: sequence}
			h := r.headers(out[1:])[0]
			require.Equal(t, c.slot != copied, h.ShowExisting)
			if h.ShowExisting {
				require.EqualValues(t, c.slot, h.Existing)
			}
		})
	}
	_, ok := new(av1.References).AppendRepeat(nil)
	require.False(t, ok, "nothing was shown")
}

// TestCopiesThatAreNotMade: pictures of more than one tile.
func TestCopiesThatAreNotMade(t *testing.T) {
	for _, c := range []struct {
		width, height uint32
		ok            bool
	}{
		{4096, 2304, true}, {4096, 2305, false}, {4097, 16, false}, {16, 65536, true}, {128, 65536, true}, {129, 65536, false}, {0, 0, false},
	} {
		refs, sequence := blackReferences(t)
		refs.Follow(&sequence, av1.Header{Kind: av1.KeyFrame, Show: true, Refresh: 0xff, Width: c.width, Height: c.height})
		out, ok := refs.AppendRepeat(nil)
		require.Equal(t, c.ok, ok, "%dx%d", c.width, c.height)
		if ok {
			require.Less(t, len(out), 2000)
			require.Len(t, (&reader{t: t, sequence: sequence}).headers(out), 1)
		}
	}
}

func BenchmarkAppendRepeat(b *testing.B) {
	for _, c := range []struct {
		name string
		kind av1.FrameKind
	}{{"existing frame", av1.InterFrame}, {"copy of a key frame of 1280x720", av1.KeyFrame}} {
		b.Run(c.name, func(b *testing.B) {
			refs, sequence := blackReferences(b)
			h := av1.Header{Kind: c.kind, Show: true, Showable: c.kind != av1.KeyFrame, Refresh: 0xff, Width: 1280, Height: 720}
			b.ReportAllocs()
			dst := make([]byte, 0, 1024)
			for b.Loop() {
				refs.Follow(&sequence, h)
				dst, _ = refs.AppendRepeat(dst[:0])
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
	}
}
