package vp8

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 7741 §4.2, RFC 6386 §9.1.
func TestKeyFrameStarts(t *testing.T) {
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
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, KeyFrameStarts(tt.payload)) })
	}
}

func FuzzKeyFrameStarts(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if KeyFrameStarts(b) {
			require.Equal(t, byte(0x10), b[0]&0x17)
		}
	})
}

func BenchmarkKeyFrameStarts(b *testing.B) {
	payload := []byte{0x90, 0xf0, 0x80, 0x01, 0x05, 0x20, 0x00}
	b.ReportAllocs()
	for b.Loop() {
		if !KeyFrameStarts(payload) {
			b.Fatal("it does start one")
		}
	}
}

func TestKeyFrameSize(t *testing.T) {
	payload := []byte{0x90, 0x80, 0x01, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0xe0, 0x81}
	width, height := KeyFrameSize(payload)
	require.Equal(t, [2]int{640, 480}, [2]int{width, height})
	for n := range payload {
		width, height = KeyFrameSize(payload[:n])
		require.Zero(t, width+height)
	}
}
