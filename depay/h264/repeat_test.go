package h264_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
)

// decoder follows a stream as the server does.
type decoder struct {
	sets  h264.Sets
	state h264.State
}

// take follows an access unit and returns its first slice.
func (d *decoder) take(t testing.TB, u unit) h264.Slice {
	t.Helper()
	for _, nal := range u {
		if typ := h264.Type(nal[0]); typ == h264.TypeSPS || typ == h264.TypePPS {
			_, err := d.sets.Add(nal)
			require.NoError(t, err)
		}
	}
	s, err := d.sets.ParseSlice(u.slice()[0], u.slice()[1:])
	require.NoError(t, err)
	require.Zero(t, s.FirstMacroblock)
	require.False(t, d.state.Reordered(&s))
	require.Zero(t, d.state.Gap(&s))
	d.state.Follow(&s)
	return s
}

// withRepeats puts n(i) repeat frames after the i-th picture, and says of each picture of the result which one it shows.
func withRepeats(t *testing.T, units []unit, n func(int) int) (mixed [][]byte, shows []int) {
	t.Helper()
	var d decoder
	for i, u := range units {
		d.take(t, u)
		mixed = append(mixed, u.annexB())
		shows = append(shows, i)
		for range n(i) {
			repeat := d.state.AppendRepeat(nil)
			require.NotEmpty(t, repeat)
			mixed = append(mixed, repeat)
			shows = append(shows, i)
		}
	}
	return mixed, shows
}

// requireHarmlessRepeats fails unless the decoder shows the same pictures with repeat frames among them as without, and for
// each repeat frame the picture before it.
func requireHarmlessRepeats(t *testing.T, units []unit, n func(int) int) [][]byte {
	t.Helper()
	mixed, shows := withRepeats(t, units, n)
	var both [][]byte // the stream, and once more with repeat frames
	for _, u := range units {
		both = append(both, u.annexB())
	}
	both = append(both, mixed...)
	got := pictures(t, both)
	require.Len(t, got, len(both))
	var want []string
	for _, i := range shows {
		want = append(want, got[i])
	}
	require.Equal(t, want, got[len(units):])
	return mixed
}

// often puts up to three repeat frames after most pictures.
func often(i int) int { return []int{1, 0, 2, 0, 0, 3, 0}[i%7] }

func TestRepeatLeavesTheDecoderAsItWas(t *testing.T) {
	live := []string{"-tune", "zerolatency", "-g", "15"}
	with := func(args ...string) []string { return append(slices.Clone(live), args...) }
	cavlc := func(s h264.Slice) bool { return !s.PPS.CABAC }
	cabac := func(s h264.Slice) bool { return s.PPS.CABAC }
	order := func(s h264.Slice) bool { return s.SPS.POCType == 0 && s.SPS.POCBits > 0 }
	cases := []struct {
		name string
		size string
		args []string
		has  func(h264.Slice) bool
	}{
		{"baseline", "368x208", with("-profile:v", "baseline"), cavlc},
		{"main", "368x208", with("-profile:v", "main"), cabac},
		{"high", "368x208", with("-profile:v", "high"), cabac},
		{"one macroblock, CAVLC", "16x16", with("-profile:v", "baseline"), cavlc},
		{"one macroblock, CABAC", "16x16", with("-profile:v", "main"), cabac},
		{"two macroblocks, CABAC", "32x16", with("-profile:v", "main"), cabac},
		{"sizes that are no multiple of 16", "322x178", with("-profile:v", "baseline"), cavlc},
		{"landscape", "400x224", with("-profile:v", "high"), cabac},
		{"many slices", "368x208", with("-profile:v", "high", "-x264-params", "slices=4"), cabac},
		{"several reference frames", "322x178", with("-x264-params", "ref=5:rc-lookahead=0:mixed-refs=1"),
			func(s h264.Slice) bool { return s.SPS.MaxRefFrames == 5 && s.PPS.RefIndices > 1 }},
		{"weighted prediction", "322x178", with("-vf", "fade=in:0:24", "-x264-params", "weightp=2:ref=3"),
			func(s h264.Slice) bool { return s.PPS.Weighted }},
		{"picture order counts, CABAC", "322x178", with("-x264-params", "bframes=1:b-adapt=1:b-bias=-100"), order},
		{"picture order counts, CAVLC", "322x178", with("-x264-params", "bframes=1:b-adapt=1:b-bias=-100:cabac=0"), order},
		{"intra refresh", "322x178", with("-x264-params", "intra-refresh=1"), cabac},
		{"worst quality", "322x178", with("-qp", "51"), func(s h264.Slice) bool { return s.PPS.InitQP == 51 }},
		{"no loop filter", "322x178", with("-x264-params", "no-deblock=1"), cabac},
		{"scaling lists", "322x178", with("-x264-params", "cqm=jvt"), cabac},
		{"hypothetical reference decoder", "322x178", with("-b:v", "300k", "-maxrate", "300k", "-bufsize", "300k", "-x264-params",
			"nal-hrd=cbr"), cabac},
		{"4:2:2", "322x178", with("-pix_fmt", "yuv422p"), func(s h264.Slice) bool { return s.SPS.ChromaFormat == 2 }},
		{"4:4:4", "322x178", with("-pix_fmt", "yuv444p", "-x264-params", "weightp=2"),
			func(s h264.Slice) bool { return s.SPS.ChromaFormat == 3 }},
		{"monochrome", "322x178", with("-pix_fmt", "gray", "-x264-params", "weightp=2"),
			func(s h264.Slice) bool { return s.SPS.ChromaFormat == 0 }},
		{"10 bits", "322x178", with("-pix_fmt", "yuv420p10le", "-qp", "2"), func(s h264.Slice) bool { return s.PPS.InitQP == -10 }},
		{"lossless", "322x178", with("-qp", "0"), func(s h264.Slice) bool { return s.SPS.Profile == 244 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			units := encode(t, c.size, 24, c.args...)
			var d decoder
			s := d.take(t, units[0])
			width, height := dimensions(t, c.size)
			require.Equal(t, [2]uint16{width, height}, [2]uint16{s.SPS.Width, s.SPS.Height})
			require.True(t, c.has(s), "the encoder made no such stream: %+v %+v", s.SPS, s.PPS)
			requireHarmlessRepeats(t, units, often)
		})
	}
}

// A stall of a second or two, as in life: after pictures 30, 31 and 90.
func TestRepeatDuringAStall(t *testing.T) {
	stall := func(i int) int { return map[int]int{30: 1, 31: 45, 90: 60}[i] }
	for _, profile := range []string{"baseline", "main", "high"} {
		t.Run(profile, func(t *testing.T) {
			units := encode(t, "320x180", 120, "-tune", "zerolatency", "-profile:v", profile)
			mixed := requireHarmlessRepeats(t, units, stall)
			require.Equal(t, pictures(t, mixed), streamed(t, mixed), "as a byte stream without packets")
		})
	}
}

// rewritten is a stream of libx264 with other parameter sets, the slices of which say what change says.
func rewritten(t *testing.T, sets func(*h264.SPS, *h264.PPS), change func(picture int, s *h264.Slice)) []unit {
	t.Helper()
	units := encode(t, "192x112", 30, "-tune", "zerolatency", "-g", "12", "-x264-params", "cabac=0:ref=2:weightp=0:8x8dct=0")
	var d decoder
	var sps h264.SPS
	var pps h264.PPS
	for i, u := range units {
		s := d.take(t, u)
		sps, pps = *s.SPS, *s.PPS
		sps.Restricted, sps.Profile = false, 77
		sets(&sps, &pps)
		var out unit
		if s.IDR {
			out = append(out, h264.AppendSPS(nil, sps), h264.AppendPPS(nil, pps))
		}
		units[i] = append(out, h264.RewriteSlice(&d.sets, u.slice(), &sps, &pps, func(s *h264.Slice) { change(i, s) }))
	}
	return units
}

// TestRepeatBesideOtherEncoders changes what libx264 makes into what others make, or might.
func TestRepeatBesideOtherEncoders(t *testing.T) {
	order := func(step int) func(int, *h264.Slice) {
		return func(i int, s *h264.Slice) { s.POCLsb = uint32(i%12*step) & (1<<s.SPS.POCBits - 1) }
	}
	cases := []struct {
		name   string
		sets   func(*h264.SPS, *h264.PPS)
		change func(int, *h264.Slice)
	}{
		{"order counts by 2, and wraps", func(s *h264.SPS, _ *h264.PPS) { s.POCType, s.POCBits = 0, 4 }, order(2)},
		{"order counts by 1", func(s *h264.SPS, _ *h264.PPS) { s.POCType, s.POCBits = 0, 4 }, order(1)},
		{"order of the bottom field", func(s *h264.SPS, p *h264.PPS) { s.POCType, s.POCBits, p.BottomPOC = 0, 16, true },
			func(i int, s *h264.Slice) {
				order(2)(i, s)
				s.DeltaPOCBottom = 1
			}},
		{"order by a cycle", func(s *h264.SPS, _ *h264.PPS) { s.POCType, s.DeltaPOCZero, s.OffsetNonRef = 1, true, 1 },
			func(int, *h264.Slice) {}},
		{"order by a cycle and differences", func(s *h264.SPS, p *h264.PPS) {
			s.POCType, s.OffsetNonRef, p.BottomPOC = 1, -3, true
		}, func(i int, s *h264.Slice) { s.DeltaPOC = [2]int32{int32(i % 12), 1} }},
		{"key frame kept for long", func(*h264.SPS, *h264.PPS) {}, func(_ int, s *h264.Slice) {
			if s.IDR {
				s.LongTerm = 0
			}
		}},
		{"pictures kept for long", func(s *h264.SPS, _ *h264.PPS) { s.MaxRefFrames = 16 }, func(i int, s *h264.Slice) {
			if !s.IDR && i%5 == 0 {
				s.LongTerm = 1
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			requireHarmlessRepeats(t, rewritten(t, c.sets, c.change), often)
		})
	}
}
