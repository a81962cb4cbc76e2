package ingest

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// script yields what each step returns, then the end.
type script []any

func (s *script) Read(b []byte) (int, interceptor.Attributes, error) {
	if len(*s) == 0 {
		return 0, nil, io.EOF
	}
	step := (*s)[0]
	*s = (*s)[1:]
	if err, ok := step.(error); ok {
		return 0, nil, err
	}
	return copy(b, step.([]byte)), nil, nil
}

func marshal(t testing.TB, p interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := p.Marshal()
	require.NoError(t, err)
	return b
}

// Unreadable packets are counted and passed over; they do not end the track.
func TestReadRTP(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(8)
	track.readRTP(&script{
		marshal(t, vp8Packet(1, true)), []byte{}, []byte{0x80}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
		errors.New("payload type was not negotiated"), marshal(t, vp8Packet(2, false)),
	}, track.deliver)
	require.Equal(t, []int{1, 2}, sequences(tap))
	st := track.Stats()
	require.Equal(t, uint64(4), st.Malformed)
	require.Equal(t, uint64(2), st.Packets)
	require.Equal(t, uint64(1), st.KeyFrames)
	require.Equal(t, KindVideo, st.Kind)
}

// A reader that does nothing but fail is given up.
func TestReadRTPGivesUp(t *testing.T) {
	track := testTrack(KindVideo)
	track.readRTP(failing{}, track.deliver)
	require.Equal(t, uint64(maxReadErrors), track.Stats().Malformed)
}

type failing struct{}

func (failing) Read([]byte) (int, interceptor.Attributes, error) {
	return 0, nil, errors.New("for ever")
}

// RFC 3550 §6.4.1: only the track's own reports count.
func TestReadRTCP(t *testing.T) {
	track := testTrack(KindAudio)
	require.True(t, track.bind(7, func() {}))
	require.False(t, track.bind(8, func() {}), "one source for a track")
	tap := track.Tap(8)
	compound, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 7, NTPTime: 5 << 32, RTPTime: 960},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 7}}},
	})
	require.NoError(t, err)
	track.readReports(&script{
		[]byte("junk"), marshal(t, &rtcp.SenderReport{SSRC: 8, NTPTime: 1}), compound, marshal(t, &rtcp.ReceiverReport{SSRC: 7}),
	}, 7, track.deliverReport)
	p, ok := tap.Next()
	require.True(t, ok)
	require.Equal(t, SenderReport{NTP: 5 << 32, RTPTime: 960}, *p.Report)
	p.Release()
	_, ok = tap.Next()
	require.False(t, ok)
}

// FuzzTrack feeds arbitrary bytes as RTP and RTCP.
func FuzzTrack(f *testing.F) {
	f.Add(marshal(f, vp8Packet(1, true)))
	f.Add(marshal(f, &rtcp.SenderReport{SSRC: 7}))
	f.Fuzz(func(t *testing.T, b []byte) {
		track := testTrack(KindVideo)
		require.True(t, track.bind(7, func() {}))
		tap := track.Tap(4)
		b = b[:min(len(b), maxPacket)]
		track.readRTP(&script{b, b}, track.deliver)
		track.readReports(&script{b}, 7, track.deliverReport)
		track.end()
		sequences(tap)
		require.True(t, tap.Ended())
	})
}

// Wishes merge; one stands until a key frame begins and is repeated at most twice a second.
func TestKeyFrameRequests(t *testing.T) {
	var k keyRequests
	sent := 0
	at := func(ms int) time.Time { return time.Unix(100, int64(ms)*int64(time.Millisecond)) }
	k.request(at(0))
	require.Zero(t, sent, "there is nobody to ask yet")
	k.setSend(func() { sent++ })
	k.flush(at(1))
	require.Equal(t, 1, sent, "asked as soon as there is")
	k.request(at(2))
	k.request(at(499))
	k.flush(at(500))
	require.Equal(t, 1, sent)
	k.flush(at(501))
	require.Equal(t, 2, sent, "no key frame has come: asked again")
	k.satisfy()
	k.flush(at(2000))
	require.Equal(t, 2, sent)
	k.request(at(2001))
	require.Equal(t, 3, sent)
	require.Equal(t, uint64(3), k.count())
}

func TestKeyFrameRequestsOfTrack(t *testing.T) {
	video, audio := testTrack(KindVideo), testTrack(KindAudio)
	sent := 0
	for _, track := range []*Track{video, audio} {
		require.True(t, track.bind(1, func() { sent++ }))
		track.write(1, false)
		track.RequestKeyFrame()
	}
	require.Equal(t, 1, sent, "audio has none")
	video.write(2, true)
	video.Subscribe(&discard{})
	require.Equal(t, uint64(1), video.Stats().KeyFrameRequests, "throttled")
	require.True(t, video.keys.wanted.Load(), "who comes late needs one")
	require.Zero(t, audio.Stats().KeyFrames)
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

	var idle receiverStats
	require.Zero(t, idle.snapshot(start))
}
