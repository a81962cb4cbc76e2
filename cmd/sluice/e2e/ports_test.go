package e2e

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// lastPort starts somewhere else in each run, so that two of them on one machine seldom meet.
var lastPort atomic.Uint32

// freeAddress is of the loopback interface, with a port that is free over TCP and UDP and that no test has had. It is below those that the system
// hands out itself (from 32768 on): a service that starts again finds its port as it has left it.
func freeAddress(t testing.TB) string {
	t.Helper()
	const first, count = 10_000, 20_000
	lastPort.CompareAndSwap(0, uint32(os.Getpid()))
	for range count {
		address := fmt.Sprintf("127.0.0.1:%d", first+lastPort.Add(1)%count)
		stream, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		packets, err := net.ListenPacket("udp", address)
		require.NoError(t, stream.Close())
		if err != nil {
			continue
		}
		require.NoError(t, packets.Close())
		return address
	}
	t.Fatal("no port is free")
	return ""
}
