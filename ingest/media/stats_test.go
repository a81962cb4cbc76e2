package media

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// What is restored tells nothing of the network's jitter.
func TestRestoredJitter(t *testing.T) {
	s := receiverStats{clockRate: 48000}
	start := time.Unix(1000, 0)
	for _, p := range []struct {
		seq      uint16
		ms       int
		restored bool
	}{{1, 0, false}, {2, 40, true}, {3, 40, false}} {
		q := Packet{Arrival: start.Add(time.Duration(p.ms) * time.Millisecond), restored: p.restored}
		q.RTP = *rtptest.OpusPacket(p.seq)
		s.add(&q)
	}
	require.Zero(t, s.jitter)
	require.Equal(t, uint64(1), s.recovered)
}

// RFC 3550 §A.1, §A.3, §A.8.
func TestReceiverStats(t *testing.T) {
	type packet struct {
		seq uint16
		ts  uint32
		ms  int
		key bool
	}
	start := time.Unix(1000, 0)
	run := func(rate uint32, packets ...packet) TrackStats {
		s := receiverStats{clockRate: rate}
		for _, p := range packets {
			var q Packet
			q.RTP.SequenceNumber, q.RTP.Timestamp, q.RTP.Payload = p.seq, p.ts, make([]byte, 100)
			q.Arrival, q.KeyFrame = start.Add(time.Duration(p.ms)*time.Millisecond), p.key
			s.add(&q)
		}
		return s.snapshot(start.Add(time.Duration(packets[len(packets)-1].ms) * time.Millisecond))
	}
	st := run(90000, packet{seq: 65534}, packet{seq: 65535, ts: 900, ms: 10}, packet{seq: 1, ts: 2700, ms: 30}, packet{seq: 4, ts: 5400, ms: 60})
	require.Equal(t, uint64(3), st.Lost, "0, 2 and 3")
	require.Zero(t, st.Jitter)
	st = run(90000, packet{seq: 10}, packet{seq: 13}, packet{seq: 11}, packet{seq: 12}, packet{seq: 12})
	require.Zero(t, st.Lost, "late ones count, and twice is not more")
	st = run(90000, packet{}, packet{seq: 1, ts: 0, ms: 16})
	require.Equal(t, time.Millisecond, st.Jitter, "a sixteenth of 16 ms")
	st = run(90000, packet{}, packet{seq: 2}, packet{seq: 1, ms: 500})
	require.Zero(t, st.Jitter, "sent again")
	st = run(48000, packet{ts: 1<<32 - 480}, packet{seq: 1, ts: 0, ms: 10})
	require.Zero(t, st.Jitter, "time stamps wrap")
	st = run(90000, packet{}, packet{seq: 1, ms: 500}, packet{seq: 2, ms: 1000})
	require.InDelta(t, 2400, st.Bitrate, 0.1)
	require.Equal(t, uint64(300), st.Bytes)
	st = run(90000, packet{}, packet{seq: 1}, packet{seq: 3, ts: 3000, ms: 500}, packet{seq: 2, ms: 500}, packet{seq: 4, ts: 6000, ms: 1000}, packet{seq: 5, ts: 6000, ms: 1000})
	require.InDelta(t, 2, st.FPS, 0.1, "time stamps tell pictures apart, not markers")

	var idle receiverStats
	require.Zero(t, idle.snapshot(start))
}
