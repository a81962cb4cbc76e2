// Package footprint measures what this process holds of the machine, for tests of attacks: when one is over, nothing of it stays.
package footprint

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// spare is by how much resident memory may differ in bytes: what the runtime and allocators keep. An attack that is not bounded takes
// hundreds of MiB.
const spare = 64 << 20

// patience is how long one waits for what comes in a moment unless it never does.
const patience = 2 * time.Minute

// Footprint is what the process holds.
type Footprint struct {
	Resident    int // bytes of memory
	Descriptors int
}

// Take measures what the process holds when all garbage has been given back.
func Take(t testing.TB) Footprint {
	t.Helper()
	debug.FreeOSMemory()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return Footprint{resident(t), len(files)}
}

// resident reads VmRSS of /proc/self/status (proc(5)).
func resident(t testing.TB) (n int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, line, _ := bytes.Cut(status, []byte("VmRSS:"))
	_, err = fmt.Sscanf(string(line), "%d kB", &n)
	require.NoError(t, err)
	return n << 10
}

// RequireBack waits until the process holds no more than before, but for some descriptors that are there for a reason.
func (before Footprint) RequireBack(t testing.TB, descriptors int) {
	t.Helper()
	var now Footprint
	back := func() bool {
		now = Take(t)
		return (raced || now.Resident <= before.Resident+spare) && now.Descriptors <= before.Descriptors+descriptors
	}
	for deadline := time.Now().Add(patience); !back(); {
		require.True(t, time.Now().Before(deadline), "the process holds %+v, and held %+v before", now, before)
		<-time.After(20 * time.Millisecond)
	}
}
