package ingest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/gst"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// A participant on air is a publisher like any other; another one takes its place without a break, and the stream ends with the room.
func TestOnAir(t *testing.T) {
	published := make(chan *session.Publisher, 8)
	f := newFixture(t, Options{OnPublish: func(p *session.Publisher) error { published <- p; return nil }})
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	ann.keepSending()
	bob.keepSending()
	request := httptest.NewRequest("PUT", "/", nil)
	put := func(whom, stream string) int {
		status, err := f.server.Rooms().StartOutput("den", whom, stream, request)
		require.Equal(t, status != 0, err != nil)
		return status
	}
	listener := newGstClient(f, "", nil)
	listener.become(`null`, gst.Listener)
	listener.told(listener.id, gst.Listener)
	require.Zero(t, put(ann.self, "show"))
	p := rtptest.Wait(t, published, "the stream")
	require.Equal(t, "show", p.Stream())
	require.Equal(t, []string{"audio/opus 48000 2", "video/VP8 90000 0"}, []string{describe(p.Tracks()[0]), describe(p.Tracks()[1])})
	bob.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == ann.self && e.Participant.OnAir == "show" })
	require.Equal(t, map[string]any{"video": "VP8", "audio": "opus"}, listener.told("show", gst.Producer)["codecs"], "consumers of GStreamer find it")
	listener.send(gst.Message{Type: gst.StartSession, PeerID: "show"})
	listener.send(gst.Message{Type: gst.EndSession, SessionID: listener.watch("show")})
	_ = listener.conn.Close(websocket.StatusNormalClosure, "")
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
	require.ErrorIs(t, waitEnd(t, p), room.ErrOutputStopped)
	other := rtptest.Wait(t, published, "the other stream")
	require.Equal(t, "other", f.server.Rooms().List()[0].OnAir)
	bob.say(signal.Event{Kind: signal.Leave})
	ann.await(signal.Left)
	takeFrom(t, other.Tracks()[0].Tap(64), 10)
	ann.say(signal.Event{Kind: signal.Leave})
	require.ErrorIs(t, waitEnd(t, other), room.ErrRoomEmpty)
	f.requireNoRooms()
	require.False(t, f.server.Rooms().StopOutput("den"))
	require.Equal(t, http.StatusNotFound, put(ann.self, "show"))
}

func waitEnd(t *testing.T, p *session.Publisher) error {
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
	require.Equal(t, room.ErrRemoved.Error(), ann.await(signal.Left).Detail)
	require.ErrorIs(t, waitEnd(t, p), room.ErrRemoved)
}
