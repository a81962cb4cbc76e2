package bitfield

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReader(t *testing.T) {
	r := NewReader([]byte{0b1011_0001, 0b1000_0000})
	require.True(t, r.Flag())
	require.EqualValues(t, 0b011, r.Bits(3))
	r.Skip(3)
	require.True(t, r.SkipIf(3), "the next three bits are left out")
	require.False(t, r.SkipIf(100), "nothing is left out")
	require.EqualValues(t, 0, r.Bits(4))
	require.False(t, r.Short(), "all has been read")
	require.EqualValues(t, 0, r.Bits(32), "zeros follow")
	require.True(t, r.Short())
}

func TestWriter(t *testing.T) {
	w := Writer{Out: []byte{0xff}}
	w.Flag(true)
	w.Bits(0b011, 3)
	w.Copy([]byte{0b0001_1000}, 3, 5)
	w.Align()
	w.Bits(0x1ff, 9)
	require.Equal(t, []byte{0xff, 0b1011_1100, 0xff, 0x80}, w.Out)
}

func TestEscapedReader(t *testing.T) {
	r := NewEscapedReader([]byte{0, 0, 3, 1, 0, 0, 3})
	require.EqualValues(t, 1, r.Bits(24))
	require.Equal(t, 24, r.At())
	require.True(t, r.More())
	require.EqualValues(t, 0, r.Bits(16))
	require.False(t, r.More(), "what is left is an emulation prevention byte")
	plain := NewReader([]byte{0, 0, 3, 1})
	require.EqualValues(t, 0x301, plain.Bits(32))
}

func TestExpGolomb(t *testing.T) {
	for _, c := range []struct {
		name           string
		data           []byte
		want           uint32
		short, invalid bool
	}{
		{"0", []byte{0x80}, 0, false, false},
		{"1", []byte{0x40}, 1, false, false},
		{"7", []byte{0x10}, 7, false, false},
		{"2^32-2", []byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe}, 1<<32 - 2, false, false},
		{"nothing", nil, 0, true, true},
		{"cut short", []byte{0x01}, 0, true, false},
		{"too many zeros", make([]byte, 100), 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(c.data)
			if v := r.UE(); !r.Failed() {
				require.Equal(t, c.want, v)
			}
			require.Equal(t, c.short, r.Short())
			require.Equal(t, c.invalid, r.Invalid())
			require.Equal(t, c.short || c.invalid, r.Failed())
		})
	}
}

// Skipping is reading, wherever it begins.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 0, 3, 1, 0xff, 0x10}, uint8(5), uint8(70), true)
	f.Fuzz(func(t *testing.T, data []byte, first, skipped uint8, escaped bool) {
		read := Reader{data: data, escaped: escaped}
		read.Skip(int(first))
		skip := read
		for range skipped {
			read.Flag()
		}
		skip.Skip(int(skipped))
		require.Equal(t, read.Short(), skip.Short())
		require.Equal(t, read.Flag(), skip.Flag())
		require.Equal(t, read.More(), skip.More())
		require.Equal(t, read.At(), skip.At())
	})
}
