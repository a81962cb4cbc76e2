package ingest

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// lossyLink is a network that loses so many of a hundred packets of media.
type lossyLink struct{ percent atomic.Uint32 }

func (l *lossyLink) wrap(c transport.UDPConn) transport.UDPConn {
	return &lossyConn{UDPConn: c, link: l, random: 1}
}

type lossyConn struct {
	transport.UDPConn
	link   *lossyLink
	random uint32
}

func (c *lossyConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || n < 2 || b[0] < 128 || b[1] >= 192 && b[1] < 224 { // RTCP
			return n, from, err
		}
		c.random = c.random*1664525 + 1013904223
		if c.random>>16%100 >= c.link.percent.Load() {
			return n, from, err
		}
	}
}

// soundsIn are the numbers of the sounds that a packet has, its own last.
func soundsIn(t testing.TB, p *rtp.Packet) (sounds []uint16) {
	t.Helper()
	if p.PayloadType == 63 {
		blocks := 0
		for ; p.Payload[4*blocks]&0x80 != 0; blocks++ {
			require.Equal(t, byte(0x80|111), p.Payload[4*blocks])
			require.Equal(t, byte(3), p.Payload[4*blocks+3], "its length")
		}
		p.Payload = p.Payload[4*blocks+1:]
	}
	require.Zero(t, len(p.Payload)%3)
	for b := p.Payload; len(b) > 0; b = b[3:] {
		sounds = append(sounds, binary.BigEndian.Uint16(b[1:]))
	}
	return sounds
}

// redOf is how many earlier packets each packet of sound brings that somebody is sent.
func (f *fixture) redOf(kind session.Kind) (red int) {
	for _, info := range f.server.Sessions().Infos() {
		for _, sent := range info.Sent {
			if info.Kind == kind && sent.Kind == media.KindAudio {
				red = max(red, sent.RED)
			}
		}
	}
	return red
}

// requireHeard asserts that of 1000 sounds all but 2 % come although a tenth of the packets is lost, and returns the packets that came.
func requireHeard(t *testing.T, packets chan *rtp.Packet) (come int) {
	t.Helper()
	heard := map[uint16]bool{}
	first := soundsIn(t, rtptest.Wait(t, packets, "sound"))
	begin := first[len(first)-1]
	for {
		p := rtptest.Wait(t, packets, "sound")
		sounds := soundsIn(t, p)
		newest := sounds[len(sounds)-1] - begin
		for _, n := range sounds {
			if n-begin < 1000 {
				heard[n-begin] = true
			}
		}
		if newest >= 1002 {
			break
		}
		come++
	}
	t.Logf("%d packets have brought %d of 1000 sounds", come, len(heard))
	require.Greater(t, len(heard), 980)
	return come
}

// Who takes redundancy gets sound with earlier packets as soon as some are lost, and hears all but very little; nobody gets any without. What a
// publisher's redundancy restores is in it too.
func TestViewersRedundancy(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{audioOnly: true, red: true})
	sound := &mixed{TrackLocalStaticRTP: studio.audio}
	require.NoError(t, studio.pc.GetSenders()[0].ReplaceTrack(sound))
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	atPace(t, func(number int) {
		if number%3 != 1 { // which is lost on the way to the server
			sound.send(t, uint16(number), min(number, 1))
		}
	})
	lossy := &lossyLink{}
	other := newSpectator(t, f, "cam", peerOptions{wrap: lossy.wrap})
	viewer := newSpectator(t, f, "cam", peerOptions{wrap: lossy.wrap, red: true})
	require.Contains(t, viewer.answer, "SAVPF 63 111\r\n")
	require.Contains(t, other.answer, "SAVPF 111\r\n")
	viewer.waitConnected()
	for range 200 {
		require.Equal(t, uint8(111), rtptest.Wait(t, viewer.packets["audio"], "sound").PayloadType)
	}
	require.Zero(t, f.redOf(session.KindViewer))
	lossy.percent.Store(10)
	eventually(t, func() bool { return f.redOf(session.KindViewer) > 0 })
	for rtptest.Wait(t, viewer.packets["audio"], "redundancy").PayloadType != 63 {
	}
	come := requireHeard(t, viewer.packets["audio"])
	require.Less(t, come, 960, "a tenth is lost")
	for len(other.packets["audio"]) > 0 {
		require.Equal(t, uint8(111), (<-other.packets["audio"]).PayloadType)
	}
}
