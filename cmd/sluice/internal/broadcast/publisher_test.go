package broadcast

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/public/panics"
)

// follower is told who publishes, and does nothing.
type follower struct{}

func (follower) Published(string, []*media.Track) {}
func (follower) Unpublished(string)               {}

// newPublisher is somebody who has said that they are about to publish sound as the stream "cam".
func newPublisher(t *testing.T, r *session.Registry) (*session.Publisher, *media.Track) {
	t.Helper()
	at := session.NewReservation(httptest.NewRequest("POST", "/", nil), session.KindPublisher, "cam")
	require.Nil(t, r.Reserve(at))
	s := session.NewDetached(at, time.Hour)
	r.Start(s)
	track := media.NewTrack(media.KindAudio, media.Format{Payload: "111"}, media.NewPacketPool())
	s.Adopt(track)
	return session.NewPublisher(s), track
}

// runWithoutFFmpeg runs a broadcast whose ffmpeg cannot be started, and returns why it has ended.
func runWithoutFFmpeg(t *testing.T) (*Broadcast, <-chan error) {
	t.Helper()
	b := newTestBroadcast(t)
	b.options.FFmpeg = "/nowhere/ffmpeg"
	ended := make(chan error, 1)
	go func() { ended <- b.Run(t.Context()) }()
	return b, ended
}

func newTestRegistry() *session.Registry {
	return session.NewRegistry(session.Limits{Streams: 9, Sessions: 9, PerAddress: 9, Connecting: 9, Logger: slog.New(slog.DiscardHandler)}, follower{})
}

// An offer starts no ffmpeg; without any that works the stream would fail. It ends with the last of those who were about to publish.
func TestOfferStartsNothing(t *testing.T) {
	r := newTestRegistry()
	b, ended := runWithoutFFmpeg(t)
	first, _ := newPublisher(t, r)
	second, _ := newPublisher(t, r)
	for _, p := range []*session.Publisher{first, second} {
		require.NoError(t, b.Offer(t.Context(), p))
		r.Announce(p)
	}
	first.Close("gone")
	<-first.Done()
	<-b.Status().Newer() // a second, and thirty ticks, later
	<-b.Status().Newer()
	require.False(t, b.Ended())
	require.Same(t, second, b.Status().Publisher)
	second.Close("gone")
	require.NoError(t, <-ended)
	<-second.Done()
	require.True(t, r.Empty())
}

// The first packet does start it, and whoever else was about to publish is told of the end.
func TestFirstPacketStarts(t *testing.T) {
	r := newTestRegistry()
	b, ended := runWithoutFFmpeg(t)
	silent, _ := newPublisher(t, r)
	p, track := newPublisher(t, r)
	for _, p := range []*session.Publisher{silent, p} {
		require.NoError(t, b.Offer(t.Context(), p))
		r.Announce(p)
	}
	packet := track.NewPacket()
	packet.Fill(rtp.Header{Version: 2, SequenceNumber: 1}, time.Now(), []byte{0xf8, 1, 2})
	track.Push(packet)
	packet.Release()
	require.ErrorContains(t, <-ended, "/nowhere/ffmpeg")
	<-p.Done()
	require.ErrorContains(t, p.Err(), "/nowhere/ffmpeg")
	<-silent.Done()
	require.ErrorContains(t, silent.Err(), "/nowhere/ffmpeg")
	require.True(t, r.Empty())
}

// A panic ends the stream that it happens in, with an error, and its publisher hears of it.
func TestPanicEndsTheStream(t *testing.T) {
	r := newTestRegistry()
	b := newTestBroadcast(t)
	fails := make(chan struct{})
	b.options.Disk = func() packager.Disk {
		select {
		case <-fails:
			panic("no such disk")
		default:
			return packager.Disk{}
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(t.Context()) }()
	p, _ := newPublisher(t, r)
	require.NoError(t, b.Offer(t.Context(), p))
	r.Announce(p)
	before := panics.Count()
	close(fails)
	fault := &panics.Error{}
	require.ErrorAs(t, <-ended, &fault)
	require.Equal(t, before+1, panics.Count())
	require.True(t, b.Ended())
	require.Equal(t, StateFailed, b.Status().State)
	<-p.Done()
	require.ErrorContains(t, p.Err(), "a fault of this server")
}
