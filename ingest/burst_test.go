package ingest

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

// burstFixture is a socket that gathers, one that receives, and the burst from one to the other.
type burstFixture struct {
	testing.TB
	conn     *burstConn
	receiver *net.UDPConn
	to       netip.AddrPort
	burst    *burst
}

func newBurstFixture(t testing.TB) *burstFixture {
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	f := &burstFixture{TB: t, conn: &burstConn{listen(), newBursts()}, receiver: listen()}
	f.to = f.receiver.LocalAddr().(*net.UDPAddr).AddrPort()
	f.burst = f.conn.bursts.add(f.to)
	return f
}

func (f *burstFixture) write(packet []byte) {
	n, err := f.conn.WriteToAddrPort(packet, f.to)
	require.NoError(f, err)
	require.Equal(f, len(packet), n)
}

func (f *burstFixture) read() []byte {
	require.NoError(f, f.receiver.SetReadDeadline(time.Now().Add(5*time.Second)))
	p := make([]byte, 1<<16)
	n, err := f.receiver.Read(p)
	require.NoError(f, err)
	return p[:n]
}

func (f *burstFixture) silent() bool {
	require.NoError(f, f.receiver.SetReadDeadline(time.Now()))
	_, err := f.receiver.Read(make([]byte, 1<<16))
	return err != nil
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
func TestBurst(t *testing.T) {
	for name, lengths := range map[string][]int{
		"one":                    {1200},
		"of one length":          {1200, 1200, 1200},
		"the last shorter":       {1200, 1200, 300},
		"shorter, then the same": {300, 200, 200},
		"longer ones follow":     {300, 1200, 1200, 1500},
		"more than one takes":    equalLengths(2*burstPackets+1, media.MaxPacket),
	} {
		for _, single := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", one by one"}[single], func(t *testing.T) {
				f := newBurstFixture(t)
				f.burst.single = single
				for range 2 {
					packets := packetsOf(lengths...)
					f.burst.begin()
					for _, p := range packets {
						f.write(p)
					}
					require.Zero(t, f.burst.flush())
					for i, p := range packets {
						require.Equal(t, p, f.read(), "packet %d", i)
					}
					require.True(t, f.silent())
				}
				require.Equal(t, single, f.burst.single, "the kernel cuts bursts")
			})
		}
	}
}

// What is longer than any RTP packet, and what comes outside of a burst, is sent at once and overtakes nothing.
func TestBurstIsNotForEverything(t *testing.T) {
	f := newBurstFixture(t)
	f.write([]byte("before"))
	require.Equal(t, "before", string(f.read()))
	f.burst.begin()
	f.write([]byte("first"))
	require.True(t, f.silent())
	long := make([]byte, media.MaxPacket+1)
	f.write(long)
	require.Equal(t, "first", string(f.read()))
	require.Equal(t, long, f.read())
	require.Zero(t, f.burst.flush())
	f.burst.remove()
	f.burst.begin()
	f.write([]byte("removed"))
	require.Equal(t, "removed", string(f.read()))
}

// An address that another session has taken over stays its own.
func TestBurstOfTakenAddress(t *testing.T) {
	f := newBurstFixture(t)
	next := f.conn.bursts.add(f.to)
	f.burst.remove()
	(*burst)(nil).remove()
	require.Same(t, next, f.conn.bursts.receivers[f.to])
	next.begin()
	f.write([]byte("kept"))
	require.True(t, f.silent())
	require.Zero(t, next.flush())
	require.Equal(t, "kept", string(f.read()))
}

// What could not be sent is told once, by flush.
func TestBurstThatFails(t *testing.T) {
	f := newBurstFixture(t)
	f.burst.begin()
	f.write(make([]byte, 100))
	f.write(make([]byte, 100))
	require.NoError(t, f.conn.Close())
	require.Equal(t, uint64(2), f.burst.flush())
	f.burst.begin()
	require.Zero(t, f.burst.flush())
	for _, err := range []unix.Errno{unix.EINVAL, unix.EIO, unix.ENOPROTOOPT, unix.EMSGSIZE} {
		require.True(t, cannotCut(err), err)
	}
	require.False(t, cannotCut(unix.ENETUNREACH))
}

// Feedback is answered by other goroutines while a picture is gathered.
func TestBurstOfManyWriters(t *testing.T) {
	f := newBurstFixture(t)
	const writers, each = 4, 50
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for i := range each {
				f.burst.begin()
				f.write(bytes.Repeat([]byte{byte(i)}, 100+i%3))
				_ = f.burst.flush()
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

// A viewer's packets are gathered where they go, whichever socket they leave from, as long as the viewer is there.
func TestViewerGathers(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			f := newFixture(t, Options{UDPListen: address})
			studio := newPeer(t, peerOptions{})
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.keepSending()
			viewer := newSpectator(t, f, "cam", peerOptions{})
			rtptest.Wait(t, viewer.packets["video"], "video")
			bursts := f.server.sockets.batches.UDP
			receivers := func() int {
				bursts.mu.RLock()
				defer bursts.mu.RUnlock()
				return len(bursts.receivers)
			}
			require.Equal(t, 1, receivers())
			pair, err := viewer.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			require.NoError(t, err)
			bursts.mu.RLock()
			for to, b := range bursts.receivers {
				require.Equal(t, pair.Local.Port, to.Port())
				require.Eventually(t, func() bool {
					b.mu.Lock()
					defer b.mu.Unlock()
					return b.conn != nil
				}, 10*time.Second, time.Millisecond, "packets to %s are gathered", to)
			}
			bursts.mu.RUnlock()
			require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
			require.Eventually(t, func() bool { return receivers() == 0 }, 10*time.Second, time.Millisecond)
		})
	}
}

// BenchmarkBurst sends a picture of five packets to an address, gathered and one by one.
func BenchmarkBurst(b *testing.B) {
	for _, gathered := range []bool{true, false} {
		b.Run(map[bool]string{true: "gathered", false: "single"}[gathered], func(b *testing.B) {
			f := newBurstFixture(b)
			packet := make([]byte, fanOutPayload)
			b.ReportAllocs()
			for b.Loop() {
				if gathered {
					f.burst.begin()
				}
				for range fanOutPackets {
					_, err := f.conn.WriteToAddrPort(packet, f.to)
					require.NoError(b, err)
				}
				require.Zero(b, f.burst.flush())
			}
		})
	}
}
