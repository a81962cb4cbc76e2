package depay

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// benchSender makes a picture of 10 packets of 1,100 bytes, and turns it into the next one in place.
type benchSender struct {
	source  videoSource
	packets []*rtp.Packet
	n       int
	now     time.Time
}

func newBenchSender() *benchSender {
	s := &benchSender{now: time.Now()}
	s.packets = s.source.frame(0, true, false, 10*mtu)
	return s
}

func (s *benchSender) push(d *Depacketizer) {
	s.n++
	s.now = s.now.Add(time.Second / 30)
	for _, p := range s.packets {
		p.SequenceNumber += uint16(len(s.packets))
		p.Timestamp = uint32(s.n * 3000)
		p.Payload[2], p.Payload[3] = 0x80|byte(s.n>>8), byte(s.n)
		d.Push(Video, p, s.now)
	}
}

func newBench(tb testing.TB) *Depacketizer {
	d, err := New(Options{Video: VP8, Audio: Opus, Emit: func(Frame) {}})
	require.NoError(tb, err)
	return d
}

// BenchmarkPushVideo is one picture of 10 packets; ns/packet is what a packet of 1,100 bytes costs.
func BenchmarkPushVideo(b *testing.B) {
	d, s := newBench(b), newBenchSender()
	b.ReportAllocs()
	b.SetBytes(10 * mtu)
	for b.Loop() {
		s.push(d)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/packet")
	if st := d.Stats().Video; st.FramesOut != uint64(s.n) {
		b.Fatalf("%d frames out of %d: %+v", st.FramesOut, s.n, st)
	}
}

// BenchmarkPushVideoReordered swaps two packets of each picture.
func BenchmarkPushVideoReordered(b *testing.B) {
	d, s := newBench(b), newBenchSender()
	s.push(d)
	s.packets[4], s.packets[5] = s.packets[5], s.packets[4]
	b.ReportAllocs()
	for b.Loop() {
		s.push(d)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/packet")
}

func BenchmarkPushAudio(b *testing.B) {
	d, s := newBench(b), newBenchSender()
	s.push(d)
	var source audioSource
	p := source.packet(0)
	p.Payload = slices.Grow(p.Payload, 120)[:120]
	b.ReportAllocs()
	for b.Loop() {
		p.SequenceNumber++
		p.Timestamp += 960
		s.now = s.now.Add(20 * time.Millisecond)
		d.Push(Audio, p, s.now)
	}
}

// BenchmarkTickQuiet is one Tick while both tracks are quiet: a repeat frame of 640x480 and silence.
func BenchmarkTickQuiet(b *testing.B) {
	d, s := newBench(b), newBenchSender()
	s.push(d)
	b.ReportAllocs()
	for b.Loop() {
		s.now = s.now.Add(time.Second / 30)
		d.Tick(s.now)
	}
}

// BenchmarkTickSteady is one Tick with nothing to fill.
func BenchmarkTickSteady(b *testing.B) {
	d, s := newBench(b), newBenchSender()
	s.push(d)
	b.ReportAllocs()
	for b.Loop() {
		d.Tick(s.now)
	}
}

// TestOneAllocationPerFrame keeps the benchmarks' promise.
func TestOneAllocationPerFrame(t *testing.T) {
	d, s := newBench(t), newBenchSender()
	s.push(d)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { s.push(d) }), 1.0)
	s.packets[4], s.packets[5] = s.packets[5], s.packets[4]
	for range maxHeld { // every place of the reorder buffer has been used once
		s.push(d)
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { s.push(d) }), 1.0, "reordered")
}
