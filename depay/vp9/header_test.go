package vp9

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// field is a number and how many bits it takes.
type field struct{ value, bits int }

func pack(fields ...field) []byte {
	var w bitfield.Writer
	for _, f := range fields {
		for i := f.bits - 1; i >= 0; i-- {
			w.Flag(f.value>>i&1 == 1)
		}
	}
	return w.Out
}

// Parts of headers.
var (
	marker = field{2, 2}
	sync   = field{syncCode, 24}
	width  = field{639, 16}
	height = field{359, 16}
)

func TestParseHeader(t *testing.T) {
	vga := Size{640, 360}
	cases := []struct {
		name  string
		frame []byte
		want  Header
		err   error
	}{
		{"key frame", pack(marker, field{0, 3}, field{0, 1}, field{1, 1}, field{0, 1}, sync, field{0, 4}, width, height, field{0, 1}),
			Header{Key: true, Show: true, Refresh: 0xff, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"key frame shown in another size, error resilient",
			pack(marker, field{0, 3}, field{0, 1}, field{3, 2}, sync, field{0, 4}, width, height, field{1, 1}, width, height),
			Header{Key: true, Show: true, ErrorResilient: true, Refresh: 0xff, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"hidden key frame of profile 3",
			pack(marker, field{3, 2}, field{0, 2}, field{0, 3}, sync, field{1, 1}, field{2, 3}, field{0, 4}, width, height, field{0, 1}),
			Header{Profile: 3, Key: true, Refresh: 0xff, Size: vga, SizeFrom: -1, flags: 7}, nil},
		{"key frame in RGB", pack(marker, field{2, 2}, field{0, 2}, field{1, 1}, field{0, 1}, sync, field{7, 3}, field{0, 1}, width, height, field{0, 1}),
			Header{Profile: 1, Key: true, Show: true, Refresh: 0xff, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"inter frame, its size from the second reference",
			pack(marker, field{0, 3}, field{1, 1}, field{1, 1}, field{0, 1}, field{0, 2}, field{5, 8}, field{1, 4}, field{4, 4}, field{15, 4}, field{1, 2}, field{0, 1}),
			Header{Show: true, Refresh: 5, References: [3]uint8{0, 2, 7}, SizeFrom: 1, flags: 6}, nil},
		{"hidden inter frame with a size of its own, error resilient",
			pack(marker, field{0, 3}, field{1, 1}, field{0, 1}, field{1, 1}, field{0, 1}, field{0, 8}, field{0, 12}, field{0, 3}, width, height, field{0, 1}),
			Header{ErrorResilient: true, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"intra-only frame", pack(marker, field{0, 3}, field{1, 1}, field{0, 2}, field{1, 1}, field{0, 2}, sync, field{9, 8}, width, height, field{0, 1}),
			Header{IntraOnly: true, Refresh: 9, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"intra-only frame of profile 2",
			pack(marker, field{1, 2}, field{0, 1}, field{1, 1}, field{0, 2}, field{1, 1}, field{0, 2}, sync, field{0, 5}, field{9, 8}, width, height, field{0, 1}),
			Header{Profile: 2, IntraOnly: true, Refresh: 9, Size: vga, SizeFrom: -1, flags: 6}, nil},
		{"existing frame", []byte{0x8d}, Header{ShowExisting: true, Show: true, Existing: 5, SizeFrom: -1}, nil},
		{"empty", nil, Header{}, ErrTruncated},
		{"no marker", []byte{0x40, 0}, Header{}, ErrInvalid},
		{"reserved profile", []byte{0xb8, 0}, Header{}, ErrInvalid},
		{"no sync code", []byte{0x82, 0x49, 0x83, 0x43, 0, 0, 0, 0, 0, 0}, Header{}, ErrInvalid},
		{"RGB in profile 0", pack(marker, field{0, 3}, field{0, 1}, field{1, 1}, field{0, 1}, sync, field{7, 3}, field{0, 34}), Header{}, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := ParseHeader(c.frame)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, h)
			for n := range c.frame {
				if c.err == nil {
					_, err := ParseHeader(c.frame[:n])
					require.ErrorIs(t, err, ErrTruncated, "%d bytes", n)
				}
			}
		})
	}
}

func TestSizeFromReference(t *testing.T) {
	var refs References
	_, ok := refs.Size(Header{SizeFrom: 0})
	require.False(t, ok, "an empty slot")
	refs.Follow(Header{Key: true, Show: true, Refresh: 0xff, Size: Size{640, 360}, SizeFrom: -1})
	refs.Follow(Header{Show: true, Refresh: 4, Size: Size{320, 180}, SizeFrom: -1})
	refs.Follow(Header{Show: true, Refresh: 2, References: [3]uint8{0, 2, 0}, SizeFrom: 1})
	for slot, want := range []Size{{640, 360}, {320, 180}, {320, 180}, {640, 360}} {
		size, ok := refs.Size(Header{References: [3]uint8{uint8(slot)}})
		require.True(t, ok)
		require.Equal(t, want, size)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(AppendBlack(nil))
	f.Add([]byte{0x8d})
	f.Add([]byte{0x86, 0, 0x40, 0x92, 0x9c, 0, 0x50, 1, 0, 2, 0, 0x26})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := ParseHeader(frame)
		if err != nil {
			require.Equal(t, Header{}, h)
			return
		}
		var refs References
		refs.Follow(h)
		_, ok := refs.Size(h)
		require.Equal(t, h.SizeFrom < 0 && !h.ShowExisting, ok)
		if h.Key {
			_, ok = refs.AppendRepeat(nil)
			require.Equal(t, h.Show, ok)
		}
	})
}

func TestSplit(t *testing.T) {
	one, two := bytes.Repeat([]byte{0x82}, 3), bytes.Repeat([]byte{0x86}, 300)
	cases := []struct {
		name string
		data []byte
		want [][]byte
		err  error
	}{
		{"one frame", one, [][]byte{one}, nil},
		{"nothing", nil, [][]byte{nil}, nil},
		{"two frames, index of libvpx", append(append(bytes.Clone(one), two...), 0xc9, 3, 0, 44, 1, 0xc9), [][]byte{one, two}, nil},
		{"two frames, our index", AppendIndex(append(bytes.Clone(one), two...), []int{3, 300}), [][]byte{one, two}, nil},
		{"no index: its first byte is another", []byte{1, 2, 3, 0xc1, 1, 1, 0xc0}, [][]byte{{1, 2, 3, 0xc1, 1, 1, 0xc0}}, nil},
		{"no index: too short", []byte{0xc0, 0xc0}, [][]byte{{0xc0, 0xc0}}, nil},
		{"more than there is", []byte{1, 0xc0, 2, 0xc0}, nil, ErrInvalid},
		{"an empty frame", []byte{1, 0xc1, 1, 0, 0xc1}, nil, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := Split(c.data)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, len(c.want), s.Count)
			for i, frame := range c.want {
				require.Equal(t, frame, s.Frames[i])
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(AppendIndex([]byte{1, 2, 3}, []int{1, 2}))
	f.Add([]byte{1, 2, 3, 4, 0xc9, 3, 0, 1, 0, 0xc9})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Split(data)
		if err != nil {
			require.Equal(t, Superframe{}, s)
			return
		}
		require.True(t, 1 <= s.Count && s.Count <= MaxFrames)
		total := 0
		for _, frame := range s.Frames[:s.Count] {
			total += len(frame)
		}
		require.LessOrEqual(t, total, len(data))
	})
}

func BenchmarkParseHeader(b *testing.B) {
	frame := AppendBlack(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	data := AppendIndex(make([]byte, 500), []int{200, 300})
	b.ReportAllocs()
	for b.Loop() {
		if s, err := Split(data); err != nil || s.Count != 2 {
			b.Fatal(err)
		}
	}
}
