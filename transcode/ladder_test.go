package transcode

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultLadderIsValid(t *testing.T) {
	require.NoError(t, DefaultLadder().Validate())
	require.Equal(t, "720p 480p 240p", DefaultLadder().String())
}

func TestLadderWithinBudget(t *testing.T) {
	for _, c := range []struct {
		name         string
		budget, unit float64
		want         string
	}{
		{"fast machine", 1, 0.2, "720p 480p 240p"},
		{"just enough", 1, 0.5, "720p 480p 240p"},
		{"two slow cores", 1, 0.6, "480p 240p"},
		{"very slow", 0.5, 0.6, "240p"},
		{"hopeless", 0.1, 5, "240p"},
		{"many cores", 8, 0.6, "720p 480p 240p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			full := DefaultLadder()
			got, reason := full.within(c.budget, c.unit, "facts")
			require.Equal(t, c.want, got.String())
			require.Contains(t, reason, c.want)
			require.Contains(t, reason, "facts")
			require.Equal(t, len(got) < len(full), strings.Contains(reason, "left out as too slow"))
		})
	}
}

func TestChooseLadder(t *testing.T) {
	got, reason := ChooseLadder(t.Context(), "", DefaultLadder())
	t.Log(reason)
	require.NotEmpty(t, got)
	require.Contains(t, reason, "CPU to encode")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	got, reason = ChooseLadder(ended, "", DefaultLadder())
	require.NotEmpty(t, got)
	require.Contains(t, reason, "not measured")
}
