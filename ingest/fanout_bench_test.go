package ingest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// A picture of 1.5 Mbit/s: 30 frames a second of 5 packets.
const (
	fanOutFrames  = 30
	fanOutPackets = 5
	fanOutPayload = 1250
)

// BenchmarkFanOut forwards 1.5 Mbit/s to viewers for a second in each iteration, publisher and viewers in the same process, as
// pion clients. It reports the CPU that each viewer costs, the viewer's own included, and the time from a packet's write at the
// publisher to its read at the viewers.
func BenchmarkFanOut(b *testing.B) {
	for _, viewers := range []int{10, 50, 100} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) { benchmarkFanOut(b, viewers) })
	}
}

func benchmarkFanOut(b *testing.B, viewers int) {
	f := newFixture(b, Options{MaxSessionsPerAddress: 1000, MaxViewers: 1000})
	studio := newPeer(b, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	began := time.Now()
	delays := &delays{began: began}
	for range viewers {
		newAudience(b, f, delays)
	}
	sequence := uint16(0)
	second := func() {
		for frame := range fanOutFrames {
			for i := range fanOutPackets {
				sequence++
				p := vp8Packet(sequence, frame == 0 && i == 0)
				p.Marker = i == fanOutPackets-1
				p.Timestamp = uint32(time.Since(began).Seconds() * 90000)
				payload := make([]byte, fanOutPayload)
				copy(payload, p.Payload)
				binary.BigEndian.PutUint64(payload[16:], uint64(time.Since(began)))
				p.Payload = payload
				require.NoError(b, studio.video.WriteRTP(p))
			}
			time.Sleep(time.Second / fanOutFrames)
		}
	}
	second()
	delays.take()
	used, seconds := processTime(b), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		second()
		seconds += time.Since(start)
	}
	cpu := processTime(b) - used
	all := delays.take()
	require.NotEmpty(b, all)
	slices.Sort(all)
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(100*cpu.Seconds()/seconds.Seconds()/float64(viewers), "%core/viewer")
	b.ReportMetric(milliseconds(all[len(all)/2]), "p50-ms")
	b.ReportMetric(milliseconds(all[len(all)*99/100]), "p99-ms")
	b.ReportMetric(float64(len(all))/float64(b.N*viewers*fanOutFrames*fanOutPackets), "received")
}

// newAudience adds one viewer whose packets are timed.
func newAudience(b *testing.B, f *fixture, d *delays) {
	viewer := newPeer(b, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	viewer.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, maxPacket)
		for {
			n, _, err := remote.Read(buf)
			if err != nil {
				return
			}
			if n >= fanOutPayload {
				d.add(binary.BigEndian.Uint64(buf[n-fanOutPayload+16:]))
			}
		}
	})
	viewer.publish(f, "/whep/cam")
	viewer.waitConnected()
}

// delays collects how long packets were under way.
type delays struct {
	began time.Time

	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) add(sent uint64) {
	delay := time.Since(d.began) - time.Duration(sent)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, delay)
}

func (d *delays) take() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// processTime is the CPU time of this process.
func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
