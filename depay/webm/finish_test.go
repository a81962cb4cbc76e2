package webm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCuesAreBounded(t *testing.T) {
	var c cues
	const added = 5 * maxCues
	for i := range int64(added) {
		c.add(i, i)
	}
	require.LessOrEqual(t, len(c), maxCues)
	require.Equal(t, cue{}, c[0])
	require.Equal(t, cue{added - 1, added - 1}, c[len(c)-1])
	for i := range len(c) - 1 {
		require.Less(t, c[i].time, c[i+1].time)
		require.Less(t, c[i+1].time-c[i].time, int64(added/100))
	}
}
