package ingest

import (
	"context"
	"fmt"
	"io"
	"net"
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

// Viewers are spread over the forwarders, and come in the places of those that have gone.
func TestForwardersShare(t *testing.T) {
	fs := &forwarders{all: []*forwarder{{}, {}, {}}}
	var engaged []*forwarder
	for range 9 {
		engaged = append(engaged, fs.engage())
	}
	for _, f := range fs.all {
		require.Equal(t, 3, f.viewers)
	}
	for _, f := range engaged {
		if f == fs.all[1] {
			fs.dismiss(f)
		}
	}
	require.Same(t, fs.all[1], fs.engage())
}

// However often a viewer is roused by its two media, nothing that has come is left lying.
func TestForwarderMissesNothing(t *testing.T) {
	fs := newForwarders()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { fs.Run(ctx) })
	defer running.Wait()
	defer cancel()
	const viewers, packets = 10, 2000
	tracks := []*media.Track{testTrack(media.KindVideo), testTrack(media.KindAudio)}
	var all []*viewer
	for range viewers {
		v := &viewer{session: &session{}, dropped: new(atomic.Uint64), forwarder: fs.engage()}
		for _, track := range tracks {
			o, err := newOutgoing(track.Kind(), track.Format(), "cam")
			require.NoError(t, err)
			o.rouse = v.rouse
			if track.Kind() == media.KindVideo {
				v.video = o
			} else {
				v.audio = o
			}
		}
		v.attach(tracks, time.Now())
		all = append(all, v)
	}
	var writing sync.WaitGroup
	for _, track := range tracks {
		writing.Go(func() {
			for seq := range uint16(packets) {
				pushTo(track, seq, true)
			}
		})
	}
	writing.Wait()
	for _, v := range all {
		require.Eventually(t, func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return uint64(v.video.packets+v.audio.packets)+v.dropped.Load() == 2*packets
		}, 10*time.Second, time.Millisecond)
		v.locked(v.finish)
	}
}

// A viewer over TCP that has stopped reading loses packets, and another one, though the same goroutine forwards to both, does not.
func TestStalledViewer(t *testing.T) {
	f := newFixture(t, Options{TCPListen: "127.0.0.1:0"})
	forwarders := f.server.forwarders
	forwarders.mu.Lock()
	for _, other := range forwarders.all[1:] {
		other.viewers = 1000
	}
	forwarders.mu.Unlock()
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
	require.Eventually(t, func() bool { return f.server.Viewers().Count("cam").Viewers == 2 }, 10*time.Second, time.Millisecond)
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

// BenchmarkForward hands a packet on to viewers, to where it would be encrypted.
func BenchmarkForward(b *testing.B) {
	track := testTrack(media.KindVideo)
	o, w := sentTo(b, 8)
	v := &viewer{session: &session{}, dropped: new(atomic.Uint64), video: o, forwarder: &forwarder{wake: make(chan struct{}, 1)}}
	o.rouse = v.rouse
	o.attach(track, time.Now())
	p := track.NewPacket()
	p.RTP, p.KeyFrame = *rtptest.VP8Packet(0, true), true
	w.discards = true
	b.ReportAllocs()
	for b.Loop() {
		p.RTP.SequenceNumber++
		o.tap.Deliver(p)
		v.forwarder.due = v.forwarder.due[:0]
		v.turn()
	}
	require.Equal(b, uint32(b.N), o.packets)
}
