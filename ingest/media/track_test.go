package media

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// Unreadable packets are counted and passed over; they do not end the track.
func TestReadRTP(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(8)
	track.ReadRTP(&rtptest.Script{
		rtptest.Marshal(t, rtptest.VP8Packet(1, true)), []byte{}, []byte{0x80}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
		errors.New("payload type was not negotiated"), rtptest.Marshal(t, rtptest.VP8Packet(2, false)),
	}, track.Push)
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
	track.ReadRTP(failing{}, track.Push)
	require.Equal(t, uint64(maxReadErrors), track.Stats().Malformed)
}

type failing struct{}

func (failing) Read([]byte) (int, interceptor.Attributes, error) {
	return 0, nil, errors.New("for ever")
}

// RFC 3550 §6.4.1: only the track's own reports count.
func TestReadRTCP(t *testing.T) {
	track := testTrack(KindAudio)
	require.True(t, track.Bind(func() {}))
	require.False(t, track.Bind(func() {}), "one source for a track")
	tap := track.Tap(8)
	compound, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 7, NTPTime: 5 << 32, RTPTime: 960},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 7}}},
	})
	require.NoError(t, err)
	track.ReadReports(&rtptest.Script{
		[]byte("junk"), rtptest.Marshal(t, &rtcp.SenderReport{SSRC: 8, NTPTime: 1}), compound, rtptest.Marshal(t, &rtcp.ReceiverReport{SSRC: 7}),
	}, 7, track.PushReport)
	p, ok := tap.Next()
	require.True(t, ok)
	require.Equal(t, SenderReport{NTP: 5 << 32, RTPTime: 960}, *p.Report)
	p.Release()
	_, ok = tap.Next()
	require.False(t, ok)
}

// FuzzTrack feeds arbitrary bytes as RTP and RTCP.
func FuzzTrack(f *testing.F) {
	f.Add(rtptest.Marshal(f, rtptest.VP8Packet(1, true)))
	f.Add(rtptest.Marshal(f, &rtcp.SenderReport{SSRC: 7}))
	f.Fuzz(func(t *testing.T, b []byte) {
		track := testTrack(KindVideo)
		require.True(t, track.Bind(func() {}))
		tap := track.Tap(4)
		b = b[:min(len(b), MaxPacket)]
		track.ReadRTP(&rtptest.Script{b, b}, track.Push)
		track.ReadReports(&rtptest.Script{b}, 7, track.PushReport)
		track.End()
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
	require.False(t, k.silent.Load())
	k.satisfy(at(1200))
	k.flush(at(2000))
	require.Equal(t, 2, sent)
	k.request(at(2001))
	require.Equal(t, 3, sent)
	require.Equal(t, uint64(3), k.count())
	for _, ms := range []int{2600, 3200, 3800} {
		require.False(t, k.silent.Load())
		k.flush(at(ms))
	}
	require.True(t, k.silent.Load(), "it has been asked long enough")
	k.satisfy(at(4000))
	require.True(t, k.silent.Load(), "that was no answer")
	k.request(at(5000))
	k.satisfy(at(5200))
	require.False(t, k.silent.Load())
}

func TestKeyFrameRequestsOfTrack(t *testing.T) {
	video, audio := testTrack(KindVideo), testTrack(KindAudio)
	sent := 0
	for _, track := range []*Track{video, audio} {
		require.True(t, track.Bind(func() { sent++ }))
		push(track, 1, false)
		track.RequestKeyFrame()
	}
	require.Equal(t, 1, sent, "audio has none")
	push(video, 2, true)
	video.Subscribe(&discard{})
	require.Equal(t, uint64(1), video.Stats().KeyFrameRequests, "throttled")
	require.True(t, video.keys.wanted.Load(), "who comes late needs one")
	require.Zero(t, audio.Stats().KeyFrames)
}
