package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
)

// listener is a server that is told of events. It checks each signature.
type listener struct {
	*httptest.Server
	t    testing.TB
	away atomic.Bool

	mu   sync.Mutex
	had  []hooked
	seen map[string]bool // ids
}

// hooked is an event as it comes.
type hooked struct {
	ID, Type string
	Data     struct {
		Stream, Room, Reason, State, Video, Audio string
		Participant                               struct{ Name string }
		Participants                              int
	}
}

func newListener(t testing.TB, secret string) *listener {
	t.Helper()
	key, err := signature.ParseKey(secret)
	require.NoError(t, err)
	l := &listener{t: t, seen: map[string]bool{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var e hooked
		if err := key.Verify(r.Header, body, time.Now()); err != nil || json.Unmarshal(body, &e) != nil {
			t.Errorf("%v: %s", err, body)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.seen[e.ID] { // one may be told again
			l.seen[e.ID] = true
			l.had = append(l.had, e)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// types are those of the events so far of a stream or a room, those of recordings left out, and those of a ladder that this machine is too
// slow for.
func (l *listener) types(of string) (types []string) {
	for _, e := range l.events(of) {
		if !strings.HasPrefix(e.Type, "recording.") && !strings.HasPrefix(e.Type, "ladder.") {
			types = append(types, e.Type)
		}
	}
	return types
}

// recordings are the events so far of a stream's recordings, and the states that they tell.
func (l *listener) recordings(of string) (events []string) {
	for _, e := range l.events(of) {
		if strings.HasPrefix(e.Type, "recording.") {
			events = append(events, e.Type+" "+e.Data.State)
		}
	}
	return events
}

func (l *listener) events(of string) (events []hooked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.had {
		if e.Data.Stream == of || e.Data.Room == of {
			events = append(events, e)
		}
	}
	return events
}

// wait waits until the newest event of a stream or a room is of a type.
func (l *listener) wait(of, last string) {
	l.t.Helper()
	eventually(l.t, func() bool {
		types := l.types(of)
		return len(types) > 0 && types[len(types)-1] == last
	}, "the newest event is not %s: %v", last, func() string { return strings.Join(l.types(of), " ") })
}

// Another server is told, in order and signed, of what becomes of a stream and its recording, and of who is in a room. What it is not there
// to take is told after the service was killed.
func TestWebhooks(t *testing.T) {
	alongside(t, light)
	secret := signature.NewSecret()
	l := newListener(t, secret)
	args := []string{"--ladder", clockRung, "--webhooks", l.URL, "--webhooks-secret", secret}
	args = append(args, "--linger", "1m")
	s := startService(t, args...)
	first := newPublisher(t, s, "cam")
	first.send()
	l.wait("cam", "stream.started")
	newWHEPViewer(t, s.base+"/whep/cam", nil)
	l.wait("cam", "stream.viewer_peak")
	first.stop()
	l.wait("cam", "stream.interrupted")
	newPublisher(t, s, "cam").send()
	l.wait("cam", "stream.resumed")
	requireRoomIsTold(t, s, l)

	s.waitState("cam", "live")
	l.away.Store(true)
	args = append(args, s.addresses()...)
	s.kill()
	s = startServiceIn(t, s.data, args...)
	waiting := `sluice_webhook_queued{target="` + strings.TrimPrefix(l.URL, "http://") + `"}`
	eventually(t, func() bool { return s.metric(waiting) >= 2 }, "nothing waits")
	s.kill()
	l.away.Store(false)
	s = startServiceIn(t, s.data, append(args, "--linger", "1s")...)
	l.wait("cam", "stream.ended")
	types := slices.Compact(l.types("cam")) // each start may find the stream cut
	require.Equal(t, []string{"stream.started", "stream.viewer_peak", "stream.interrupted", "stream.resumed", "stream.interrupted", "stream.ended"}, types)
	require.Equal(t, "VP8 opus", l.events("cam")[0].Data.Video+" "+l.events("cam")[0].Data.Audio)
	eventually(t, func() bool { return len(l.recordings("cam")) >= 2 }, "%s", func() string { return strings.Join(l.recordings("cam"), ", ") })
	require.Equal(t, []string{"recording.started recording", "recording.finished interrupted"}, l.recordings("cam")[:2])
	require.NotContains(t, s.output.String(), secret)
}

// requireRoomIsTold has somebody enter a room, and leave it.
func requireRoomIsTold(t *testing.T, s *service, l *listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, strings.Replace(s.base, "http", "ws", 1)+"/rooms/den/ws?mesh=1", nil)
	require.NoError(t, err)
	defer socket.CloseNow()
	require.NoError(t, wsjson.Write(ctx, socket, map[string]string{"event": "authenticate", "name": "Ann"}))
	l.wait("den", "participant.joined")
	require.NoError(t, wsjson.Write(ctx, socket, map[string]string{"event": "leave"}))
	l.wait("den", "participant.left")
	events := l.events("den")
	require.Equal(t, []string{"Ann", "Ann"}, []string{events[0].Data.Participant.Name, events[1].Data.Participant.Name})
	require.Equal(t, []int{1, 0}, []int{events[0].Data.Participants, events[1].Data.Participants})
	require.Equal(t, "the participant has left", events[1].Data.Reason)
}
