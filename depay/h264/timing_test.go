package h264

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireTimed checks that a parameter set that is told a rate says the same as before and the rate, and needs it only once.
func requireTimed(t *testing.T, nal []byte) {
	t.Helper()
	before, err := ParseSPS(nal)
	require.NoError(t, err)
	timed, err := AppendTimed([]byte("before"), nal, 30)
	require.NoError(t, err)
	require.Equal(t, "before\x00\x00\x00\x01", string(timed[:10]))
	timed = timed[10:]
	after, place, err := parseSPS(timed)
	require.NoError(t, err)
	require.True(t, place.told)
	require.Equal(t, before, after)
	faster, err := AppendTimed(nil, timed, 60)
	require.NoError(t, err)
	require.NotEqual(t, timed, faster[4:])
	after, _, err = parseSPS(faster[4:])
	require.NoError(t, err)
	require.Equal(t, before, after)
	again, err := AppendTimed(nil, faster[4:], 30)
	require.NoError(t, err)
	require.Equal(t, timed, again[4:])
}

func TestAppendTimed(t *testing.T) {
	chrome, err := hex.DecodeString("6742c01f8c8d40501ed37010d010784423" + "50")
	require.NoError(t, err)
	black, _ := NextUnit(appendBlackSPS(nil, 641, 359))
	for name, nal := range map[string][]byte{"Chrome's": chrome, "no description": black} {
		t.Run(name, func(t *testing.T) {
			_, place, err := parseSPS(nal)
			require.NoError(t, err)
			require.False(t, place.told)
			requireTimed(t, nal)
		})
	}
	told := AppendSPS(nil, SPS{Profile: 66, Level: 31, BitDepthLuma: 8, BitDepthChroma: 8, ChromaFormat: 1, FrameNumBits: 4, POCType: 2, MaxRefFrames: 1, Progressive: true, Columns: 20, Rows: 15, Width: 320, Height: 240, SampleAspect: [2]uint16{1, 1}})
	requireTimed(t, told)
	_, err = AppendTimed(nil, chrome[:6], 30)
	require.ErrorIs(t, err, ErrTruncated)
}
