package signal

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/coder/websocket"

	"github.com/sluice-live/sluice/public/panics"
)

// Protocol is the WebSocket subprotocol of rooms.
const Protocol = "sluice-room"

// maxEntry is the longest authenticate event in bytes: nobody is known before it.
const maxEntry = 16 << 10

// ServeSocket admits a client that comes over a WebSocket, and carries its events until either side closes it.
func (h *Handler) ServeSocket(w http.ResponseWriter, r *http.Request, token string) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		refuse(http.StatusUpgradeRequired, "Open this address as a WebSocket.").write(w)
		return
	}
	if f := checkOrigin(r); f != nil {
		f.write(w)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{Protocol}}) // the origin has been checked
	if err != nil {
		return // which has been answered
	}
	conn.SetReadLimit(maxEntry)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &socket{Connection: NewConnection(conn, h.Timers)}
	session, last, refusal := s.enter(ctx, h, token, r)
	if refusal != nil {
		s.refuse(refusal)
		return
	}
	conn.SetReadLimit(MaxEvent)
	hurried := Hurry(h.Stop, func() { _ = conn.CloseNow() })
	defer hurried()
	s.carry(ctx, cancel, session, last)
}

// socket is one connection of rooms.
type socket struct {
	*Connection
	data bool // the client reads nothing but data
}

// enterAtOnce seats who has said with the request who comes.
func (h *Handler) enterAtOnce(e Event, token string) (*Session, uint64, *Refusal) {
	e.Token = cmp.Or(e.Token, token)
	if err := e.check(); err != nil {
		return nil, 0, refuse(http.StatusBadRequest, "The user name cannot be taken: %v.", err)
	}
	session, refusal := h.Enter(e)
	return session, 0, refusal
}

// enter waits for the first event, unless the request has said who comes.
func (s *socket) enter(ctx context.Context, h *Handler, token string, r *http.Request) (*Session, uint64, *Refusal) {
	if e, ok := Credentials(r); ok {
		s.data = true
		return h.enterAtOnce(e, token)
	}
	late := panics.AfterFunc(s.timers.Entry, nil, "the connection", func() { s.Close(refusalBase+http.StatusRequestTimeout, "send an authenticate event first") })
	defer late.Stop()
	entered := make(chan struct{})
	defer close(entered)
	panics.Go(nil, "the connection", func() {
		select {
		case <-h.Stop:
			s.Close(websocket.StatusGoingAway, "the server is stopping")
		case <-entered:
		}
	})
	_, text, err := s.conn.Read(ctx)
	if err != nil {
		return nil, 0, refuse(http.StatusRequestTimeout, "Send an authenticate event first.")
	}
	e, err := Parse(text)
	switch {
	case err != nil:
		return nil, 0, refuse(http.StatusBadRequest, "The first event cannot be taken: %v.", err)
	case e.Kind != Authenticate:
		return nil, 0, refuse(http.StatusUnauthorized, "Send an authenticate event first.")
	case e.Token == "":
		e.Token = token
	}
	session, refusal := h.Enter(e)
	return session, e.Last, refusal
}

// refuse says why not, and closes.
func (s *socket) refuse(f *Refusal) {
	e := Event{Kind: Error, Code: f.Status, Detail: f.Detail}
	if s.data {
		e = e.inData()
	}
	text, _ := json.Marshal(e)             // of plain strings
	_ = s.Send(context.Background(), text) // a client that has gone away needs no answer
	s.Close(websocket.StatusCode(refusalBase+f.Status), f.Detail)
}

// carry reads and writes until one of the two ends.
func (s *socket) carry(ctx context.Context, cancel func(), session *Session, last uint64) {
	view := session.attach(last)
	defer view.detach()
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer cancel()
		_ = panics.Contain(nil, "the connection", func() { s.write(ctx, view) }) // which is closed then
	}()
	pinged := s.KeepAlive(ctx, cancel)
	s.read(ctx, view)
	cancel()
	<-written
	<-pinged
	_ = s.conn.CloseNow()
}

// read takes events until the connection ends.
func (s *socket) read(ctx context.Context, view *reader) {
	session := view.session
	for {
		kind, text, err := s.conn.Read(ctx)
		switch {
		case websocket.CloseStatus(err) == websocket.StatusNormalClosure && view.current():
			session.take(Event{Kind: Leave}) // and not one that may come back
			return
		case err != nil, !view.current():
			return
		case kind != websocket.MessageText:
			s.Close(websocket.StatusUnsupportedData, "events are text")
			return
		case !session.heard.Allow():
			s.Close(websocket.StatusPolicyViolation, "too many events at once: come back with the seat, and send fewer")
			return
		}
		if string(text) == Ping { // as some clients have it who keep connections alive
			if s.Send(ctx, []byte(Pong)) != nil {
				return
			}
			continue
		}
		session.hear(text)
	}
}

// write sends what there is until it ends, and then closes the connection.
func (s *socket) write(ctx context.Context, view *reader) {
	for {
		events, _, newer, end := view.read()
		for _, e := range events {
			if s.Send(ctx, e) != nil {
				return
			}
		}
		if end != nil {
			s.Close(websocket.StatusCode(end.Code), end.Reason)
			return
		}
		select {
		case <-newer:
		case <-ctx.Done():
			return
		}
	}
}
