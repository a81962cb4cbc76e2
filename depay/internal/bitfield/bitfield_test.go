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
