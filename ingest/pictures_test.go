package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
)

// pictureTools are an encoder and a processor that do next to nothing.
type pictureTools struct{}

func (pictureTools) Encode([]byte, time.Duration) ([]byte, error) { return []byte{0x10, 2, 3}, nil }

func (pictureTools) Process(p *frames.Picture, _ time.Duration) ([]frames.Box, error) {
	p.Data[0] = 255 - p.Data[0]
	return []frames.Box{{X: 1, Width: 2}}, nil
}

func (pictureTools) Close() {}

func newPictureFixture(t *testing.T) *fixture {
	return newFixture(t, Options{Frames: frames.Tools{
		NewEncoder: func(int, int) (frames.Encoder, error) { return pictureTools{}, nil }, Processors: []string{"dot"},
		NewProcessor: func(string, string, int, int) (frames.Processor, error) { return pictureTools{}, nil },
	}})
}

// next returns the next event of a stream of pictures, and the picture that follows it.
func (l *line) next() (e frames.Event, picture []byte) {
	l.Helper()
	m := rtptest.Wait(l.TB, l.messages, "an event")
	require.NoError(l, json.Unmarshal(m.Data, &e), "%q", m.Data)
	for len(picture) < e.Bytes {
		m := rtptest.Wait(l.TB, l.messages, "a part of a picture")
		require.False(l, m.IsString)
		require.LessOrEqual(l, len(m.Data), channel.MaxMessage)
		picture = append(picture, m.Data...)
	}
	return e, picture
}

// Pictures over a data channel become a stream like those over a WebSocket, and come back processed, however long they are.
func TestPicturesOverChannel(t *testing.T) {
	f := newPictureFixture(t)
	noise := image.NewGray(image.Rect(0, 0, 400, 300))
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(noise.Pix)
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, noise))
	camera := newPeer(t, peerOptions{dataOnly: true})
	l, other := camera.open(frames.Protocol, nil), camera.open("other", nil)
	camera.publish(f, "/frames/cam")
	require.Contains(t, camera.location, "/frames/cam/")
	l.waitOpen()
	rtptest.Wait(t, other.closed, "the end of a channel that means nothing")
	require.NoError(t, l.SendText(`{"event":"process","process":"dot"}`))
	for n := range uint64(3) {
		require.NoError(t, l.SendText(fmt.Sprintf(`{"event":"picture","bytes":%d}`, picture.Len())))
		for part := range slices.Chunk(picture.Bytes(), channel.MaxMessage) {
			require.NoError(t, l.Send(part))
		}
		answered, processed := l.next()
		require.Equal(t, []any{"frame", n + 1, 400, "dot", "image/jpeg"}, []any{answered.Event, answered.Frame, answered.Width, answered.Process, answered.Type})
		require.Greater(t, len(processed), channel.MaxMessage)
		config, kind, err := image.DecodeConfig(bytes.NewReader(processed))
		require.NoError(t, err)
		require.Equal(t, []any{400, 300, "jpeg"}, []any{config.Width, config.Height, kind})
	}
	p, live := f.server.Sessions().Publisher("cam")
	require.True(t, live)
	require.Len(t, p.Tracks(), 1)
	for _, wrong := range []struct {
		text string
		code int
	}{{`{"event":"picture","bytes":9000000}`, 413}, {`{"event":"process","process":"none"}`, 400}, {"what?", 400}} {
		require.NoError(t, l.SendText(wrong.text))
		answered, _ := l.next()
		require.Equal(t, wrong.code, answered.Code, wrong.text)
	}
	require.NoError(t, l.SendText(`{"event":"end"}`))
	last, _ := l.next()
	require.Equal(t, frames.Event{Event: "ended"}, last)
	rtptest.Wait(t, l.closed, "the end")
	require.Eventually(t, f.server.Sessions().Empty, rtptest.Patience, rtptest.Patience/10000)
	f.requireNothingLeft()
	require.Eventually(t, func() bool { return f.server.Pictures().Stats().Held == 0 }, rtptest.Patience, rtptest.Patience/10000)

	f.requireProblem(f.post("/frames/cam", newPeer(t, peerOptions{}).offer()), 422, "a data channel and no media")
	f.requireProblem(f.post("/frames/cam?process=none", "v=0"), 400, "no such processor")
}

// A stream whose client closes the channel, or ends its session, ends, whatever had come of a picture.
func TestPicturesOverChannelThatCloses(t *testing.T) {
	f := newPictureFixture(t)
	for _, deleted := range []bool{true, false} {
		camera := newPeer(t, peerOptions{dataOnly: true})
		l := camera.open(frames.Protocol, nil)
		camera.publish(f, "/frames/cam")
		l.waitOpen()
		require.NoError(t, l.SendText(`{"event":"picture","bytes":90000}`))
		require.NoError(t, l.Send(make([]byte, 5000)))
		require.Eventually(t, func() bool { return f.server.Pictures().Stats().Held == 5000 }, rtptest.Patience, rtptest.Patience/10000)
		if deleted {
			require.Equal(t, 200, f.do("DELETE", camera.location, "").StatusCode)
		} else {
			require.NoError(t, l.Close())
		}
		require.Eventually(t, f.server.Sessions().Empty, rtptest.Patience, rtptest.Patience/10000)
		require.Eventually(t, func() bool { return f.server.Pictures().Stats().Held == 0 }, rtptest.Patience, rtptest.Patience/10000)
	}
}
