package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublishDeliversMedia(t *testing.T) {
	published := make(chan *Publisher, 1)
	f := newFixture(t, Options{OnPublish: func(p *Publisher) error { published <- p; return nil }})
	client := newPeer(t, peerOptions{})
	client.publish(f, "/whip/cam")
	p := wait(t, published, "OnPublish")
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
	require.Equal(t, StateConnected, p.State())
	st := p.Stats()
	require.GreaterOrEqual(t, st.Tracks[1].Packets, uint64(10))
	require.NotEmpty(t, p.RemoteAddr())
	require.NoError(t, p.Err())

	resp := f.do("DELETE", client.location, "")
	require.Equal(t, 200, resp.StatusCode)
	wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), ErrDeleted)
	require.Equal(t, StateClosed, p.State())
	for !vt.Ended() {
		if q, ok := vt.Next(); ok {
			q.Release()
		}
	}
	f.requireNothingLeft()
}
