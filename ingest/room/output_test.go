package room

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
)

// What is relayed is one stream: numbers go on, pictures begin with a key frame, and reports speak of its time stamps.
func TestRelay(t *testing.T) {
	pool := media.NewPacketPool()
	r := newSwitcher(media.KindVideo, pool)
	tap := r.Tap(64)
	defer tap.Close()
	first, second := media.NewTrack(media.KindVideo, roomFormat(media.KindVideo), pool), media.NewTrack(media.KindVideo, roomFormat(media.KindVideo), pool)
	at := time.Now()
	send := func(to *media.Track, seq uint16, key bool) {
		p := pool.Get()
		p.RTP, p.Arrival = *rtptest.VP8Packet(seq, key), at
		to.Push(p)
		p.Release()
		at = at.Add(33 * time.Millisecond)
	}
	r.switchTo(first, &sourceClock{})
	send(first, 100, false) // before a key frame
	send(first, 101, true)
	send(first, 102, false)
	r.switchTo(second, &sourceClock{})
	send(first, 103, true) // no longer the source
	send(second, 7, false)
	send(second, 8, true)
	second.PushReport(media.SenderReport{NTP: 1 << 32, RTPTime: 8 * 3000})
	r.switchTo(nil, nil)
	send(second, 9, true)
	var packets []rtp.Header
	var reports []media.SenderReport
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if p.Report != nil {
			reports = append(reports, *p.Report)
		} else {
			packets = append(packets, p.RTP.Header)
		}
		p.Release()
	}
	require.Len(t, packets, 3)
	for i, h := range packets[1:] {
		require.Equal(t, packets[i].SequenceNumber+1, h.SequenceNumber)
		require.Equal(t, packets[i].SSRC, h.SSRC)
	}
	require.Equal(t, uint32(3000), packets[1].Timestamp-packets[0].Timestamp)
	require.InDelta(t, 3*33*90, packets[2].Timestamp-packets[1].Timestamp, 90, "the time that has passed")
	require.Len(t, reports, 1)
	require.Equal(t, packets[2].Timestamp, reports[0].RTPTime)
}

// The speaker is who is clearly the loudest, and stays it in a pause.
func TestSpeaker(t *testing.T) {
	now := time.Now()
	speaking := func() *participant {
		t := mediatest.Track(media.KindAudio)
		mediatest.PushAt(t, 1, false, now.Add(time.Hour))
		return &participant{tracks: []*media.Track{t}}
	}
	ann, bob := speaking(), speaking()
	r := &room{here: []*participant{ann, bob}}
	step := func(a, b int32) *participant {
		ann.loudness.Store(a)
		bob.loudness.Store(b)
		now = now.Add(speaksFor)
		r.chooseSpeaker(now)
		return r.speaker
	}
	require.Nil(t, step(speech-1, 0), "nobody speaks")
	require.Equal(t, ann, step(speech, 0))
	require.Equal(t, ann, step(0, 0), "a pause")
	require.Equal(t, ann, step(90, 90+louder-1), "not clearly louder")
	require.Equal(t, bob, step(90, 90+louder))
	now = now.Add(-speaksFor)
	require.Equal(t, bob, step(127, 0), "not so soon")
	require.Equal(t, ann, step(127, 0))
	ann.tracks = []*media.Track{mediatest.Track(media.KindAudio)}
	require.Equal(t, bob, step(127, 90), "who sends no sound any more does not speak, however loud it was")
}

// RFC 6464 §3: seven bits of level, in dB below the highest.
func TestLoudnessMeter(t *testing.T) {
	p := &participant{}
	m := &loudnessMeter{extension: 1, out: &p.loudness}
	var packet media.Packet
	packet.RTP = *rtptest.OpusPacket(1)
	require.NoError(t, packet.RTP.SetExtension(1, []byte{0x80 | 27}))
	for range 100 {
		m.Deliver(&packet)
	}
	require.InDelta(t, 100, p.loudness.Load(), 1)
	packet.RTP = *rtptest.OpusPacket(2)
	m.Deliver(&packet)
	m.Deliver(&media.Packet{Report: &media.SenderReport{}})
	require.InDelta(t, 100, p.loudness.Load(), 1, "nothing is said")
	m.End()
	require.Zero(t, p.loudness.Load())
}

// FuzzLoudness feeds arbitrary bytes as a packet of sound, with whatever header extensions. Loudness stays in range (RFC 6464).
func FuzzLoudness(f *testing.F) {
	p := rtptest.OpusPacket(1)
	require.NoError(f, p.SetExtension(1, []byte{0x80 | 27}))
	f.Add(rtptest.Marshal(f, p), uint8(1))
	f.Add(rtptest.Marshal(f, rtptest.OpusPacket(1)), uint8(200))
	f.Fuzz(func(t *testing.T, raw []byte, extension uint8) {
		track := mediatest.Track(media.KindAudio)
		var loudness atomic.Int32
		track.Subscribe(&loudnessMeter{extension: extension, out: &loudness})
		track.ReadRTP(&rtptest.Script{raw, raw}, track.Push)
		require.True(t, loudness.Load() >= 0 && loudness.Load() <= 127, loudness.Load())
		track.End()
		require.Zero(t, loudness.Load())
	})
}
