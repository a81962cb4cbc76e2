package webm

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// laced is the data of a block with lacing: how many frames, the sizes, the frames.
func laced(flags byte, count int, sizes []byte, frames string) []byte {
	return join([]byte{0x82, 0, 0, flags, byte(count - 1)}, sizes, []byte(frames))
}

func TestLacing(t *testing.T) {
	long := strings.Repeat("x", 300)
	cases := []struct {
		name  string
		block []byte
		want  []string
	}{
		{"Xiph", laced(0x82, 3, []byte{1, 2}, "abbccc"), []string{"a", "bb", "ccc"}},
		{"Xiph, long", laced(0x02, 2, []byte{255, 45}, long+"b"), []string{long, "b"}},
		{"Xiph, 255", laced(0x02, 2, []byte{255, 0}, long[:255]+"b"), []string{long[:255], "b"}},
		{"fixed", laced(0x04, 3, nil, "aabbcc"), []string{"aa", "bb", "cc"}},
		{"EBML", laced(0x06, 4, []byte{0x82, 0xBF, 0xC0}, "aabbcccd"), []string{"aa", "bb", "ccc", "d"}},
		{"EBML, smaller", laced(0x06, 3, []byte{0x83, 0xBD}, "aaabcc"), []string{"aaa", "b", "cc"}},
		{"EBML of two bytes", laced(0x06, 3, []byte{0x41, 0x2C, 0x5E, 0xD4}, long+"ab"), []string{long, "a", "b"}},
		{"one frame", laced(0x06, 1, nil, "aaa"), []string{"aaa"}},
		{"256 frames", laced(0x04, 256, nil, strings.Repeat("a", 256)), strings.Split(strings.Repeat("a", 256), "")},
		{"no frames", laced(0x04, 1, nil, ""), nil},
		{"nothing", []byte{0x82, 0, 0, 0x02}, nil},
		{"fixed that does not part", laced(0x04, 2, nil, "abc"), nil},
		{"Xiph that is too long", laced(0x02, 2, []byte{4}, "abc"), nil},
		{"Xiph that leaves nothing", laced(0x02, 2, []byte{3}, "abc"), nil},
		{"Xiph without end", laced(0x02, 2, []byte{255, 255}, ""), nil},
		{"EBML below zero", laced(0x06, 3, []byte{0x81, 0x80}, "abc"), nil},
		{"EBML without end", laced(0x06, 3, []byte{0x81}, ""), nil},
		{"EBML of nine bytes", laced(0x06, 3, []byte{0x00}, "abc"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(join(start(), cluster(40, elem(idSimple, c.block), simple(2, 20, "next")))))
			for i, want := range c.want {
				b, err := r.Next()
				require.NoError(t, err)
				require.Equal(t, Block{Track: 2, Time: 40e6, Laced: i > 0, Data: []byte(want)}, b)
			}
			b, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, Block{Track: 2, Time: 60e6, Data: []byte("next")}, b)
			require.Equal(t, c.want == nil, r.Damaged() == 1)
			_, err = r.Next()
			require.Equal(t, io.EOF, err)
		})
	}
}

// A block that cannot be read costs itself alone.
func TestDamagedBlocks(t *testing.T) {
	cases := map[string][]byte{
		"empty frame":                    simple(1, 0, ""),
		"empty":                          elem(idSimple),
		"too short":                      elem(idSimple, []byte{0x81, 0, 0}),
		"too short for its track number": elem(idSimple, []byte{0x40, 1, 0, 0}),
		"a track number of nine bytes":   elem(idSimple, make([]byte, 9)),
		"a track number longer than it":  elem(idSimple, []byte{0x01, 0, 0, 0}),
		"empty in a group":               elem(idGroup, elem(idBlock), elem(void, make([]byte, 3))),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(join(start(), cluster(0, simple(1, 0, "a"), data, simple(1, 1, "b")))))
			blocks, err := drain(t, r)
			require.Equal(t, io.EOF, err)
			require.Equal(t, []got{{1, 0, "a"}, {1, 1, "b"}}, blocks)
			require.EqualValues(t, 1, r.Damaged())
		})
	}
}

// What else stands in a cluster, between clusters and around them is passed over, encrypted blocks too.
func TestOtherElements(t *testing.T) {
	const tags, cues, encrypted, silent, additions = 0x1254C367, 0x1C53BB6B, 0xAF, 0x5854, 0x75A1
	other := []byte("other")
	data := join(header("webm"), elem(void, other), open(idSegment, elem(void, other), info(1_000_000), elem(tags, other), elem(idTracks, video(1), audio(2))),
		elem(cues, other), open(idCluster, elem(silent, other), number(idTimestamp, 5), elem(void, other), elem(encrypted, other), simple(1, 0, "a"),
			elem(idGroup, elem(additions, other), elem(idBlock, frame(1, 1, "b")), number(0xFB, 1), elem(0x75A2, other))),
		elem(tags, other), cluster(9, simple(2, 0, "c")), elem(0x1F43FFFF, other), elem(cues, other))
	blocks, err := readAll(t, data)
	require.Equal(t, io.EOF, err)
	require.Equal(t, []got{{1, 5, "a"}, {1, 6, "b"}, {2, 9, "c"}}, blocks)
}

func FuzzLacing(f *testing.F) {
	f.Add(byte(2), []byte{2, 1, 2, 'a', 'b', 'b', 'c'})
	f.Add(byte(4), []byte{1, 'a', 'b'})
	f.Add(byte(6), []byte{3, 0x82, 0xBF, 0xC0, 'a', 'a', 'b', 'b', 'c', 'c', 'c', 'd'})
	f.Fuzz(func(t *testing.T, flags byte, data []byte) {
		frames, err := unlace(nil, flags, data)
		require.LessOrEqual(t, len(frames), 256)
		total := 0
		for _, frame := range frames {
			require.NotEmpty(t, frame)
			total += len(frame)
		}
		require.LessOrEqual(t, total, len(data))
		if err == nil && flags&lacingMask == 0 {
			require.Equal(t, [][]byte{data}, frames)
		}
	})
}
