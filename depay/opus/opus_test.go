package opus

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    int64
		ok      bool
	}{
		{"silence", []byte{0xfc, 0xff, 0xfe}, 960, true},
		{"SILK 10 ms", []byte{0 << 3}, 480, true},
		{"SILK 60 ms", []byte{3 << 3}, 2880, true},
		{"SILK wideband 40 ms", []byte{10 << 3}, 1920, true},
		{"hybrid 10 ms", []byte{12 << 3}, 480, true},
		{"hybrid 20 ms", []byte{15 << 3}, 960, true},
		{"CELT 2.5 ms", []byte{16 << 3}, 120, true},
		{"CELT 20 ms", []byte{31 << 3}, 960, true},
		{"two equal frames", []byte{31<<3 | 1}, 1920, true},
		{"two frames", []byte{31<<3 | 2, 1, 0}, 1920, true},
		{"six frames", []byte{31<<3 | 3, 6}, 5760, true},
		{"seven frames are over 120 ms", []byte{31<<3 | 3, 7}, 6720, false},
		{"forty-eight of 2.5 ms", []byte{16<<3 | 3, 48}, 5760, true},
		{"three of any number", []byte{31<<3 | 3, 3}, 2880, true},
		{"recorders' usual 60 ms", []byte{31<<3 | 3, 0x83}, 2880, true},
		{"no frame", []byte{31<<3 | 3, 0}, 0, false},
		{"count is missing", []byte{31<<3 | 3}, 0, false},
		{"empty", nil, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Duration(c.payload)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}

// The codes of RFC 6716 §3.2, each with frames of 20 ms.
func TestFrames(t *testing.T) {
	long := bytes.Repeat([]byte{9}, 300)
	for name, c := range map[string]struct {
		packet []byte
		want   [][]byte // nil: refused
	}{
		"one":                        {[]byte{0xf8, 1, 2}, [][]byte{{1, 2}}},
		"one of nothing":             {[]byte{0xf8}, [][]byte{{}}},
		"two of one length":          {[]byte{0xf9, 1, 2, 3, 4}, [][]byte{{1, 2}, {3, 4}}},
		"two that cannot be":         {[]byte{0xf9, 1, 2, 3}, nil},
		"two":                        {[]byte{0xfa, 1, 7, 8, 9}, [][]byte{{7}, {8, 9}}},
		"two, the first long":        {append([]byte{0xfa, 252, 12}, append(long, 1)...), [][]byte{long, {1}}},
		"two, the first too long":    {[]byte{0xfa, 9, 7}, nil},
		"three of one length":        {[]byte{0xfb, 3, 1, 2, 3}, [][]byte{{1}, {2}, {3}}},
		"three":                      {[]byte{0xfb, 0x83, 1, 2, 1, 5, 6, 7}, [][]byte{{1}, {5, 6}, {7}}},
		"two and padding":            {[]byte{0xfb, 0x42, 2, 1, 2, 0, 0}, [][]byte{{1}, {2}}},
		"two and much padding":       {append([]byte{0xfb, 0x42, 255, 0, 1, 2}, make([]byte, 254)...), [][]byte{{1}, {2}}},
		"more padding than there is": {[]byte{0xfb, 0x42, 9, 1, 2}, nil},
		"padding cut short":          {[]byte{0xfb, 0x42, 255}, nil},
		"none":                       {[]byte{0xfb, 0}, nil},
		"cut short":                  {[]byte{0xfb}, nil},
		"empty":                      {nil, nil},
		"a frame too long":           {append([]byte{0xf8}, make([]byte, maxFrame+1)...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := Frames(c.packet)
			if c.want == nil {
				require.ErrorIs(t, err, ErrInvalid)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, frames)
		})
	}
}

func FuzzFrames(f *testing.F) {
	for _, seed := range [][]byte{{0xf8, 1}, {0xf9, 1, 2}, {0xfa, 1, 7, 8}, {0xfb, 0x83, 1, 2, 1, 5, 6, 7}, {0xfb, 0x42, 2, 1, 2, 0, 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		frames, err := Frames(packet)
		if err != nil {
			return
		}
		total := 0
		for _, frame := range frames {
			require.LessOrEqual(t, len(frame), maxFrame)
			total += len(frame)
		}
		require.Less(t, total, len(packet))
		single, _ := Duration([]byte{SingleTOC(packet)})
		whole, _ := Duration(packet)
		require.Equal(t, whole, single*int64(len(frames)))
	})
}
