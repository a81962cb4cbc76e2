package vp8

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHeader(t *testing.T) {
	key := []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	scaled := append([]byte{}, key...)
	scaled[7], scaled[9] = scaled[7]|0x40, scaled[9]|0xc0
	segmented := append([]byte{}, key...)
	segmented[10] = 0x20 // two false symbols of probability 1/2, then a true one
	cases := []struct {
		name  string
		frame []byte
		want  Header
		err   error
	}{
		{"key frame", key, Header{Key: true, Show: true, Width: 640, Height: 480, FirstPartition: 16}, nil},
		{"upscaling hints", scaled, Header{Key: true, Show: true, Width: 640, Height: 480, FirstPartition: 16}, nil},
		{"key frame with segments", segmented, Header{Key: true, Show: true, Segmentation: true, Width: 640, Height: 480, FirstPartition: 16}, nil},
		{"inter frame", []byte{0x31, 0, 0, 0x00}, Header{Show: true, FirstPartition: 1}, nil},
		{"inter frame with segments", []byte{0x31, 0, 0, 0xff}, Header{Show: true, Segmentation: true, FirstPartition: 1}, nil},
		{"hidden frame", []byte{0x21, 0, 0, 0x00}, Header{FirstPartition: 1}, nil},
		{"profile 3", []byte{0x37, 0, 0, 0x00}, Header{Show: true, Version: 3, FirstPartition: 1}, nil},
		{"empty", nil, Header{}, ErrTruncated},
		{"shorter than the tag", []byte{0x31, 0}, Header{}, ErrTruncated},
		{"shorter than a key frame's header", key[:9], Header{}, ErrTruncated},
		{"shorter than the first partition", key[:25], Header{}, ErrTruncated},
		{"largest first partition", []byte{0xf1, 0xff, 0xff, 0}, Header{}, ErrTruncated},
		{"no first partition", []byte{0x11, 0, 0, 0x00}, Header{}, ErrInvalid},
		{"no start code", []byte{0x30, 0, 0, 0x9d, 0x01, 0x2b, 1, 0, 1, 0, 0}, Header{}, ErrInvalid},
		{"no width", []byte{0x30, 0, 0, 0x9d, 0x01, 0x2a, 0, 0x40, 1, 0, 0}, Header{}, ErrInvalid},
		{"no height", []byte{0x30, 0, 0, 0x9d, 0x01, 0x2a, 1, 0, 0, 0x40, 0}, Header{}, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := ParseHeader(c.frame)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, h)
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(AppendBlack(nil, 64, 48))
	f.Add(AppendRepeat(nil, RepeatOptions{Width: 64, Height: 48, Segmentation: true}))
	f.Add([]byte{0x31, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := ParseHeader(frame)
		if err != nil {
			require.Equal(t, Header{}, h)
			return
		}
		require.Equal(t, h.Key, h.Width > 0 && h.Height > 0)
		require.Less(t, int(h.FirstPartition), len(frame))
	})
}

func BenchmarkParseHeader(b *testing.B) {
	frame := AppendBlack(nil, 640, 360)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(frame); err != nil {
			b.Fatal(err)
		}
	}
}
