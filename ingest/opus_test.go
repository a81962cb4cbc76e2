package ingest

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The codes of RFC 6716 §3.2, each with frames of 20 ms.
func TestOpusFrames(t *testing.T) {
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
		"a frame too long":           {append([]byte{0xf8}, make([]byte, maxOpusFrame+1)...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := opusFrames(c.packet)
			if c.want == nil {
				require.ErrorIs(t, err, errOpus)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, frames)
		})
	}
}

// The durations of RFC 6716 §3.1, table 2.
func TestOpusDuration(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		want   time.Duration
	}{
		"empty":                  {nil, 0},
		"CELT, 20 ms":            {[]byte{0xf8}, 20 * time.Millisecond},
		"CELT, 2.5 ms":           {[]byte{16 << 3}, 2500 * time.Microsecond},
		"hybrid, 10 ms":          {[]byte{12 << 3}, 10 * time.Millisecond},
		"SILK, 60 ms":            {[]byte{3 << 3}, 60 * time.Millisecond},
		"two frames":             {[]byte{0xf9}, 40 * time.Millisecond},
		"three of any number":    {[]byte{0xfb, 3}, 60 * time.Millisecond},
		"any number, cut short":  {[]byte{0xfb}, 0},
		"recorders' usual 60 ms": {[]byte{0xfb, 0x83}, 60 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, opusDuration(c.packet)) })
	}
}

func FuzzOpusFrames(f *testing.F) {
	for _, seed := range [][]byte{{0xf8, 1}, {0xf9, 1, 2}, {0xfa, 1, 7, 8}, {0xfb, 0x83, 1, 2, 1, 5, 6, 7}, {0xfb, 0x42, 2, 1, 2, 0, 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		frames, err := opusFrames(packet)
		if err != nil {
			return
		}
		total := 0
		for _, frame := range frames {
			require.LessOrEqual(t, len(frame), maxOpusFrame)
			total += len(frame)
		}
		require.Less(t, total, len(packet))
		single := opusDuration([]byte{opusSingle(packet)})
		require.Equal(t, opusDuration(packet), single*time.Duration(len(frames)))
	})
}
