package vp9

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 9628 §4.2, and §6.2 of the bitstream's specification.
func TestKeyFrameStarts(t *testing.T) {
	const key, inter, intraOnly, shown = 0x82, 0x86, 0x84, 0x8a
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"key frame", []byte{0x08, key}, true},
		{"whole key frame", []byte{0x0c, key}, true},
		{"key frame, not to be referred to", []byte{0x09, key}, true},
		{"later packet", []byte{0x00, key}, false},
		{"last packet", []byte{0x04, key}, false},
		{"inter frame", []byte{0x48, inter}, false},
		{"intra-only frame", []byte{0x08, intraOnly}, false},
		{"inter frame without prediction", []byte{0x08, inter}, false},
		{"existing frame shown", []byte{0x08, shown}, false},
		{"another profile", []byte{0x08, 0xa2}, false},
		{"no frame marker", []byte{0x08, 0x42}, false},
		{"7-bit PictureID", []byte{0x88, 0x7f, key}, true},
		{"15-bit PictureID", []byte{0x88, 0xff, 0x01, key}, true},
		{"layers, not flexible", []byte{0xa8, 0x01, 0x00, 0x05, key}, true},
		{"layers, flexible", []byte{0xb8, 0x01, 0x00, key}, true},
		{"switching point, not flexible", []byte{0xa8, 0x01, 0x10, 0x05, key}, true},
		{"second spatial layer", []byte{0xb8, 0x01, 0x03, key}, false},
		{"second spatial layer, not flexible", []byte{0xa8, 0x01, 0x03, 0x05, key}, false},
		{"structure, nothing in it", []byte{0x8a, 0x01, 0x00, key}, true},
		{"structure with a size", []byte{0x8a, 0x01, 0x10, 0x02, 0x80, 0x01, 0xe0, key}, true},
		{"structure with three sizes, layers", append([]byte{0xaa, 0x01, 0x00, 0x05, 0x50}, append(make([]byte, 12), key)...), true},
		{"structure with pictures", []byte{0x8a, 0x01, 0x08, 0x03, 0x00, 0x14, 0x01, 0x38, 0x02, 0x03, key}, true},
		{"structure with no pictures", []byte{0x8a, 0x01, 0x08, 0x00, key}, true},
		{"empty", nil, false},
		{"descriptor alone", []byte{0x08}, false},
		{"cut in PictureID", []byte{0x88, 0x80}, false},
		{"cut before layers", []byte{0xa8, 0x01}, false},
		{"cut in layers", []byte{0xa8, 0x01, 0x00}, false},
		{"cut before structure", []byte{0x8a, 0x01}, false},
		{"cut in sizes", []byte{0x8a, 0x01, 0x10, 0x82, 0x82, 0x82}, false},
		{"cut before pictures", []byte{0x8a, 0x01, 0x08}, false},
		{"cut in pictures", []byte{0x8a, 0x01, 0x08, 0x03, 0x00, 0x14}, false},
		{"cut in references", []byte{0x8a, 0x01, 0x08, 0x01, 0x1c, 0x82, 0x82}, false},
		{"cut before frame", []byte{0x88, 0x01}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, KeyFrameStarts(tt.payload)) })
	}
}

// RFC 9628 §4.2.1: sizes are those of the structure, or of the only frame.
func TestKeyFrameSizes(t *testing.T) {
	frame := AppendBlack(nil)
	structure := func(layers, flags byte, sizes ...byte) []byte {
		return append(append([]byte{0xaa, 0x01, 0x00, 0x05, (layers-1)<<5 | flags}, sizes...), frame...)
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		want    []Size
	}{
		{"three layers", structure(3, 0x10, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104), []Size{{160, 90}, {320, 180}, {640, 360}}},
		{"one layer", structure(1, 0x10, 5, 0, 2, 208), []Size{{1280, 720}}},
		{"layers without sizes", structure(2, 0), nil},
		{"no structure", append([]byte{0x88, 0x01}, frame...), []Size{{BlackWidth, BlackHeight}}},
		{"one layer without size", structure(1, 0), []Size{{BlackWidth, BlackHeight}}},
		{"no key frame", []byte{0xc8, 0x01, 0x86, 0, 0, 0, 0, 0}, nil},
		{"cut", structure(3, 0x10)[:8], nil},
		{"empty", nil, nil},
	} {
		var sizes [maxLayers]Size
		n := KeyFrameSizes(tt.payload, &sizes)
		require.Equal(t, tt.want, append([]Size(nil), sizes[:n]...), tt.name)
	}
}

func FuzzKeyFrameStarts(f *testing.F) {
	f.Add([]byte{0xaa, 0x01, 0x00, 0x05, 0x18, 0x02, 0x80, 0x01, 0xe0, 0x02, 0x00, 0x14, 0x01, 0x82})
	f.Add([]byte{0xb8, 0x81, 0x00, 0x00, 0x82})
	f.Fuzz(func(t *testing.T, b []byte) {
		var sizes [maxLayers]Size
		require.LessOrEqual(t, KeyFrameSizes(b, &sizes), maxLayers)
		if KeyFrameStarts(b) {
			require.Equal(t, byte(bitBegin), b[0]&(bitBegin|bitPredicted))
			require.True(t, slices.ContainsFunc(b[1:], beginsKeyFrame))
		}
	})
}

func BenchmarkKeyFrameStarts(b *testing.B) {
	payload := []byte{0xaa, 0x01, 0x00, 0x05, 0x18, 0x02, 0x80, 0x01, 0xe0, 0x02, 0x00, 0x14, 0x01, 0x82}
	b.ReportAllocs()
	for b.Loop() {
		if !KeyFrameStarts(payload) {
			b.Fatal("it does start one")
		}
	}
}
