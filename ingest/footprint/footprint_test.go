package footprint

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is held is seen, and its end too.
func TestFootprint(t *testing.T) {
	before := Take(t)
	held := make([]byte, 2*spare)
	for i := 0; i < len(held); i += os.Getpagesize() {
		held[i] = 1
	}
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	now := Take(t)
	require.Greater(t, now.Resident, before.Resident+spare)
	require.Greater(t, now.Descriptors, before.Descriptors)
	runtime.KeepAlive(held)
	held = nil
	require.NoError(t, file.Close())
	before.RequireBack(t, 0)
}
