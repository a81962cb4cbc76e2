package quota

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A client has its share and no more, and others have theirs as long as there is a place.
func TestPool(t *testing.T) {
	p := NewPool(3, 2)
	one, two := ClientOf("192.0.2.1:5"), ClientOf("[2001:db8::1]:5")
	require.NoError(t, p.Take(one))
	require.NoError(t, p.Take(one))
	require.ErrorIs(t, p.Take(one), ErrShare)
	require.NoError(t, p.Take(two))
	require.ErrorIs(t, p.Take(two), ErrFull)
	require.ErrorIs(t, p.Take(one), ErrShare)
	p.Release(one)
	require.NoError(t, p.Take(ClientOf("[2001:db8::2]:7")), "the same client")
	require.ErrorIs(t, p.Take(two), ErrShare)
	require.Equal(t, 3, p.Taken())
	p.Release(one)
	p.Release(two)
	p.Release(two)
	require.Zero(t, p.Taken())
	require.Empty(t, p.clients)
}
