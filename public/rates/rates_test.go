package rates

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client has its burst and its rate; however many come, so many are remembered, and new ones are let in.
func TestClients(t *testing.T) {
	c, now := New[int](5, 20), time.Unix(1, 0)
	for n := range 2 * Most {
		require.True(t, c.Allow(n, 1, now))
		require.LessOrEqual(t, c.Len(), Most)
	}
	require.True(t, c.Allow(-1, 20, now))
	require.False(t, c.Allow(-1, 1, now))
	require.True(t, c.Allow(-1, 1, now.Add(time.Second)))
}
