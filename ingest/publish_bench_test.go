package ingest

import (
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// BenchmarkPublish is a packet's whole way, both ends of a real connection in this process: the sender's pion, UDP, the
// server's pion, track and tap. One packet is under way at a time. What it allocates is pion's: see BenchmarkTrack.
func BenchmarkPublish(b *testing.B) {
	f := newFixture(b, Options{})
	client := newPeer(b, peerOptions{})
	client.publish(f, "/whip/a")
	client.waitConnected()
	p, _ := f.server.Sessions().Publisher("a")
	tap := p.Tracks()[1].Tap(512)
	payload := make([]byte, 1100)
	payload[0], payload[1] = 0x10, 1
	seq := uint16(0)
	turn := func() {
		seq++
		packet := rtptest.VP8Packet(seq, false)
		packet.Payload = payload
		require.NoError(b, client.video.WriteRTP(packet))
		takeFrom(b, tap, 1)
	}
	turn()
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		turn()
	}
}
