package signal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/sluice-live/sluice/public/panics"
)

// stopsWithin is how long clients may take to hear that the server stops.
const stopsWithin = 2 * time.Second

// Hurry ends what a client may hold up, a while after the server has begun to stop. What it returns calls that off, and waits for it.
func Hurry(stop <-chan struct{}, end func()) (done func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	panics.Go(nil, "the connection", func() {
		defer close(ended)
		select {
		case <-over:
			return
		case <-stop:
		}
		select {
		case <-over:
		case <-time.After(stopsWithin):
			end()
		}
	})
	return func() { close(over); <-ended }
}

// closeReason is the most that a close frame can carry as a reason (RFC 6455 §5.5), in bytes.
const closeReason = 123

// Connection is a WebSocket that carries text in both directions.
type Connection struct {
	conn   *websocket.Conn
	timers Timers
}

// NewConnection is for a WebSocket that has been accepted.
func NewConnection(conn *websocket.Conn, timers Timers) *Connection {
	return &Connection{conn, timers.orDefault()}
}

// Send writes a message of text.
func (s *Connection) Send(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.timers.Pong)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, text)
}

// Close sends a close frame and waits for the client's (RFC 6455 §7.1.2).
func (s *Connection) Close(code websocket.StatusCode, reason string) {
	if len(reason) > closeReason {
		reason = strings.ToValidUTF8(reason[:closeReason], "")
	}
	_ = s.conn.Close(code, reason)
}

// KeepAlive finds a client that is there no more, for which TCP may take hours, and calls cancel then. What it returns is closed when it has
// ended, with ctx.
func (s *Connection) KeepAlive(ctx context.Context, cancel func()) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if panics.Contain(nil, "the connection", func() { s.ping(ctx, cancel) }) != nil {
			cancel()
		}
	}()
	return ended
}

func (s *Connection) ping(ctx context.Context, cancel func()) {
	each := time.NewTicker(s.timers.KeepAlive)
	defer each.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		waited, done := context.WithTimeout(ctx, s.timers.Pong)
		err := s.conn.Ping(waited)
		done()
		if err != nil && !errors.Is(err, context.Canceled) {
			cancel()
			return
		}
	}
}
