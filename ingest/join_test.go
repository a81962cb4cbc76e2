package ingest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp8"
)

// encoder sends a picture every 10 ms in two packets, each with the number of the picture, and a key frame only when asked.
type encoder struct {
	*peer
	asked atomic.Uint64
	keyed uint64
}

func newEncoder(t *testing.T, f *fixture, stream string) *encoder {
	t.Helper()
	e := &encoder{peer: newPeer(t, peerOptions{})}
	e.onRTCP = func(p rtcp.Packet) {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			e.asked.Add(1)
		}
	}
	e.publish(f, "/whip/"+stream)
	e.waitConnected()
	atPace(t, func(number int) { e.encode(uint16(number + 1)) })
	return e
}

func (e *encoder) encode(picture uint16) {
	asked := e.asked.Load()
	for i := range uint16(2) {
		p := rtptest.VP8Packet(2*picture+i, i == 0 && asked > e.keyed)
		p.Timestamp, p.Marker = uint32(picture)*900, i == 1
		if i == 1 {
			p.Payload[0] = 0 // not the beginning of a picture
		}
		p.Payload = binary.BigEndian.AppendUint16(p.Payload, picture)
		_ = e.video.WriteRTP(p)
	}
	e.keyed = asked
}

// A viewer that comes soon after another begins at the same key frame, with every picture since, and asks for no other.
func TestViewerBeginsInTheMiddle(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newEncoder(t, f, "cam")
	first := newSpectator(t, f, "cam", peerOptions{})
	requireWholePictures(t, first, 10)
	soon := false
	for range 10 { // on a busy machine one may come too late
		asked := studio.asked.Load()
		requireWholePictures(t, newSpectator(t, f, "cam", peerOptions{}), 60)
		if soon = asked == studio.asked.Load(); soon {
			break
		}
	}
	require.True(t, soon, "each has asked for a key frame of its own")
	require.Zero(t, f.server.Viewers().Count("cam").Dropped)
}

// requireWholePictures checks so many pictures: the first needs no other, and every other one follows the one before.
func requireWholePictures(t *testing.T, s *spectator, pictures int) {
	t.Helper()
	var previous *rtp.Packet
	for i := range 2 * pictures {
		p := rtptest.Wait(t, s.packets["video"], "video")
		number := func(p *rtp.Packet) uint16 { return binary.BigEndian.Uint16(p.Payload[len(p.Payload)-2:]) }
		if previous == nil {
			require.True(t, vp8.KeyFrameStarts(p.Payload), "the first picture needs no other")
		} else {
			require.Equal(t, previous.SequenceNumber+1, p.SequenceNumber)
			require.Equal(t, number(previous)+uint16((i+1)%2), number(p))
			require.Equal(t, i%2 == 1, p.Timestamp == previous.Timestamp, "one time stamp for each picture")
			require.Less(t, p.Timestamp-previous.Timestamp, uint32(9000))
		}
		previous = p
	}
}
