package av1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// AV1 RTP payload format §4.3, §4.4.
func TestKeyFrameStarts(t *testing.T) {
	const sequence, delimiter, frame = 0x08, 0x10, 0x30
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"N", []byte{0x18, sequence, 0}, true},
		{"N, whatever comes", []byte{0x08, 1, frame}, true},
		{"sequence header, one element", []byte{0x10, sequence, 0}, true},
		{"sequence header, two elements", []byte{0x20, 2, sequence, 0, frame, 0}, true},
		{"sequence header, any number of elements", []byte{0x00, 2, sequence, 0, 2, frame, 0}, true},
		{"sequence header with extension", []byte{0x10, sequence | 4, 0, 0}, true},
		{"sequence header after a delimiter", []byte{0x20, 1, delimiter, sequence, 0}, true},
		{"sequence header after a delimiter with a size", []byte{0x00, 2, delimiter | 2, 0, 2, sequence, 0}, true},
		{"sequence header later", []byte{0x20, 2, frame, 0, sequence, 0}, false},
		{"frame", []byte{0x10, frame, 0}, false},
		{"frame that goes on", []byte{0x90, sequence, 0}, false},
		{"N in what goes on", []byte{0x98, sequence, 0}, false},
		{"delimiters alone", []byte{0x00, 1, delimiter, 1, delimiter}, false},
		{"length of two bytes", []byte{0x00, 0x81, 0x00, sequence}, true},
		{"length beyond the packet", []byte{0x20, 9, sequence, 0}, false},
		{"length cut short", []byte{0x00, 0x80}, false},
		{"length of eight bytes", []byte{0x00, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, sequence}, true}, // AV1 §4.10.5
		{"length too long", []byte{0x00, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, sequence}, false},
		{"empty element", []byte{0x00, 0, sequence}, false},
		{"empty", nil, false},
		{"header alone", []byte{0x18}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, KeyFrameStarts(tt.payload)) })
	}
}

func FuzzKeyFrameStarts(f *testing.F) {
	f.Add([]byte{0x00, 2, 0x12, 0, 2, 0x0a, 0})
	f.Add([]byte{0x18, 0x08, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if KeyFrameStarts(b) {
			require.Zero(t, b[0]&0x80)
		}
	})
}

func BenchmarkKeyFrameStarts(b *testing.B) {
	payload := []byte{0x00, 2, 0x12, 0, 2, 0x0a, 0}
	b.ReportAllocs()
	for b.Loop() {
		if !KeyFrameStarts(payload) {
			b.Fatal("it does start one")
		}
	}
}
