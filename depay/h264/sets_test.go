package h264

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// plainSPS is 640x360 as a browser sends it.
var plainSPS = SPS{
	Profile: 66, Constraints: 0xc0, Level: 31, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, FrameNumBits: 8,
	POCBits: 9, MaxRefFrames: 1, Progressive: true, Columns: 40, Rows: 23, Width: 640, Height: 360,
}

var plainPPS = PPS{RefIndices: 1, InitQP: 26, Deblocking: true}

func sps(change func(*SPS)) SPS {
	s := plainSPS
	change(&s)
	return s
}

func TestParseSPS(t *testing.T) {
	cases := []struct {
		name string
		SPS
	}{
		{"as a browser sends it", plainSPS},
		{"order by a cycle", sps(func(s *SPS) { s.POCType, s.POCBits, s.OffsetNonRef, s.DeltaPOCZero = 1, 0, -3, true })},
		{"order of decoding", sps(func(s *SPS) { s.POCType, s.POCBits = 2, 0 })},
		{"interlaced, high", sps(func(s *SPS) {
			s.Profile, s.Progressive, s.Columns, s.Rows, s.Width, s.Height = 100, false, 120, 68, 1920, 1080
		})},
		{"everything in the VUI", sps(func(s *SPS) {
			s.SampleAspect, s.Restricted, s.MaxReorderFrames, s.MaxFrameBuffering = [2]uint16{65535, 256}, true, 2, 4
		})},
		{"4:4:4, 14 bits, separate planes", sps(func(s *SPS) {
			s.Profile, s.ChromaFormat, s.BitDepthLuma, s.BitDepthChroma, s.SeparatePlanes = 244, 3, 14, 10, true
			s.Width, s.Height = 639, 361
		})},
		{"monochrome", sps(func(s *SPS) { s.Profile, s.ChromaFormat, s.Width = 100, 0, 633 })},
		{"4:2:2", sps(func(s *SPS) { s.Profile, s.ChromaFormat, s.Height = 122, 2, 359 })},
		{"highest numbers", sps(func(s *SPS) {
			s.ID, s.FrameNumBits, s.POCBits, s.MaxRefFrames, s.FrameNumGaps = 31, 16, 16, 16, true
			s.Columns, s.Rows, s.Width, s.Height = 1024, 1024, 16384, 16384
		})},
		{"one pixel", sps(func(s *SPS) { s.Profile, s.ChromaFormat, s.Columns, s.Rows, s.Width, s.Height = 100, 0, 1, 1, 1, 1 })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			nal := AppendSPS(nil, c.SPS)
			got, err := ParseSPS(nal)
			require.NoError(t, err)
			require.Equal(t, c.SPS, got)
			for n := range len(nal) - 1 {
				if _, err := ParseSPS(nal[:n]); err != nil {
					require.ErrorIs(t, err, ErrTruncated)
				}
			}
		})
	}
}

func TestSPSOutOfRange(t *testing.T) {
	cases := []struct {
		name string
		SPS
	}{
		{"frame number of 17 bits", sps(func(s *SPS) { s.FrameNumBits = 17 })},
		{"order of 17 bits", sps(func(s *SPS) { s.POCBits = 17 })},
		{"17 reference frames", sps(func(s *SPS) { s.MaxRefFrames = 17 })},
		{"number 32", sps(func(s *SPS) { s.ID = 32 })},
		{"wider than 16384", sps(func(s *SPS) { s.Columns = 1025; s.Width = 1025 * 16 })},
		{"higher than 16384, of fields", sps(func(s *SPS) { s.Progressive, s.Rows, s.Height = false, 1026, 1026*16 })},
		{"cropped to nothing", sps(func(s *SPS) { s.Width = 0 })},
		{"17 frames of reordering", sps(func(s *SPS) { s.Restricted, s.MaxReorderFrames = true, 17 })},
		{"15 bits", sps(func(s *SPS) { s.Profile, s.BitDepthLuma = 110, 15 })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseSPS(AppendSPS(nil, c.SPS))
			require.ErrorIs(t, err, ErrInvalid)
			require.Equal(t, SPS{}, got)
		})
	}
	_, err := ParseSPS(AppendPPS(nil, plainPPS))
	require.Error(t, err)
}

func TestParsePPS(t *testing.T) {
	for _, want := range []PPS{
		plainPPS,
		{ID: 255, SPS: 31, CABAC: true, BottomPOC: true, RefIndices: 32, Weighted: true, InitQP: -36, RedundantPic: true},
	} {
		nal := AppendPPS(nil, want)
		got, err := ParsePPS(nal)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for n := range len(nal) - 1 {
			_, err := ParsePPS(nal[:n])
			require.ErrorIs(t, err, ErrTruncated)
		}
	}
	_, err := ParsePPS([]byte{0x68, 0b11000100, 0x80})
	require.ErrorIs(t, err, ErrUnsupported, "slice groups")
	p := plainPPS
	p.InitQP = 52
	_, err = ParsePPS(AppendPPS(nil, p))
	require.ErrorIs(t, err, ErrInvalid)
}

func TestSets(t *testing.T) {
	var s Sets
	first, second := AppendSPS(nil, plainSPS), AppendSPS(nil, sps(func(s *SPS) { s.Width = 638 }))
	pps0, pps7 := AppendPPS(nil, plainPPS), AppendPPS(nil, PPS{ID: 7, RefIndices: 2, InitQP: 30})
	other := AppendPPS(nil, PPS{ID: 3, SPS: 1, RefIndices: 1})
	for _, nal := range [][]byte{first, pps7, pps0, other} {
		changed, err := s.Add(nal)
		require.NoError(t, err)
		require.True(t, changed)
		changed, err = s.Add(nal)
		require.NoError(t, err)
		require.False(t, changed, "it is known")
	}
	want := append(AppendStartCode(nil), first...)
	want = append(append(AppendStartCode(want), pps0...), append(AppendStartCode(nil), pps7...)...)
	require.Equal(t, want, s.Append(nil, 0))
	require.Empty(t, s.Append(nil, 1))
	_, before, err := s.find(0)
	require.NoError(t, err)
	changed, err := s.Add(second)
	require.NoError(t, err)
	require.True(t, changed)
	require.EqualValues(t, 640, before.Width, "what was handed out has not changed")
	_, after, err := s.find(7)
	require.NoError(t, err)
	require.EqualValues(t, 638, after.Width)
	for _, id := range []uint32{1, 3, 256, 1 << 31} {
		_, _, err = s.find(id)
		require.ErrorIs(t, err, ErrNoSet)
	}
	for _, nal := range [][]byte{nil, {0x65, 1}, append(first, make([]byte, maxSetSize)...), {0x67}, {0x68}} {
		_, err := s.Add(nal)
		require.Error(t, err)
	}
}

func FuzzSets(f *testing.F) {
	f.Add(AppendSPS(nil, plainSPS))
	f.Add(AppendSPS(nil, sps(func(s *SPS) { s.Restricted, s.Profile, s.ChromaFormat = true, 244, 3 })))
	f.Add(AppendPPS(nil, plainPPS))
	f.Fuzz(func(t *testing.T, nal []byte) {
		var s Sets
		if _, err := s.Add(nal); err != nil {
			return
		}
		changed, err := s.Add(nal)
		require.NoError(t, err)
		require.False(t, changed)
		if sps, err := ParseSPS(nal); err == nil {
			require.True(t, sps.Width > 0 && sps.Height > 0 && int(sps.Width) <= int(sps.Columns)*16)
			require.Equal(t, len(nal)+4, len(s.Append(nil, sps.ID)))
			_, err := AppendTimed(nil, nal, 30)
			require.NoError(t, err)
		}
	})
}

func BenchmarkParseSPS(b *testing.B) {
	nal := AppendSPS(nil, sps(func(s *SPS) { s.Restricted = true }))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSPS(nal); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSetsAdd is a set that comes again with each key frame.
func BenchmarkSetsAdd(b *testing.B) {
	var s Sets
	nal := AppendPPS(nil, plainPPS)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Add(nal); err != nil {
			b.Fatal(err)
		}
	}
}
