package webm

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendH264(t *testing.T) {
	for _, c := range []struct{ name, stream, want string }{
		{"nothing", "", ""},
		{"no start code", "\x65\x88", "\x00\x00\x00\x02\x65\x88"},
		{"start codes of three and four bytes", "\x00\x00\x00\x01\x67\x42\x00\x00\x01\x65\x88", "\x00\x00\x00\x02\x67\x42\x00\x00\x00\x02\x65\x88"},
		{"zeros after a unit", "\x00\x00\x01\x67\x42\x00\x00\x00\x00\x00\x01\x65\x88\x00\x00", "\x00\x00\x00\x02\x67\x42\x00\x00\x00\x02\x65\x88"},
		{"empty units", "\x00\x00\x01\x00\x00\x01\x65\x00\x00\x01", "\x00\x00\x00\x01\x65"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, "before"+c.want, string(appendH264([]byte("before"), []byte(c.stream))))
		})
	}
}

func TestAppendAV1(t *testing.T) {
	for _, c := range []struct{ name, unit, want string }{
		{"nothing", "", ""},
		{"only a delimiter", "\x12\x00", ""},
		{"delimiter first", "\x12\x00\x0a\x01\xaa\x32\x02\xbb\xcc", "\x0a\x01\xaa\x32\x02\xbb\xcc"},
		{"delimiter with extension", "\x16\x00\x00\x32\x01\xbb", "\x32\x01\xbb"},
		{"last unit without size", "\x12\x00\x0a\x01\xaa\x30\xbb\xcc", "\x0a\x01\xaa\x30\xbb\xcc"},
		{"broken size", "\x12\x00\x32\x05\xbb", "\x32\x05\xbb"},
		{"extension is missing", "\x12\x00\x36", "\x36"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, "before"+c.want, string(appendAV1([]byte("before"), []byte(c.unit))))
		})
	}
}

func TestExpGolomb(t *testing.T) {
	for _, c := range []struct {
		name  string
		data  []byte
		want  uint64
		short bool
	}{
		{"0", []byte{0x80}, 0, false},
		{"1", []byte{0x40}, 1, false},
		{"7", []byte{0x10}, 7, false},
		{"2^32-2", []byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe}, 1<<32 - 2, false},
		{"nothing", nil, 0, true},
		{"cut short", []byte{0x01}, 0, true},
		{"too many zeros", make([]byte, 100), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := bits{data: c.data}
			v := r.ue()
			require.Equal(t, c.short, r.short)
			if !c.short {
				require.Equal(t, c.want, v)
			}
		})
	}
}

// What is stored of a byte stream are its NAL units, none of which has a start code inside or is empty.
func FuzzH264(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x67\x64\x00\x1f\xac\x00\x00\x00\x01\x68\xee\x00\x00\x01\x65\x88\x00"))
	f.Add([]byte("\x65\x00\x00\x03\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		_, _ = avcC(stream)
		stored := appendH264(nil, stream)
		require.LessOrEqual(t, len(stored), 2*len(stream)+4)
		for len(stored) > 0 {
			n := binary.BigEndian.Uint32(stored)
			unit := stored[4 : 4+n]
			require.NotEmpty(t, unit)
			require.NotContains(t, string(unit), "\x00\x00\x01")
			require.Contains(t, string(stream), string(unit))
			stored = stored[4+n:]
		}
	})
}

// What is stored of a temporal unit is stored the same a second time, and nothing but delimiters is missing.
func FuzzAV1(f *testing.F) {
	f.Add([]byte("\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x88\x40\x32\x01\xaa"))
	f.Add([]byte("\x16\x08\x00\x30\x01"))
	f.Fuzz(func(t *testing.T, unit []byte) {
		_, _ = av1C(unit)
		stored := appendAV1(nil, unit)
		require.Equal(t, stored, appendAV1(nil, stored))
		if !bytes.Contains(unit, []byte{0x12}) && !bytes.Contains(unit, []byte{0x16}) {
			require.LessOrEqual(t, len(stored), len(unit))
		}
	})
}

func BenchmarkStore(b *testing.B) {
	h264 := append([]byte("\x00\x00\x00\x01\x65"), bytes.Repeat([]byte{0xaa}, 10_000)...)
	av1 := append(binary.AppendUvarint([]byte{0x12, 0, 0x32}, 10_000), bytes.Repeat([]byte{0xaa}, 10_000)...)
	for _, c := range []struct {
		name  string
		frame []byte
		store func(b, frame []byte) []byte
	}{{"H.264", h264, appendH264}, {"AV1", av1, appendAV1}} {
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, 0, 1<<15)
			b.SetBytes(int64(len(c.frame)))
			b.ReportAllocs()
			for b.Loop() {
				buf = c.store(buf[:0], c.frame)
			}
		})
	}
}
