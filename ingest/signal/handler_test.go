package signal

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const patience = 2 * time.Minute // nothing is concluded from it but failure

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hall is a handler with one session for each who comes, behind HTTP.
type hall struct {
	*httptest.Server
	handler *Handler
	stop    chan struct{}
	taken   chan Event

	mu       sync.Mutex
	sessions map[string]*Session
}

func newHall(t *testing.T, timers Timers) *hall {
	h := &hall{stop: make(chan struct{}), taken: make(chan Event, 1024), sessions: map[string]*Session{}}
	h.handler = &Handler{Enter: h.enter, Find: h.find, Return: func(string, uint64) {}, Stop: h.stop, Timers: timers}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { h.handler.ServeSocket(w, r, "") })
	mux.HandleFunc("/events", h.handler.ServeEvents)
	mux.HandleFunc("/messages", func(w http.ResponseWriter, r *http.Request) { h.handler.ServeMessages(w, r, "") })
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func (h *hall) enter(e Event) (*Session, *Refusal) {
	if e.Token == "bad" {
		return nil, refuse(http.StatusUnauthorized, "No.")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[e.Seat]; s != nil {
		return s, nil
	}
	s := NewSession(func(e Event) { h.taken <- e })
	h.sessions[s.Key()] = s
	s.Send(Event{Kind: Authenticated, Seat: s.Key()})
	return s, nil
}

func (h *hall) find(key string) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[key]
}

func (h *hall) only(t *testing.T) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Len(t, h.sessions, 1)
	for _, s := range h.sessions {
		return s
	}
	return nil
}

func (h *hall) dial(t *testing.T, first string, origin string) *websocket.Conn {
	t.Helper()
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	conn, _, err := websocket.Dial(t.Context(), h.URL+"/ws", &websocket.DialOptions{HTTPHeader: header, HTTPClient: h.Client()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	if first != "" {
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(first)))
	}
	return conn
}

// Whether a page is ours is what the browser says of it, or else its origin.
func TestSameOrigin(t *testing.T) {
	for _, tc := range []struct {
		site, origin, upgrade string
		want                  bool
	}{
		{"", "", "", true}, {"none", "", "", true}, {"same-origin", "https://front.example", "", true}, {"", "http://example.com", "", true}, {"", "https://EXAMPLE.com:8443", "", true},
		{"cross-site", "", "", false}, {"same-site", "http://example.com", "", false}, {"", "https://elsewhere.example", "", false}, {"", "null", "", false}, {"", "http://", "", false},
		{"", "http://example.com.evil.example", "", false}, {"", "http://example.com@evil.example", "", false},
		{"cross-site", "http://example.com", "websocket", true}, {"cross-site", "http://elsewhere.example", "websocket", false}, {"cross-site", "", "websocket", false},
	} {
		r := httptest.NewRequest("POST", "/", nil) // to example.com
		for name, value := range map[string]string{"Sec-Fetch-Site": tc.site, "Origin": tc.origin, "Upgrade": tc.upgrade} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		require.Equal(t, tc.want, SameOrigin(r), tc)
	}
}

func read(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, text, err := conn.Read(ctx)
	require.NoError(t, err)
	return string(text)
}

// requireClosed reads until the server closes.
func requireClosed(t *testing.T, conn *websocket.Conn, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			require.Equal(t, websocket.StatusCode(code), websocket.CloseStatus(err), "%v", err)
			return
		}
	}
}

const ann = `{"event":"authenticate","name":"Ann"}`

// Nothing is heard before authenticate, and who is refused is told why.
func TestSocketEntry(t *testing.T) {
	for first, code := range map[string]int{
		`{"event":"message","text":"hello"}`: 4401,
		`hello`:                              4400,
		`{"event":"authenticate","name":"Ann","token":"bad"}`: 4401,
		`{"event":"authenticate"}`:                            4400,
		``:                                                    4408,
	} {
		timers := Timers{}
		if first == "" {
			timers.Entry = 100 * time.Millisecond
		}
		h := newHall(t, timers)
		requireClosed(t, h.dial(t, first, ""), code)
		require.Empty(t, h.sessions)
	}
	h := newHall(t, Timers{})
	_, response, err := websocket.Dial(t.Context(), h.URL+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}, HTTPClient: h.Client()})
	require.Error(t, err)
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	require.Contains(t, read(t, h.dial(t, ann, h.URL)), Authenticated)
}

// Either side may close: the other answers, after all that it had to say.
func TestSocketCloses(t *testing.T) {
	h := newHall(t, Timers{})
	conn := h.dial(t, ann, "")
	read(t, conn)
	s := h.only(t)
	s.Send(Event{Kind: Message, Text: "goodbye"})
	s.End(StatusRemoved, strings.Repeat("é", 200))
	require.Contains(t, read(t, conn), "goodbye")
	requireClosed(t, conn, StatusRemoved)

	h = newHall(t, Timers{})
	conn = h.dial(t, ann, "")
	read(t, conn)
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""), "the server answers the close frame")
	require.Equal(t, Leave, (<-h.taken).Kind)

	conn = h.dial(t, ann, "")
	read(t, conn)
	require.NoError(t, conn.Close(websocket.StatusGoingAway, ""))
	require.Empty(t, h.taken, "a page that goes may come back")
}

// A client that answers no ping is found.
func TestSocketHalfOpen(t *testing.T) {
	h := newHall(t, Timers{KeepAlive: 20 * time.Millisecond, Pong: 50 * time.Millisecond})
	h.dial(t, ann, "") // which reads nothing, so that no ping is answered
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, s := range h.sessions {
			s.mu.Lock()
			lost := s.reader == 1 && !s.lostAt.IsZero()
			s.mu.Unlock()
			if lost {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond)
}

// Floods and long messages end the connection that they come on, and no other.
func TestSocketFlood(t *testing.T) {
	h := newHall(t, Timers{})
	quiet, loud, long := h.dial(t, ann, ""), h.dial(t, ann, ""), h.dial(t, ann, "")
	for range eventsAtOnce * 3 {
		if loud.Write(t.Context(), websocket.MessageText, []byte(`{"event":"pong"}`)) != nil {
			break
		}
	}
	requireClosed(t, loud, int(websocket.StatusPolicyViolation))
	_ = long.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat(" ", MaxEvent+1)))
	requireClosed(t, long, int(websocket.StatusMessageTooBig))
	binary := h.dial(t, ann, "")
	_ = binary.Write(t.Context(), websocket.MessageBinary, []byte("{}"))
	requireClosed(t, binary, int(websocket.StatusUnsupportedData))
	require.NoError(t, quiet.Write(t.Context(), websocket.MessageText, []byte(`{"event":"ping"}`)))
	read(t, quiet)
	require.Contains(t, read(t, quiet), Pong)
}

// The close handshake on the wire (RFC 6455 §5.5.1, §7.1.2), seen by a client that is written from the specification: bytes, no library.
func TestSocketCloseFrames(t *testing.T) {
	for name, serverFirst := range map[string]bool{"the client closes": false, "the server closes": true} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, Timers{})
			w := dialRaw(t, h.Listener.Addr().String())
			w.send(1, []byte(ann))
			opcode, _ := w.frame()
			require.Equal(t, byte(1), opcode)
			if serverFirst {
				h.only(t).End(StatusRemoved, "out")
			} else {
				w.send(8, []byte{0x03, 0xe8}) // 1000
			}
			opcode, payload := w.frame()
			require.Equal(t, byte(8), opcode)
			if serverFirst {
				require.Equal(t, append([]byte{StatusRemoved >> 8, StatusRemoved & 0xff}, "out"...), payload)
				w.send(8, payload[:2])
			} else {
				require.Equal(t, []byte{0x03, 0xe8}, payload)
			}
			_, err := w.Read(make([]byte, 1)) // the server closes TCP first (§7.1.1)
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

// raw is a WebSocket client of bytes.
type raw struct {
	*testing.T
	net.Conn
}

func dialRaw(t *testing.T, address string) raw {
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	require.NoError(t, err)
	var head []byte
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		b := make([]byte, 1)
		_, err := io.ReadFull(conn, b)
		require.NoError(t, err)
		head = append(head, b...)
	}
	require.Contains(t, string(head), "101 Switching Protocols")
	require.Contains(t, strings.ToLower(string(head)), "s3pplmbitxaq9kygzzhzrbk+xoo=")
	return raw{t, conn}
}

// send writes a frame of less than 126 bytes, masked with zeros as clients may.
func (w raw) send(opcode byte, payload []byte) {
	_, err := w.Write(append([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...))
	require.NoError(w, err)
}

func (w raw) frame() (opcode byte, payload []byte) {
	head := make([]byte, 2)
	_, err := io.ReadFull(w.Conn, head)
	require.NoError(w, err)
	require.Equal(w, byte(0x80), head[0]&0xf0, "one frame, without extensions")
	opcode = head[0] & 0x0f
	n := int(head[1])
	if n == 126 {
		_, err := io.ReadFull(w.Conn, head)
		require.NoError(w, err)
		n = int(head[0])<<8 | int(head[1])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.Conn, payload)
	require.NoError(w, err)
	return opcode, payload
}
