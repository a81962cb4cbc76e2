package ingest

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/session"
)

// What is sent for the benchmark: 2.4 Mbit/s.
const (
	pulledViewers = 20
	pulledPackets = 1500
	pulledEvery   = 4 * time.Millisecond
	pulledBytes   = 1200
)

// BenchmarkPulled measures by how much later than at the origin viewers over WHEP get packets at a relay of it, and at a relay of that, in one run:
// one viewer at the origin and at the last, many at the first relay. All are in this process, and share its cores. What the origin sends is told as a
// share of what the first relay does. Run it with -benchtime 1x.
func BenchmarkPulled(b *testing.B) {
	for b.Loop() {
		origin := newFixture(b, Options{})
		relay := newFixture(b, Options{Origin: upstreamOf(origin).of})
		second := newFixture(b, Options{Origin: upstreamOf(relay).of})
		studio := newPeer(b, peerOptions{})
		studio.publish(origin, "/whip/cam")
		studio.waitConnected()
		feed := newFeed(b, studio)
		feed.send(0, 50) // or nobody publishes yet
		crowds := map[string][]*spectator{"direct": {newSpectator(b, origin, "cam", peerOptions{})}, "second": {newSpectator(b, second, "cam", peerOptions{})}}
		for range pulledViewers {
			crowds["relayed"] = append(crowds["relayed"], newSpectator(b, relay, "cam", peerOptions{}))
		}
		late := map[string]*lateness{}
		var reading sync.WaitGroup
		stop := make(chan struct{})
		for name, crowd := range crowds {
			late[name] = &lateness{}
			for _, v := range crowd {
				v.waitConnected()
				reading.Go(func() { late[name].read(v, feed, stop) })
			}
		}
		feed.send(50, 250) // until all have begun
		before, beforeRelay := sent(origin, true), sent(relay, false)
		feed.send(250, pulledPackets)
		fromOrigin, fromRelay := sent(origin, true)-before, sent(relay, false)-beforeRelay
		close(stop)
		reading.Wait()
		for name, l := range late {
			slices.Sort(l.all)
			require.NotEmpty(b, l.all, name)
			b.ReportMetric(l.all[len(l.all)/2], name+"-p50-ms")
			b.ReportMetric(l.all[len(l.all)*99/100], name+"-p99-ms")
			b.ReportMetric(float64(l.n)/float64(len(crowds[name])*(pulledPackets-250))*100, name+"-arrived-%")
		}
		b.ReportMetric(float64(fromOrigin)/float64(fromRelay)*100, "origin-%of-relay")
		b.ReportMetric(0, "ns/op")
	}
}

// feed sends packets that tell their number, and knows when.
type feed struct {
	testing.TB
	studio *peer

	mu   sync.Mutex
	when []time.Time
}

func newFeed(t testing.TB, studio *peer) *feed { return &feed{TB: t, studio: studio} }

func (f *feed) send(from, to int) {
	pace := time.NewTicker(pulledEvery)
	defer pace.Stop()
	for n := from; n < to; n++ {
		p := rtptest.VP8Packet(uint16(n), n%100 == 0)
		p.Payload = append(binary.BigEndian.AppendUint32(p.Payload, uint32(n)), make([]byte, pulledBytes)...)
		f.mu.Lock()
		f.when = append(f.when, time.Now())
		f.mu.Unlock()
		require.NoError(f, f.studio.video.WriteRTP(p))
		<-pace.C
	}
}

func (f *feed) at(n uint32) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.when[n]
}

// lateness is how long packets were under way, in ms.
type lateness struct {
	mu  sync.Mutex
	n   int
	all []float64
}

func (l *lateness) read(v *spectator, f *feed, stop chan struct{}) {
	const number = 11 // of the payload, behind what VP8 begins with
	for {
		var p *rtp.Packet
		select {
		case p = <-v.packets["video"]:
		case <-stop:
			return
		}
		if n := binary.BigEndian.Uint32(p.Payload[number:]); n >= 250 {
			took := float64(time.Since(f.at(n)).Microseconds()) / 1000
			l.mu.Lock()
			l.n++
			l.all = append(l.all, took)
			l.mu.Unlock()
		}
	}
}

// sent is how many bytes the viewers of a server were sent; relays are those that pull, which come after the first.
func sent(f *fixture, toRelay bool) (bytes uint64) {
	first := true
	for _, info := range f.server.Sessions().Infos() {
		if info.Kind != session.KindViewer {
			continue
		}
		if !toRelay || !first {
			for _, s := range info.Sent {
				bytes += s.Bytes
			}
		}
		first = false
	}
	return bytes
}
