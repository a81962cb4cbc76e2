package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 6184 §5.6 to §5.8.
func TestH264KeyFrameStarts(t *testing.T) {
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
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, h264KeyFrameStarts(tt.payload)) })
	}
}

func FuzzH264KeyFrameStarts(f *testing.F) {
	f.Add([]byte{0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42})
	f.Add([]byte{0x7c, 0x85, 0x88})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h264KeyFrameStarts(b) {
			require.Contains(t, []byte{nalIDR, nalSPS, nalSTAPA, nalFUA}, b[0]&nalTypeMask)
		}
	})
}

func BenchmarkH264KeyFrameStarts(b *testing.B) {
	benchmarkKeyStarts(b, h264KeyFrameStarts, []byte{0x78, 0, 2, 0x09, 0x10, 0, 1, 0x06, 0, 2, 0x67, 0x42})
}

// RFC 6184 §8.1: what is taken, and what is preferred.
func TestRankH264(t *testing.T) {
	tests := []struct {
		parameters string
		rank       int
		taken      bool
	}{
		{"packetization-mode=1;profile-level-id=42e01f", 0, true},
		{"packetization-mode=1; profile-level-id=64002A", 0, true},
		{"Packetization-Mode=1;Profile-Level-Id=4d001f;sprop-parameter-sets=Z0LAH9k=,aMuMsg==", 0, true},
		{"profile-level-id=42001f", 1, true},
		{"", 1, true},
		{"packetization-mode=0;profile-level-id=f4001f", 3, true},
		{"packetization-mode=1;profile-level-id=6e0028", 2, true},
		{"packetization-mode=1;profile-level-id=x", 0, true},
		{"packetization-mode=2;profile-level-id=42e01f", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.parameters, func(t *testing.T) {
			rank, taken := rankH264(tt.parameters)
			require.Equal(t, tt.taken, taken)
			require.Equal(t, tt.rank, rank)
		})
	}
}

// RFC 6184 §6.3, §8.2.2: profiles are matched loosely, the way packets are made is not.
func TestH264Plays(t *testing.T) {
	const mode0, mode1 = "packetization-mode=0;profile-level-id=", "packetization-mode=1;profile-level-id="
	tests := []struct {
		name, stream, player string
		rank                 int
		plays                bool
	}{
		{"alike", mode1 + "42e01f", mode1 + "42001f", 0, true},
		{"higher profile than named", mode1 + "640028", mode1 + "42e01f", 2, true},
		{"single units to who takes more", mode0 + "42e01f", mode1 + "42e01f", 1, true},
		{"fragments to who takes single units", mode1 + "42e01f", mode0 + "42e01f", 1, false},
		{"4:4:4", mode1 + "f4001f", mode1 + "640028", 2, false},
		{"4:4:4 to who takes it", mode1 + "f4001f", mode1 + "f40028", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rank, plays := h264Plays(tt.stream, tt.player)
			require.Equal(t, tt.plays, plays)
			require.Equal(t, tt.rank, rank)
		})
	}
}
