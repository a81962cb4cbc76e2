package depay

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpusDuration(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    int64
		ok      bool
	}{
		{"silence", silence[:], 960, true},
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
		{"no frame", []byte{31<<3 | 3, 0}, 0, false},
		{"count is missing", []byte{31<<3 | 3}, 0, false},
		{"empty", nil, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := opusDuration(c.payload)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}
