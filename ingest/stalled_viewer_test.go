package ingest

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// A viewer over TCP that has stopped reading loses packets, and another one, though the same goroutine forwards to both, does not.
func TestStalledViewer(t *testing.T) {
	cores := runtime.GOMAXPROCS(1) // there is one forwarder for each
	f := newFixture(t, Options{TCPListen: "127.0.0.1:0"})
	runtime.GOMAXPROCS(cores)
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	relay := newStallingRelay(t, f.server.TCPAddr())
	stalled := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly, networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}})
	answer := text(t, f.post("/whep/cam", stalled.offer()))
	port := func(a net.Addr) string { return fmt.Sprintf(" %d typ host tcptype", a.(*net.TCPAddr).Port) }
	require.Contains(t, answer, port(f.server.TCPAddr()))
	answer = strings.ReplaceAll(answer, port(f.server.TCPAddr()), port(relay.Addr()))
	require.NoError(t, stalled.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	stalled.waitConnected()
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()

	p, _ := f.server.Sessions().Publisher("cam")
	video, sequence := p.Track(media.KindVideo), uint16(0)
	picture := func() {
		for i := range uint16(10) {
			packet := rtptest.VP8Packet(sequence, i == 0)
			packet.Timestamp, packet.Marker = uint32(sequence)*300, i == 9
			packet.Payload = append(packet.Payload, make([]byte, 1100)...)
			sequence++
			q := video.NewPacket()
			q.RTP, q.Arrival = *packet, time.Now()
			video.Push(q)
			q.Release()
		}
		for range 10 {
			rtptest.Wait(t, viewer.packets["video"], "a picture beside a viewer that has stopped")
		}
	}
	require.Eventually(t, func() bool { return f.server.Viewers().Count("cam").Viewers == 2 }, rtptest.Patience, time.Millisecond)
	picture()
	relay.stalled.Store(true)
	for f.server.Viewers().Count("cam").Dropped == 0 {
		require.Less(t, sequence, uint16(1<<15), "the queues of the machine and ours have to be full before")
		picture()
	}
	for range 100 {
		picture()
	}
}

// stallingRelay passes a TCP connection on, until it stops to read what the server sends.
type stallingRelay struct {
	net.Listener
	stalled atomic.Bool
}

func newStallingRelay(t *testing.T, to net.Addr) *stallingRelay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &stallingRelay{Listener: l}
	var running sync.WaitGroup
	over := make(chan struct{})
	running.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to.String())
		if err != nil {
			return
		}
		_ = server.(*net.TCPConn).SetReadBuffer(4096)
		running.Go(func() { _, _ = io.Copy(server, client) })
		running.Go(func() {
			buf := make([]byte, 2048)
			for !r.stalled.Load() {
				n, err := server.Read(buf)
				if err != nil {
					return
				}
				_, _ = client.Write(buf[:n])
			}
		})
		<-over
		_ = client.Close()
		_ = server.Close()
	})
	t.Cleanup(func() {
		_ = l.Close()
		close(over)
		running.Wait()
	})
	return r
}
