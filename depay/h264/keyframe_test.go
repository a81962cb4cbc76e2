package h264

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 6184 §5.6 to §5.8.
func TestKeyFrameStarts(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"IDR", []byte{0x65, 0x88}, true},
		{"SPS", []byte{0x67, 0x42}, true},
		{"PPS", []byte{0x68, 0xce}, false},
		{"SEI", []byte{0x06, 0x05}, false},
		{"delimiter", []byte{0x09, 0x10}, false},
		{"slice", []byte{0x41, 0x9a}, false},
		{"aggregated SPS and PPS", []byte{0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}, true},
		{"aggregated delimiter, SEI, SPS", []byte{0x78, 0, 2, 0x09, 0x10, 0, 1, 0x06, 0, 2, 0x67, 0x42}, true},
		{"aggregated PPS and IDR", []byte{0x78, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88}, true},
		{"aggregated slices", []byte{0x78, 0, 2, 0x41, 0x9a, 0, 2, 0x41, 0x9a}, false},
		{"aggregated, cut short", []byte{0x78, 0, 2, 0x68, 0xce, 0, 9, 0x65, 0x88}, false},
		{"aggregated, empty unit", []byte{0x78, 0, 0, 0x65, 0x88}, false},
		{"aggregated, cut in size", []byte{0x78, 0}, false},
		{"aggregated, nothing", []byte{0x78, 0, 1}, false},
		{"start of a fragmented IDR", []byte{0x7c, 0x85, 0x88}, true},
		{"start of a fragmented SPS", []byte{0x7c, 0x87, 0x42}, true},
		{"middle of a fragmented IDR", []byte{0x7c, 0x05, 0x88}, false},
		{"end of a fragmented IDR", []byte{0x7c, 0x45, 0x88}, false},
		{"start of a fragmented slice", []byte{0x5c, 0x81, 0x9a}, false},
		{"interleaved aggregation", []byte{0x79, 0, 0, 0, 2, 0x65, 0x88}, false},
		{"empty", nil, false},
		{"header alone", []byte{0x65}, false},
		{"fragment without header", []byte{0x7c}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, KeyFrameStarts(tt.payload)) })
	}
}

func FuzzKeyFrameStarts(f *testing.F) {
	f.Add([]byte{0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42})
	f.Add([]byte{0x7c, 0x85, 0x88})
	f.Fuzz(func(t *testing.T, b []byte) {
		if KeyFrameStarts(b) {
			require.Contains(t, []byte{byte(TypeIDR), byte(TypeSPS), typeSTAPA, typeFUA}, b[0]&maskType)
		}
	})
}

func BenchmarkKeyFrameStarts(b *testing.B) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"aggregate", []byte{0x78, 0, 2, 0x09, 0x10, 0, 1, 0x06, 0, 2, 0x67, 0x42}, true},
		{"fragment", []byte{0x5c, 0x01, 0x9a}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if KeyFrameStarts(c.payload) != c.want {
					b.Fatal("wrong")
				}
			}
		})
	}
}
