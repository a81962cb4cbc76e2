package ingest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/signal"
)

// A participant on air is a publisher like any other; another one takes its place without a break, and the stream ends with the room.
func TestOnAir(t *testing.T) {
	published := make(chan *Publisher, 8)
	f := newFixture(t, Options{OnPublish: func(p *Publisher) error { published <- p; return nil }})
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	ann.keepSending()
	bob.keepSending()
	request := httptest.NewRequest("PUT", "/", nil)
	put := func(whom, stream string) int {
		status, err := f.server.Rooms().StartOutput("den", whom, stream, request)
		require.Equal(t, status != 0, err != nil)
		return status
	}
	require.Zero(t, put(ann.self, "show"))
	p := rtptest.Wait(t, published, "the stream")
	require.Equal(t, "show", p.Stream())
	require.Equal(t, []string{"audio/opus 48000 2", "video/VP8 90000 0"}, []string{describe(p.Tracks()[0]), describe(p.Tracks()[1])})
	bob.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == ann.self && e.Participant.OnAir == "show" })
	video := p.Tracks()[1].Tap(64)
	defer video.Close()
	takeFrom(t, video, 20)

	require.Zero(t, put(bob.self, "show"))
	bob.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == bob.self && e.Participant.OnAir == "show" })
	takeFrom(t, video, 80)
	require.Empty(t, published, "it is the same stream")
	st := p.Stats()
	require.Zero(t, st.Tracks[1].Lost, "which goes on where it was")

	require.Equal(t, http.StatusNotFound, put("nobody", "show"))
	require.Equal(t, http.StatusNotFound, put("nobody", "other"))
	require.Zero(t, put("", "other"))
	require.ErrorIs(t, waitEnd(t, p), ErrOffAir)
	other := rtptest.Wait(t, published, "the other stream")
	require.Equal(t, "other", f.server.Rooms().List()[0].OnAir)
	bob.say(signal.Event{Kind: signal.Leave})
	ann.await(signal.Left)
	takeFrom(t, other.Tracks()[0].Tap(64), 10)
	ann.say(signal.Event{Kind: signal.Leave})
	require.ErrorIs(t, waitEnd(t, other), errRoomEmpty)
	f.requireNoRooms()
	require.False(t, f.server.Rooms().StopOutput("den"))
	require.Equal(t, http.StatusNotFound, put(ann.self, "show"))
}

func waitEnd(t *testing.T, p *Publisher) error {
	t.Helper()
	rtptest.Wait(t, p.Done(), "the end of the stream")
	return p.Err()
}

// Who is sent out, and the stream of who leaves, end.
func TestSendOut(t *testing.T) {
	f := newFixture(t, Options{})
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	_, err := f.server.Rooms().StartOutput("den", bob.self, "show", httptest.NewRequest("PUT", "/", nil))
	require.NoError(t, err)
	p, ok := f.server.Sessions().Publisher("show")
	require.True(t, ok)
	require.False(t, f.server.Rooms().Remove("den", "nobody"))
	require.False(t, f.server.Rooms().Remove("nowhere", bob.self))
	require.True(t, f.server.Rooms().Remove("den", bob.self))
	require.Equal(t, ErrRemoved.Error(), ann.await(signal.Left).Detail)
	require.ErrorIs(t, waitEnd(t, p), ErrRemoved)
}

// What is relayed is one stream: numbers go on, pictures begin with a key frame, and reports speak of its time stamps.
func TestRelay(t *testing.T) {
	pool := media.NewPacketPool()
	r := newRelay(media.KindVideo, pool)
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
	r.change(first, &sourceClock{})
	send(first, 100, false) // before a key frame
	send(first, 101, true)
	send(first, 102, false)
	r.change(second, &sourceClock{})
	send(first, 103, true) // no longer the source
	send(second, 7, false)
	send(second, 8, true)
	second.PushReport(media.SenderReport{NTP: 1 << 32, RTPTime: 8 * 3000})
	r.change(nil, nil)
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
		t := testTrack(media.KindAudio)
		pushAt(t, 1, false, now.Add(time.Hour))
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
	ann.tracks = []*media.Track{testTrack(media.KindAudio)}
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
