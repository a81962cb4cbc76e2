package egress

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// batchFixture is a socket that gathers, one that receives, and the batch from one to the other.
type batchFixture struct {
	testing.TB
	conn     *Conn
	receiver *net.UDPConn
	to       netip.AddrPort
	batch    *batch
}

func newBatchFixture(t testing.TB) *batchFixture {
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	f := &batchFixture{TB: t, conn: &Conn{listen(), NewBatches()}, receiver: listen()}
	f.to = f.receiver.LocalAddr().(*net.UDPAddr).AddrPort()
	f.batch = f.conn.batches.add(f.to)
	return f
}

func (f *batchFixture) write(packet []byte) {
	n, err := f.conn.WriteToAddrPort(packet, f.to)
	require.NoError(f, err)
	require.Equal(f, len(packet), n)
}

func (f *batchFixture) read() []byte {
	require.NoError(f, f.receiver.SetReadDeadline(time.Now().Add(rtptest.Patience)))
	p := make([]byte, 1<<16)
	n, err := f.receiver.Read(p)
	require.NoError(f, err)
	return p[:n]
}

// silent reports whether nothing has come: over loopback, what has been sent has.
func (f *batchFixture) silent() bool {
	raw, err := f.receiver.SyscallConn()
	require.NoError(f, err)
	var none error
	require.NoError(f, raw.Control(func(fd uintptr) {
		_, _, none = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}))
	return none == unix.EAGAIN
}

// packetsOf makes packets of some lengths, each of another content.
func packetsOf(lengths ...int) [][]byte {
	var all [][]byte
	for i, n := range lengths {
		all = append(all, bytes.Repeat([]byte{byte(i + 1)}, n))
	}
	return all
}

func equalLengths(n, length int) []int {
	lengths := make([]int, n)
	for i := range lengths {
		lengths[i] = length
	}
	return lengths
}

// What is gathered arrives as it was written: each packet, in order.
func TestBatch(t *testing.T) {
	for name, lengths := range map[string][]int{
		"one":                    {1200},
		"of one length":          {1200, 1200, 1200},
		"the last shorter":       {1200, 1200, 300},
		"shorter, then the same": {300, 200, 200},
		"longer ones follow":     {300, 1200, 1200, 1500},
		"more than one takes":    equalLengths(2*batchPackets+1, media.MaxPacket),
	} {
		for _, single := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", one by one"}[single], func(t *testing.T) {
				f := newBatchFixture(t)
				f.batch.single = single
				for range 2 {
					packets := packetsOf(lengths...)
					f.batch.begin()
					for _, p := range packets {
						f.write(p)
					}
					require.Zero(t, f.batch.flush())
					for i, p := range packets {
						require.Equal(t, p, f.read(), "packet %d", i)
					}
					require.True(t, f.silent())
				}
				require.Equal(t, single, f.batch.single, "the kernel cuts batches")
			})
		}
	}
}

// What is longer than any RTP packet, and what comes outside of a batch, is sent at once and overtakes nothing.
func TestBatchIsNotForEverything(t *testing.T) {
	f := newBatchFixture(t)
	f.write([]byte("before"))
	require.Equal(t, "before", string(f.read()))
	f.batch.begin()
	f.write([]byte("first"))
	require.True(t, f.silent())
	long := make([]byte, media.MaxPacket+1)
	f.write(long)
	require.Equal(t, "first", string(f.read()))
	require.Equal(t, long, f.read())
	require.Zero(t, f.batch.flush())
	f.batch.remove()
	f.batch.begin()
	f.write([]byte("removed"))
	require.Equal(t, "removed", string(f.read()))
}

// An address that another session has taken over stays its own.
func TestBatchOfTakenAddress(t *testing.T) {
	f := newBatchFixture(t)
	next := f.conn.batches.add(f.to)
	f.batch.remove()
	(*batch)(nil).remove()
	require.Same(t, next, f.conn.batches.receivers[f.to])
	next.begin()
	f.write([]byte("kept"))
	require.True(t, f.silent())
	require.Zero(t, next.flush())
	require.Equal(t, "kept", string(f.read()))
}

// What could not be sent is told once, by flush.
func TestBatchThatFails(t *testing.T) {
	f := newBatchFixture(t)
	f.batch.begin()
	f.write(make([]byte, 100))
	f.write(make([]byte, 100))
	require.NoError(t, f.conn.Close())
	require.Equal(t, uint64(2), f.batch.flush())
	f.batch.begin()
	require.Zero(t, f.batch.flush())
	for _, err := range []unix.Errno{unix.EINVAL, unix.EIO, unix.ENOPROTOOPT, unix.EMSGSIZE} {
		require.True(t, cannotCut(err), err)
	}
	require.False(t, cannotCut(unix.ENETUNREACH))
}

// Feedback is answered by other goroutines while a picture is gathered.
func TestBatchOfManyWriters(t *testing.T) {
	f := newBatchFixture(t)
	const writers, each = 4, 50
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for i := range each {
				f.batch.begin()
				f.write(bytes.Repeat([]byte{byte(i)}, 100+i%3))
				_ = f.batch.flush()
			}
		})
	}
	wait.Wait()
	for range writers * each {
		p := f.read()
		require.Equal(t, bytes.Repeat(p[:1], 100+int(p[0])%3), p)
	}
	require.True(t, f.silent())
}

// BenchmarkBatch sends a picture of five packets to an address, gathered and one by one.
func BenchmarkBatch(b *testing.B) {
	for _, gathered := range []bool{true, false} {
		b.Run(map[bool]string{true: "gathered", false: "single"}[gathered], func(b *testing.B) {
			f := newBatchFixture(b)
			packet := make([]byte, 1250)
			b.ReportAllocs()
			for b.Loop() {
				if gathered {
					f.batch.begin()
				}
				for range 5 {
					_, err := f.conn.WriteToAddrPort(packet, f.to)
					require.NoError(b, err)
				}
				require.Zero(b, f.batch.flush())
			}
		})
	}
}
