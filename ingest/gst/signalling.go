package gst

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/panics"
)

// outbox is how many messages wait for a client; one that has not read more is disconnected.
const outbox = 256

// Media makes the sessions of clients, as it does for WHIP and WHEP. On a refusal nothing is left of one.
type Media interface {
	// Publish answers the offer of a producer whose session is reserved. begin is called when the publisher has its tracks.
	Publish(ctx context.Context, at *session.Reservation, offered []byte, begin func(*session.Publisher)) (*session.Session, []byte, *refusal.Refusal)
	// Watch answers the offer of a consumer of the stream.
	Watch(ctx context.Context, at *session.Reservation, stream string, offered []byte) (*session.Session, []byte, *refusal.Refusal)
	// Propose offers the stream to a consumer.
	Propose(ctx context.Context, at *session.Reservation, stream string) (*session.Session, []byte, *refusal.Refusal)
	// Conclude takes the answer to that.
	Conclude(sess *session.Session, answer []byte) *refusal.Refusal
}

// Config is what clients are served with.
type Config struct {
	Media    Media
	Sessions *session.Registry
	MaxSDP   int           // bytes of a description
	Connect  time.Duration // that a producer has for its offer
	// MayPublish and MayWatch refuse who may not publish or watch a stream; "" is any stream.
	MayPublish, MayWatch session.Judge
	// MayAsk reports whether a client does not ask too often.
	MayAsk func(*http.Request) bool
	Timers signal.Timers
	Logger *slog.Logger
}

// Signalling serves the address that clients connect to. tokenOf finds the token of a request.
func (h *Hub) Signalling(cfg Config, tokenOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			refusal.New(http.StatusUpgradeRequired, "Open this address as a WebSocket: it speaks the signalling protocol of webrtcsink and webrtcsrc.").Write(w)
			return
		}
		if !cfg.MayAsk(r) {
			tooOften().Write(w)
			return
		}
		done, ok := cfg.Sessions.Hold()
		if !ok {
			session.Refuse(session.ErrStopping).Write(w)
			return
		}
		defer done()
		// Any page may connect, as any may watch; who publishes is asked for a key.
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return // which has been answered
		}
		conn.SetReadLimit(messageBytes(cfg.MaxSDP))
		hurried := signal.Hurry(cfg.Sessions.Stopped(), func() { _ = conn.CloseNow() })
		defer hurried()
		h.carry(conn, h.newClient(cfg, r, tokenOf(r)))
	})
}

func tooOften() *refusal.Refusal {
	return refusal.New(http.StatusTooManyRequests, "Your address asks too often: wait a second.").After(1)
}

func (h *Hub) newClient(cfg Config, r *http.Request, token string) *client {
	c := &client{
		id: "@" + rand.Text(), hub: h, config: cfg, request: r, token: token, foreign: !signal.SameOrigin(r),
		out: make(chan []byte, outbox), behind: make(chan struct{}), dialogs: map[string]*dialog{}, version: version10,
	}
	_, refused := cfg.MayPublish.Judge(r, "", token)
	c.invites = refused == nil && !c.isForeign()
	return c
}

// carry reads and writes until the connection ends, and then ends the client's sessions.
func (h *Hub) carry(conn *websocket.Conn, c *client) {
	ctx, cancel := context.WithCancel(context.Background())
	connection := signal.NewConnection(conn, c.config.Timers)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer cancel()
		_ = panics.Contain(c.config.Logger, "the connection", func() { c.write(ctx, connection) }) // which is closed then
	}()
	pinged := connection.KeepAlive(ctx, cancel)
	defer func() {
		h.leave(c)
		c.leave()
		cancel()
		<-written
		<-pinged
		_ = conn.CloseNow()
	}()
	c.send(Message{Type: Welcome, PeerID: c.id})
	h.enter(c)
	c.read(ctx, conn, connection)
}

// read takes messages until the connection ends.
func (c *client) read(ctx context.Context, conn *websocket.Conn, connection *signal.Connection) {
	limiter := signal.NewLimiter()
	for {
		kind, text, err := conn.Read(ctx)
		switch {
		case err != nil:
			return
		case kind != websocket.MessageText:
			connection.Close(websocket.StatusUnsupportedData, "messages are text")
			return
		case !limiter.Allow():
			connection.Close(websocket.StatusPolicyViolation, "too many messages at once: send fewer")
			return
		}
		c.hear(ctx, text)
	}
}

// write sends what there is until the connection ends, and closes it when the server stops or the client does not read.
func (c *client) write(ctx context.Context, connection *signal.Connection) {
	for {
		select {
		case text := <-c.out:
			if connection.Send(ctx, text) != nil {
				return
			}
		case <-c.behind:
			connection.Close(signal.StatusBehind, "messages were dropped because you did not read them: connect again")
			return
		case <-c.config.Sessions.Stopped():
			connection.Close(websocket.StatusGoingAway, "the server is stopping")
			return
		case <-ctx.Done():
			return
		}
	}
}
