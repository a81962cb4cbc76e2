package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(farServer) == "" {
		goleak.VerifyTestMain(m)
	} else if err := serveFar(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fixture is a running server behind HTTP.
type fixture struct {
	testing.TB
	server *Server
	url    string
	client *http.Client
	stop   func() // of the server; called at the end of the test
}

func newFixture(t testing.TB, o Options) *fixture {
	t.Helper()
	return newFixtureWith(t, o, defaultTimers())
}

func newFixtureWith(t testing.TB, o Options, ts timers) *fixture {
	t.Helper()
	o.Logger = orDefault(o.Logger, slog.New(slog.DiscardHandler))
	if o.RequestsPerSecond == 0 {
		o.RequestsPerSecond = 10000
	}
	s, err := newServer(o, ts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", s.WHIP())
	mux.Handle("/whip/{stream}/{session}", s.WHIP())
	mux.Handle("/whep/{stream}", s.WHEP())
	mux.Handle("/whep/{stream}/{session}", s.WHEP())
	mux.Handle("/whep/{stream}/{session}/layer", s.WHEPLayer())
	mux.Handle("/whep/{stream}/{session}/sse", s.WHEPEvents())
	mux.Handle("/whep/{stream}/{session}/sse/{events}", s.WHEPEvents())
	mux.Handle("/upload/{stream}", s.Upload())
	mux.Handle("/upload/{stream}/{session}", s.Upload())
	mux.Handle("/frames/{stream}", s.Frames())
	mux.Handle("/frames/{stream}/{session}", s.Frames())
	mux.Handle("/echo", s.Echo())
	mux.Handle("/echo/{session}", s.Echo())
	for _, transport := range room.Transports {
		rooms := s.Rooms().Signalling(transport, func(*http.Request) string { return "" })
		mux.Handle("/rooms/{room}/"+transport, rooms)
		mux.Handle("/echo/"+transport, rooms)
	}
	mux.Handle("/gst/ws", s.GStreamer(func(r *http.Request) string { return r.URL.Query().Get("token") }))
	web := httptest.NewServer(mux)
	f := &fixture{TB: t, server: s, url: web.URL, client: web.Client(), stop: cancel}
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		web.Close()
		cancel()
		require.NoError(t, <-ended)
	})
	return f
}

// do sends a request; headers come in pairs.
func (f *fixture) do(method, path, body string, headers ...string) *http.Response {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), method, f.url+path, strings.NewReader(body))
	require.NoError(f, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := f.client.Do(req)
	require.NoError(f, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(f, err)
	require.NoError(f, resp.Body.Close())
	resp.Body = io.NopCloser(strings.NewReader(string(b)))
	return resp
}

func (f *fixture) post(path, offered string) *http.Response {
	f.Helper()
	return f.do("POST", path, offered, "Content-Type", "application/sdp")
}

func (f *fixture) patch(path, body, ifMatch string) *http.Response {
	f.Helper()
	return f.do("PATCH", path, body, "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", ifMatch)
}

func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

// requireProblem checks an RFC 9457 refusal and that nothing has come of the request.
func (f *fixture) requireProblem(resp *http.Response, status int, detail string) {
	f.Helper()
	body := text(f, resp)
	require.Equal(f, status, resp.StatusCode, body)
	require.Equal(f, "application/problem+json", resp.Header.Get("Content-Type"))
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(f, json.Unmarshal([]byte(body), &p))
	require.Equal(f, status, p.Status)
	require.NotEmpty(f, p.Title)
	require.Contains(f, p.Detail, detail)
}

func (f *fixture) requireNothingLeft() {
	f.Helper()
	require.True(f, f.server.Sessions().Empty())
	require.True(f, f.server.Viewers().Empty())
}

// keepSending writes both tracks every 20 ms until the test ends.
func (p *peer) keepSending() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for seq := uint16(0); ctx.Err() == nil; seq++ {
			if p.video != nil {
				picture := rtptest.VP8Packet(seq, seq%50 == 0)
				picture.Payload = append(picture.Payload, p.mark...)
				_ = p.video.WriteRTP(picture)
			}
			_ = p.audio.WriteRTP(rtptest.OpusPacket(seq))
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	p.Cleanup(func() { cancel(); <-ended })
}

// takeFrom reads n RTP packets from the tap.
func takeFrom(t testing.TB, tap *media.Tap, n int) {
	t.Helper()
	for n > 0 {
		rtptest.Wait(t, tap.Ready(), "packets")
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			if p.Report == nil {
				n--
			}
			p.Release()
		}
		require.False(t, tap.Ended() && n > 0, "the tap ended")
	}
}

func describe(t *media.Track) string {
	return fmt.Sprint(t.MimeType(), " ", t.ClockRate(), " ", t.Channels())
}

// atPace calls send every 10 ms until the test ends, with the number of the call.
func atPace(t testing.TB, send func(number int)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for number := 0; ctx.Err() == nil; number++ {
			send(number)
			<-pace.C
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// judged refuses by whether a token is known, and good for the stream or room.
func judged(admit func(name, token string) (known, allowed bool)) session.Judge {
	return func(_ *http.Request, name, token string) (right session.Right, refused *refusal.Refusal) {
		switch known, allowed := admit(name, token); {
		case !known:
			return right, refusal.New(http.StatusUnauthorized, "Send a key.")
		case !allowed:
			return right, refusal.New(http.StatusForbidden, "The key is for something else.")
		}
		return right, nil
	}
}
