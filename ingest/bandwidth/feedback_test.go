package bandwidth

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

type told struct {
	sequence uint16
	received bool
	arrival  time.Duration
}

func read(packet []byte) (all []told, err error) {
	err = readFeedback(packet, func(sequence uint16, received bool, arrival time.Duration) {
		all = append(all, told{sequence, received, arrival})
	})
	return all, err
}

func marshal(t testing.TB, p rtcp.Packet) []byte {
	b, err := p.Marshal()
	require.NoError(t, err)
	return b
}

// What pion's receiver writes is read as it was meant: runs, vectors, holes, long pauses, and numbers that wrap.
func TestFeedback(t *testing.T) {
	recorder := twcc.NewRecorder(1)
	arrivals := map[uint16]time.Duration{}
	at := 70 * time.Second
	for i := range uint16(400) {
		sequence := 65400 + i
		if i%7 == 3 || i > 100 && i < 150 {
			continue
		}
		at += time.Duration(i%5) * 300 * time.Microsecond
		if i == 200 {
			at += 2 * time.Second
		}
		arrivals[sequence] = at
		recorder.Record(1, sequence, at.Microseconds())
	}
	seen := map[uint16]bool{}
	for _, p := range recorder.BuildFeedbackPacket() {
		b := marshal(t, p)
		require.True(t, IsFeedback(b))
		all, err := read(b)
		require.NoError(t, err)
		for _, s := range all {
			arrival, came := arrivals[s.sequence]
			require.Equal(t, came, s.received, s.sequence)
			if came {
				require.InDelta(t, arrival.Seconds(), s.arrival.Seconds(), 0.0005)
			}
			seen[s.sequence] = true
		}
		for n := range len(b) {
			if cut, err := read(b[:n]); err != nil {
				require.Empty(t, cut, "nothing is told of what is malformed")
			}
		}
	}
	for sequence := range arrivals {
		require.True(t, seen[sequence])
	}
}

func TestOtherPackets(t *testing.T) {
	require.False(t, IsFeedback(nil))
	require.False(t, IsFeedback(marshal(t, &rtcp.PictureLossIndication{})))
	require.False(t, IsFeedback(marshal(t, &rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 1}}})))
}

// The client's clock begins anew after twelve days, and nobody sees it.
func TestClientsClockWraps(t *testing.T) {
	var c clock
	before := c.since(clockRound - time.Millisecond)
	require.Equal(t, 3*time.Millisecond, c.since(2*time.Millisecond)-before)
	require.Equal(t, time.Duration(0), c.since(clockRound-time.Millisecond)-before, "and back, when it was reordered")
}

// Feedback about what was never sent, or long ago, changes nothing.
func TestFeedbackOfNothing(t *testing.T) {
	now := time.Now()
	c := NewController(now)
	recorder := twcc.NewRecorder(1)
	recorder.Record(1, 5, 1000)
	packet := marshal(t, recorder.BuildFeedbackPacket()[0])
	c.Feedback(packet, now)
	require.Equal(t, uint16(0), c.Sent(100, now))
	c.Feedback(packet, now)
	require.Zero(t, c.Stats(now).Packets)
	for range 3 * historyPackets {
		c.Sent(100, now)
	}
	c.Feedback(packet, now)
	require.Zero(t, c.Stats(now).Packets)
}

func BenchmarkSent(b *testing.B) {
	c, now := NewController(time.Now()), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		c.Sent(1200, now)
	}
}

// BenchmarkFeedback takes the report of 15 packets.
func BenchmarkFeedback(b *testing.B) {
	now := time.Now()
	c := NewController(now)
	recorder := twcc.NewRecorder(1)
	for i := range uint16(15) {
		c.Sent(1200, now)
		recorder.Record(1, i, int64(i)*1000)
	}
	packet := marshal(b, recorder.BuildFeedbackPacket()[0])
	b.ReportAllocs()
	for b.Loop() {
		for i := range 15 {
			c.history.packets[i].told = false
		}
		c.Feedback(packet, now)
	}
}

func FuzzFeedback(f *testing.F) {
	recorder := twcc.NewRecorder(1)
	for i := range uint16(60) {
		recorder.Record(1, i*i, int64(i)*20000)
	}
	for _, p := range recorder.BuildFeedbackPacket() {
		f.Add(marshal(f, p))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		now := time.Now()
		c := NewController(now)
		for i := range 100 {
			c.Sent(1200, now.Add(time.Duration(i)*time.Millisecond))
		}
		if IsFeedback(packet) {
			c.Feedback(packet, now.Add(time.Second))
		}
		bitrate, known := c.Estimate()
		if known && (bitrate < leastBitrate || bitrate > mostBitrate) {
			t.Fatal(bitrate)
		}
		if !IsFeedback(packet) {
			return
		}
		var p rtcp.TransportLayerCC
		all, err := read(packet)
		if p.Unmarshal(packet) != nil || err != nil {
			return
		}
		if len(all) != int(p.PacketStatusCount) {
			t.Fatal(len(all), p.PacketStatusCount)
		}
	})
}
