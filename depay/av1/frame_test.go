package av1

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// field is a number and how many bits it takes.
type field struct {
	value uint32
	bits  uint8
}

func pack(fields ...field) []byte {
	var w bitfield.Writer
	for _, f := range fields {
		w.Bits(f.value, f.bits)
	}
	return w.Out
}

// timed is a sequence header with all that most have not: timing, a decoder model, two operating points, frame identifiers,
// twelve bits, and a color description.
func timed() []byte {
	return pack(
		field{2, 3}, field{0, 2}, // profile
		field{1, 1}, field{1, 32}, field{30, 32}, field{0, 1}, // timing
		field{1, 1}, field{9, 5}, field{1, 32}, field{11, 5}, field{12, 5}, // decoder model: 10, 12 and 13 bits
		field{1, 1}, field{1, 5},
		field{0x303, 12}, field{8, 5}, field{1, 1}, field{1, 1}, field{5, 10}, field{6, 10}, field{0, 1}, field{1, 1}, field{3, 4},
		field{0x101, 12}, field{4, 5}, field{0, 1}, field{0, 1},
		field{9, 4}, field{8, 4}, field{639, 10}, field{359, 9},
		field{1, 1}, field{3, 4}, field{2, 3}, // frame identifiers of 2+3+3 = 8 bits
		field{1, 1}, field{0, 2}, // superblocks of 128
		field{1, 1}, field{0, 1}, field{1, 1}, field{0, 1}, field{1, 1}, field{0, 1}, field{1, 1}, // tools
		field{0, 1}, field{1, 1}, field{0, 1}, field{1, 1}, field{6, 3}, // screen content and integer vectors always, 7 bits of order
		field{7, 3},              // superresolution, CDEF, restoration
		field{1, 1}, field{1, 1}, // twelve bits
		field{0, 1}, field{1, 1}, field{9<<16 | 16<<8 | 9, 24}, field{0, 1}, field{1, 1}, field{1, 1}, field{0, 2},
		field{1, 1}, // separate_uv_delta_q
		field{1, 1}, // film grain
	)
}

func timedSequence(tb testing.TB) Sequence {
	s, err := ParseSequence(timed())
	require.NoError(tb, err)
	return s
}

func TestParseSequence(t *testing.T) {
	black, _, err := ParseOBU(AppendBlack(nil)[2:])
	require.NoError(t, err)
	cases := []struct {
		name    string
		payload []byte
		want    Sequence
		err     error
	}{
		{"libaom", black.Payload, Sequence{
			Level: 1, SubsamplingX: true, SubsamplingY: true,
			Width: 640, Height: 360, points: 1, widthBits: 10, heightBits: 9, orderBits: 7, forceScreenContent: choose, forceIntegerMV: choose,
			warpedMotion: true, refFrameMVs: true, cdef: true, restoration: true,
		}, nil},
		{"everything", timed(), Sequence{
			Profile: 2, Level: 8, Tier: true, HighBitDepth: true, TwelveBit: true, SubsamplingX: true, SubsamplingY: true,
			Width: 640, Height: 360, Operating: 0x303, points: 2, pointIDs: [32]uint16{0x303, 0x101}, pointModel: 1,
			temporalPoint: 13, removalBits: 12, widthBits: 10, heightBits: 9, idBits: 8, deltaBits: 5, orderBits: 7, forceScreenContent: 1, forceIntegerMV: 1,
			superblock128: true, interIntra: true, warpedMotion: true, refFrameMVs: true,
			superres: true, cdef: true, restoration: true, filmGrain: true, separateDelta: true,
		}, nil},
		{"still picture, monochrome", pack(field{0, 3}, field{3, 2}, field{4, 5}, field{5, 4}, field{5, 4}, field{63, 6}, field{31, 6},
			field{0, 3}, field{0, 3}, field{0, 1}, field{1, 1}, field{0, 1}, field{0, 1}, field{0, 1}), Sequence{
			Level: 4, Monochrome: true, SubsamplingX: true, SubsamplingY: true,
			Width: 64, Height: 32, points: 1, reducedStill: true, widthBits: 6, heightBits: 6,
			forceScreenContent: choose, forceIntegerMV: choose,
		}, nil},
		{"profile 3", append([]byte{0x60}, make([]byte, 20)...), Sequence{}, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSequence(c.payload)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, s)
		})
	}
	for n := range 12 {
		_, err := ParseSequence(timed()[:n])
		require.ErrorIs(t, err, ErrTruncated, "%d bytes", n)
	}
}

func TestParseHeader(t *testing.T) {
	s := timedSequence(t)
	point, id, order := field{1234, 13}, field{77, 8}, field{5, 7}
	cases := []struct {
		name   string
		fields []field
		layer  OBU
		want   Header
	}{
		{"key frame of its own size, with a removal time",
			[]field{{0, 1}, {0, 2}, {1, 1}, point, {0, 1}, id, {1, 1}, order, {1, 1}, {9, 12}, {319, 10}, {179, 9}},
			OBU{}, Header{Kind: KeyFrame, Show: true, ErrorResilient: true, ID: 77, OrderHint: 5, Refresh: 0xff, Width: 320, Height: 180, Told: Size{320, 180}}},
		{"key frame of a layer that only the other point has", []field{{0, 1}, {0, 2}, {1, 1}, point, {0, 1}, id, {0, 1}, order, {1, 1}},
			OBU{TemporalID: 2}, Header{Kind: KeyFrame, Show: true, ErrorResilient: true, ID: 77, OrderHint: 5, Refresh: 0xff, Width: 640, Height: 360}},
		{"hidden key frame that may be shown", []field{{0, 1}, {0, 2}, {0, 1}, {1, 1}, {1, 1}, {0, 1}, id, {0, 1}, order, {0, 1}, {2, 8}, {0, 56}},
			OBU{}, Header{Kind: KeyFrame, Showable: true, ErrorResilient: true, ID: 77, OrderHint: 5, Refresh: 2, Width: 640, Height: 360}},
		{"inter frame of the size of a reference",
			[]field{{0, 1}, {1, 2}, {1, 1}, point, {0, 1}, {0, 1}, id, {1, 1}, order, {7, 3}, {0, 1}, {6, 8}, {0, 1}, {0, 7 * 8}, {1, 2}},
			OBU{}, Header{Kind: InterFrame, Show: true, Showable: true, ID: 77, OrderHint: 5, Refresh: 6}},
		{"inter frame of its own size",
			[]field{{0, 1}, {1, 2}, {1, 1}, point, {0, 1}, {0, 1}, id, {1, 1}, order, {7, 3}, {0, 1}, {6, 8}, {0, 1}, {0, 7 * 8}, {0, 7}, {319, 10}, {179, 9}},
			OBU{}, Header{Kind: InterFrame, Show: true, Showable: true, ID: 77, OrderHint: 5, Refresh: 6, Told: Size{320, 180}}},
		{"switch frame", []field{{0, 1}, {3, 2}, {1, 1}, point, {0, 1}, id, order, {0, 1}, {0, 8 * 7}, {1, 1}, {9, 6}, {0, 7 * 5}, {319, 10}, {179, 9}},
			OBU{}, Header{Kind: SwitchFrame, Show: true, Showable: true, ErrorResilient: true, ID: 77, OrderHint: 5, Refresh: 0xff, Told: Size{320, 180}}},
		{"existing frame", []field{{1, 1}, {5, 3}, point, id}, OBU{}, Header{ShowExisting: true, Show: true, Existing: 5}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.layer.Payload = append(pack(c.fields...), 0)
			h, err := s.ParseHeader(c.layer)
			require.NoError(t, err)
			require.Equal(t, c.want, h)
			require.Equal(t, c.want.Kind == KeyFrame && c.want.Show && !c.want.ShowExisting, h.Key())
			for n := range len(c.layer.Payload) - 2 {
				short := c.layer
				short.Payload = short.Payload[:n]
				_, err := s.ParseHeader(short)
				require.ErrorIs(t, err, ErrTruncated)
			}
		})
	}
}

func FuzzParseSequence(f *testing.F) {
	f.Add(timed(), []byte{0x10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, byte(0))
	f.Add(AppendBlack(nil)[4:], AppendBlack(nil)[17:], byte(0x48))
	f.Fuzz(func(t *testing.T, sequence, frame []byte, layer byte) {
		s, err := ParseSequence(sequence)
		if err != nil {
			require.Equal(t, Sequence{}, s)
			return
		}
		h, err := s.ParseHeader(OBU{TemporalID: layer >> 5, SpatialID: layer >> 3 & 3, Payload: frame})
		if err != nil {
			require.Equal(t, Header{}, h)
			return
		}
		var refs References
		refs.Follow(&s, h)
		out, ok := refs.AppendRepeat(nil)
		if !ok {
			return
		}
		o, n, err := ParseOBU(out[2:])
		require.NoError(t, err)
		require.Len(t, out, n+2)
		repeat, err := s.ParseHeader(o)
		require.NoError(t, err)
		require.True(t, repeat.Show && repeat.Refresh == 0, "%+v", repeat)
	})
}

func BenchmarkParseSequence(b *testing.B) {
	payload := timed()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSequence(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseHeader(b *testing.B) {
	s := timedSequence(b)
	o := OBU{Payload: pack(field{0, 1}, field{1, 2}, field{1, 1}, field{0, 60})}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.ParseHeader(o); err != nil {
			b.Fatal(err)
		}
	}
}
