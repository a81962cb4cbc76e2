package h264

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

func TestExpGolombRoundTrip(t *testing.T) {
	unsigned := []uint32{0, 1, 2, 3, 7, 8, 255, 65535, 1<<31 - 2, 1<<31 - 1, math.MaxUint32 - 1}
	signed := []int32{0, 1, -1, 2, -2, 1000, -1000, math.MaxInt32, -math.MaxInt32}
	w := newBitWriter(nil, 0x67)
	for range 9 { // at every position in a byte, and over zeros that need emulation prevention
		for _, v := range unsigned {
			w.ue(v)
		}
		for _, v := range signed {
			w.se(v)
		}
		w.u(32, 0)
		w.u(1, 1)
	}
	nal := w.trail()[4:]
	require.NotContains(t, string(nal), "\x00\x00\x00")
	require.NotContains(t, string(nal), "\x00\x00\x01")
	r := newReader(nal)
	for range 9 {
		for _, v := range unsigned {
			require.Equal(t, v, r.UE())
		}
		for _, v := range signed {
			require.Equal(t, v, r.SE())
		}
		require.Zero(t, r.Bits(32))
		require.EqualValues(t, 1, r.Bits(1))
	}
	require.NoError(t, readError(&r))
}

func TestBitReaderAtItsEnd(t *testing.T) {
	cases := []struct {
		name string
		nal  []byte
		read func(*bitfield.Reader)
		err  error
	}{
		{"no byte", nil, func(r *bitfield.Reader) { r.Flag() }, ErrTruncated},
		{"the last bit", []byte{0x67, 1}, func(r *bitfield.Reader) { r.Bits(8) }, nil},
		{"one more", []byte{0x67, 1}, func(r *bitfield.Reader) { r.Bits(9) }, ErrTruncated},
		{"zeros only", []byte{0x67, 0}, func(r *bitfield.Reader) { r.UE() }, ErrTruncated},
		{"an Exp-Golomb number without its end", []byte{0x67, 0x08}, func(r *bitfield.Reader) { r.UE() }, ErrTruncated},
		{"a longer one than there is", []byte{0x67, 0, 0, 3, 0, 0, 3, 0, 0xff}, func(r *bitfield.Reader) { r.UE() }, ErrInvalid},
		{"out of range", []byte{0x67, 0x20}, func(r *bitfield.Reader) { r.UpTo(2) }, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newReader(c.nal)
			c.read(&r)
			require.ErrorIs(t, readError(&r), c.err)
		})
	}
}

func FuzzBits(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 3, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newBitWriter(nil, 0x67)
		for _, b := range data {
			w.u(int(b%8)+1, uint32(b))
			w.ue(uint32(b))
			w.se(int32(int8(b)))
		}
		r := newReader(w.trail()[4:])
		for _, b := range data {
			n := int(b%8) + 1
			require.Equal(t, uint32(b)&(1<<n-1), r.Bits(uint8(n)))
			require.Equal(t, uint32(b), r.UE())
			require.Equal(t, int32(int8(b)), r.SE())
		}
		require.NoError(t, readError(&r))
	})
}
