package offer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
