package ingest

import (
	"testing"

	"github.com/pion/rtcp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

func TestPublishDeliversMedia(t *testing.T) {
	published := make(chan *session.Publisher, 1)
	f := newFixture(t, Options{OnPublish: func(p *session.Publisher) error { published <- p; return nil }})
	client := newPeer(t, peerOptions{})
	client.publish(f, "/whip/cam")
	p := rtptest.Wait(t, published, "OnPublish")
	require.Equal(t, "cam", p.Stream())
	require.Len(t, p.Tracks(), 2)
	video, audio := p.Tracks()[1], p.Tracks()[0]
	require.Equal(t, "audio/opus 48000 2", describe(audio))
	require.Equal(t, "video/VP8 90000 0", describe(video))
	vt, at := video.Tap(64), audio.Tap(64)
	client.waitConnected()
	client.keepSending()
	takeFrom(t, vt, 10)
	takeFrom(t, at, 10)
	require.Equal(t, session.StateConnected, p.State())
	st := p.Stats()
	require.GreaterOrEqual(t, st.Tracks[1].Packets, uint64(10))
	require.NotEmpty(t, p.RemoteAddr())
	require.NoError(t, p.Err())

	resp := f.do("DELETE", client.location, "")
	require.Equal(t, 200, resp.StatusCode)
	rtptest.Wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), session.ErrDeleted)
	require.Equal(t, session.StateClosed, p.State())
	for !vt.Ended() {
		if q, ok := vt.Next(); ok {
			q.Release()
		}
	}
	f.requireNothingLeft()
}

// RFC 4585 §6.2.1: a packet that has not come is asked for, whether its source was declared or not; transport-wide feedback goes out as well.
func TestFeedback(t *testing.T) {
	t.Run("declared", func(t *testing.T) { requireFeedbackOf(t, false) })
	t.Run("bare", func(t *testing.T) { requireFeedbackOf(t, true) })
}

func requireFeedbackOf(t *testing.T, bare bool) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	nacks, twcc := make(chan *rtcp.TransportLayerNack, 64), make(chan struct{}, 64)
	client.onRTCP = func(p rtcp.Packet) {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			select {
			case nacks <- p:
			default:
			}
		case *rtcp.TransportLayerCC:
			select {
			case twcc <- struct{}{}:
			default:
			}
		}
	}
	client.publishBare(f, "/whip/a", bare)
	p, _ := f.server.Sessions().Publisher("a")
	tap := p.Tracks()[1].Tap(64)
	for _, seq := range []uint16{1, 2, 4, 5} {
		require.NoError(t, client.video.WriteRTP(rtptest.VP8Packet(seq, seq == 1)))
	}
	takeFrom(t, tap, 4)
	require.Equal(t, []uint16{3}, rtptest.Wait(t, nacks, "a NACK").Nacks[0].PacketList())
	rtptest.Wait(t, twcc, "transport-wide feedback")
	st := p.Stats()
	require.NotZero(t, st.NACKs)
	require.Equal(t, uint64(1), st.Tracks[1].Lost)

	p.Tracks()[1].RequestKeyFrame()
	require.Equal(t, uint64(1), p.Stats().PLIs)
}

// RFC 3550 §6.4.1: sender reports come through the same tap, between the packets.
func TestSenderReports(t *testing.T) {
	t.Run("declared", func(t *testing.T) { requireSenderReports(t, false) })
	t.Run("bare", func(t *testing.T) { requireSenderReports(t, true) })
}

func requireSenderReports(t *testing.T, bare bool) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	client.publishBare(f, "/whip/a", bare)
	client.keepSending()
	for _, track := range f.server.sessions.Session(client.location).Tracks() {
		tap := track.Tap(256)
		for report := (*media.SenderReport)(nil); report == nil; {
			rtptest.Wait(t, tap.Ready(), "a sender report")
			for q, ok := tap.Next(); ok; q, ok = tap.Next() {
				if q.Report != nil {
					report = &media.SenderReport{}
					*report = *q.Report
				}
				q.Release()
			}
			if report != nil {
				require.NotZero(t, report.NTP>>32)
			}
		}
	}
}
