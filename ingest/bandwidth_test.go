package ingest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// slowLink is a network that carries so many bits a second to who reads from it, and holds so many packets; 0: all.
type slowLink struct {
	bitrate atomic.Int64
	packets int
}

// wrap makes a socket one behind the link.
func (l *slowLink) wrap(c transport.UDPConn) transport.UDPConn {
	s := &slowConn{UDPConn: c, link: l, queue: make(chan datagram, l.packets), closed: make(chan struct{})}
	go s.pump()
	return s
}

type datagram struct {
	bytes []byte
	from  net.Addr
	err   error
}

type slowConn struct {
	transport.UDPConn
	link   *slowLink
	queue  chan datagram
	once   sync.Once
	closed chan struct{}
}

func (c *slowConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.UDPConn.Close()
}

// pump drops what does not fit.
func (c *slowConn) pump() {
	defer close(c.queue)
	for {
		buf := make([]byte, 1600)
		n, from, err := c.UDPConn.ReadFrom(buf)
		select {
		case c.queue <- datagram{buf[:n], from, err}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (c *slowConn) ReadFrom(b []byte) (int, net.Addr, error) {
	d, ok := <-c.queue
	if !ok {
		return 0, nil, net.ErrClosed
	}
	if rate := c.link.bitrate.Load(); rate > 0 {
		select {
		case <-c.closed:
		case <-time.After(time.Duration(len(d.bytes)*8) * time.Second / time.Duration(rate)):
		}
	}
	return copy(b, d.bytes), d.from, d.err
}

// bandwidthOf is what is known of the only viewer's network.
func (f *fixture) bandwidthOf(kind session.Kind) bandwidth.Stats {
	for _, info := range f.server.Sessions().Infos() {
		if info.Kind == kind && info.Bandwidth != nil {
			return *info.Bandwidth
		}
	}
	return bandwidth.Stats{}
}

// A viewer's network that is too slow is found out by what its client tells, and so is that it has become faster.
func TestViewersBandwidth(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	sequence := uint16(0)
	atPace(t, func(number int) {
		_ = studio.audio.WriteRTP(rtptest.OpusPacket(uint16(number)))
		for i := range 2 { // 1.6 Mbit/s
			p := rtptest.VP8Packet(sequence, number%100 == 0 && i == 0)
			p.Timestamp, p.Marker = uint32(number)*900, i == 1
			p.Payload = append(p.Payload, make([]byte, 1000)...)
			_ = studio.video.WriteRTP(p)
			sequence++
		}
	})
	slow := &slowLink{packets: 30}
	viewer := newSpectator(t, f, "cam", peerOptions{wrap: slow.wrap})
	viewer.waitConnected()
	eventually(t, func() bool { return f.bandwidthOf(session.KindViewer).Packets > 100 })
	slow.bitrate.Store(400_000)
	eventually(t, func() bool {
		b := f.bandwidthOf(session.KindViewer)
		return b.Estimate > 0 && b.Estimate < 800_000 && b.Wanted > b.Estimate
	})
	slow.bitrate.Store(0)
	eventually(t, func() bool {
		b := f.bandwidthOf(session.KindViewer)
		return b.Estimate > 1_500_000 && b.RTT > 0
	})
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
}

// Of a simulcast each viewer gets the layer that its network carries, from a key frame of that layer on, as one stream: the best one goes on to
// who has room for it.
func TestViewersLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newSimulcaster(t, f, "cam")
	studio.film()
	track := f.server.sessions.Session(studio.location).Track(media.KindVideo)
	eventually(t, func() bool {
		encodings := track.Encodings()
		return len(encodings) == 3 && encodings[0].Rate > 0 && encodings[2].Name == "h"
	})
	slow := &slowLink{packets: 60}
	viewer := newSpectator(t, f, "cam", peerOptions{wrap: slow.wrap})
	viewer.waitConnected()
	var previous *rtp.Packet
	until := func(layer string) {
		for {
			p := rtptest.Wait(t, viewer.packets["video"], "layer "+layer)
			if previous != nil && int16(p.SequenceNumber-previous.SequenceNumber) > 0 {
				require.Positive(t, int32(p.Timestamp-previous.Timestamp), "time goes on")
			}
			size := len(p.Payload)
			changed := previous != nil && size != len(previous.Payload) && p.SequenceNumber == previous.SequenceNumber+1
			require.False(t, changed && !vp8.KeyFrameStarts(p.Payload), "another layer begins with a key frame")
			previous = p
			if map[int]string{73: "l", 253: "m", 973: "h"}[size] == layer {
				return
			}
		}
	}
	until("h")
	slow.bitrate.Store(150_000)
	until("l")
	other := newSpectator(t, f, "cam", peerOptions{})
	require.Len(t, rtptest.Wait(t, other.packets["video"], "the best layer").Payload, 973)
	slow.bitrate.Store(0)
	until("h")
	require.Equal(t, "h", track.Stats().Layer)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", other.location, "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", studio.location, "").StatusCode)
	f.requireNothingLeft()
}

// eventually waits for what only a defect prevents.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 2*time.Minute, 20*time.Millisecond)
}
