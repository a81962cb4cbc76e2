package ingest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// transformedMark is the first partition of a picture that transforming makes: a key frame that no publisher sends.
var transformedMark = []byte{0x10, 2, 0, 0x9d, 0x01, 0x2a, 8, 0, 8, 0, 0xab, 0xcd}

// Viewers who ask for the stream transformed get that, from one run for all of them, which ends after the last; others get what is published.
func TestTransformedViewers(t *testing.T) {
	begun, ended, fail := make(chan context.Context, 16), make(chan struct{}, 16), make(chan struct{})
	ts := defaultTimers()
	ts.transformed = time.Millisecond
	f := newFixtureWith(t, Options{MaxTransformed: 1, Transform: func(ctx context.Context, stream string, video *media.Track, out *transformed.Output) error {
		defer func() { ended <- struct{}{} }()
		assert.Equal(t, "cam", stream)
		begun <- ctx
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for timestamp := uint32(0); ; timestamp += 1800 {
			select {
			case <-ctx.Done():
				return nil
			case <-fail:
				return errors.New("ffmpeg was killed")
			case <-pace.C:
				out.Send(timestamp, transformedMark)
			}
		}
	}}, ts)
	f.requireProblem(f.post("/whep/cam?transformed", viewerOffer(t)), 409, "Nobody is publishing")
	for _, stream := range []string{"cam", "other"} {
		studio := newPeer(t, peerOptions{})
		studio.publish(f, "/whip/"+stream)
		studio.waitConnected()
		studio.keepSending()
	}
	isMark := func(payload []byte) bool {
		return bytes.Equal(withoutDescriptor(payload), transformedMark)
	}
	one, two, plain := newSpectator(t, f, "cam?transformed", peerOptions{}), newSpectator(t, f, "cam?transformed=1", peerOptions{}), newSpectator(t, f, "cam", peerOptions{})
	for range 20 {
		require.True(t, isMark(rtptest.Wait(t, one.packets["video"], "video").Payload))
		require.True(t, isMark(rtptest.Wait(t, two.packets["video"], "video").Payload))
		require.False(t, isMark(rtptest.Wait(t, plain.packets["video"], "video").Payload))
	}
	require.True(t, vp8.KeyFrameStarts(rtptest.Wait(t, one.packets["video"], "video").Payload))
	require.Equal(t, rtptest.OpusPacket(0).Payload, rtptest.Wait(t, one.packets["audio"], "audio").Payload, "sound is passed on")
	rtptest.Wait(t, begun, "the run")
	require.Empty(t, begun, "there is one run for both")
	require.Equal(t, 3, f.server.Viewers().Count("cam").Viewers)
	f.requireProblem(f.post("/whep/other?transformed", viewerOffer(t)), 503, "no room")
	require.EqualValues(t, 1, f.server.Transformed().Stats().Refused)

	fail <- struct{}{}
	rtptest.Wait(t, ended, "the end of the run")
	ctx := rtptest.Wait(t, begun, "the next run")
	for len(one.packets["video"]) > 0 {
		<-one.packets["video"]
	}
	require.True(t, isMark(rtptest.Wait(t, one.packets["video"], "video").Payload), "pictures go on")
	require.EqualValues(t, 1, f.server.Transformed().Stats().Restarts)

	require.Equal(t, 200, f.do("DELETE", one.location, "").StatusCode)
	require.NoError(t, ctx.Err())
	require.Equal(t, 200, f.do("DELETE", two.location, "").StatusCode)
	rtptest.Wait(t, ended, "the end of the run after the last viewer")
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	require.False(t, isMark(rtptest.Wait(t, plain.packets["video"], "video").Payload))
	last := newSpectator(t, f, "cam?transformed", peerOptions{})
	require.True(t, isMark(rtptest.Wait(t, last.packets["video"], "video").Payload), "it begins anew")
}

// withoutDescriptor takes what stands before the payload of VP8 away (RFC 7741 §4.2).
func withoutDescriptor(payload []byte) []byte {
	const extended, pictureID, long = 0x80, 0x80, 0x80
	switch {
	case len(payload) < 4 || payload[0]&extended == 0:
		return payload[min(1, len(payload)):]
	case payload[1]&pictureID != 0 && payload[2]&long != 0:
		return payload[4:]
	}
	return payload[3:]
}

// A server without transforms says so.
func TestNotTransformed(t *testing.T) {
	f := newFixture(t, Options{})
	f.publishOffer("cam")
	f.requireProblem(f.post("/whep/cam?transformed", viewerOffer(t)), 501, "without transformed")
	require.Equal(t, 201, f.post("/whep/cam?transformed=0", viewerOffer(t)).StatusCode)
}
