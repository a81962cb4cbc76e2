package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 7741 §4.2, RFC 6386 §9.1.
func TestVP8KeyFrameStarts(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"key frame", []byte{0x10, 0x00}, true},
		{"inter frame", []byte{0x10, 0x01}, false},
		{"later packet", []byte{0x00, 0x00}, false},
		{"second partition", []byte{0x11, 0x00}, false},
		{"reserved and N bits", []byte{0x78, 0x02}, true},
		{"7-bit PictureID", []byte{0x90, 0x80, 0x7f, 0x00}, true},
		{"15-bit PictureID", []byte{0x90, 0x80, 0xff, 0x01, 0x00}, true},
		{"15-bit PictureID, inter frame", []byte{0x90, 0x80, 0xff, 0x00, 0x01}, false},
		{"all fields", []byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20, 0x00}, true},
		{"T alone", []byte{0x90, 0x20, 0x05, 0x00}, true},
		{"empty", nil, false},
		{"descriptor only", []byte{0x10}, false},
		{"cut in extension", []byte{0x90, 0x80}, false},
		{"cut before frame", []byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, vp8KeyFrameStarts(tt.payload)) })
	}
}

func FuzzVP8KeyFrameStarts(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if vp8KeyFrameStarts(b) {
			require.Equal(t, byte(0x10), b[0]&0x17)
		}
	})
}

func BenchmarkVP8KeyFrameStarts(b *testing.B) {
	benchmarkKeyStarts(b, vp8KeyFrameStarts, []byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20, 0x00})
}
