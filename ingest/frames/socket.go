package frames

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// Protocol is the WebSocket subprotocol of pictures.
const Protocol = "sluice-frames"

const socketWrite = 5 * time.Second // for a message to the client

// socket is a stream over a WebSocket.
type socket struct {
	conversation
	conn   *websocket.Conn
	hungUp error // why there are no more pictures; nil: the client has said so. Set before pending is closed, which the reader does
}

// ServeSocket takes pictures as messages, and answers each in its turn.
func (f *Frames) ServeSocket(w http.ResponseWriter, r *http.Request, name string) *refusal.Refusal {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return refusal.New(http.StatusUpgradeRequired, "Open this address as a WebSocket.")
	}
	q, p := f.parseQuery(r, name)
	if p != nil {
		return p
	}
	done, ok := f.config.Sessions.Hold()
	if !ok {
		return session.Refuse(session.ErrStopping)
	}
	defer done()
	s, p := f.newStream(r, name, q)
	if p != nil {
		return p
	}
	conn := s.session.AcceptSocket(w, r, Protocol, textBytes)
	if conn == nil {
		return nil
	}
	socket := &socket{conversation: newConversation(s, r, q), conn: conn}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(socket.pending)
		defer s.session.Contain()
		socket.hungUp = socket.read()
	}()
	socket.answer()
	socket.finish() // which ends the reading
	for late := range socket.pending {
		late.held.release()
	}
	<-read
	return nil
}

// read takes messages until the client, the connection or the stream ends. Nil is the client's end.
func (s *socket) read() error {
	for {
		kind, from, err := s.conn.Reader(context.Background())
		if err != nil {
			if status := websocket.CloseStatus(err); status == websocket.StatusNormalClosure || status == websocket.StatusGoingAway || status == websocket.StatusNoStatusRcvd {
				return nil
			}
			return err
		}
		held := &heldReader{Reader: from, frames: s.frames}
		in, end, err := s.readMessage(kind, held)
		if err != nil || end {
			held.release()
			return err
		}
		if in.frame == 0 { // it was an event
			held.release()
			continue
		}
		select {
		case s.pending <- in:
		case <-s.session.Closing():
			held.release()
			return s.session.Err()
		}
	}
}

// readMessage takes one message: a picture, which gets its place, or an event.
func (s *socket) readMessage(kind websocket.MessageType, held *heldReader) (in incoming, end bool, err error) {
	most := MaxBytes
	if kind == websocket.MessageText {
		most = textBytes
	}
	data, p := readAll(held, most)
	if p != nil {
		if _, err := io.Copy(io.Discard, held.Reader); err != nil {
			return in, false, err
		}
	}
	m := message{picture: data}
	if p == nil && kind == websocket.MessageText {
		m, p = parseMessage(data, eventEnd, eventProcess)
	}
	in, end = s.take(m, held, p)
	return in, end, nil
}

// answer answers pictures in their order until there are no more, or the stream ends.
func (s *socket) answer() {
	for {
		select {
		case in, more := <-s.pending:
			if !more {
				if s.hungUp != nil {
					s.session.Close(session.ErrHungUp)
				}
				s.session.Close(ErrEnded)
				return
			}
			err := s.tell(in)
			in.held.release()
			if err != nil {
				s.session.Close(session.ErrHungUp)
				return
			}
		case <-s.session.Closing():
			return
		}
	}
}

// tell tells what has become of a picture, and sends it back.
func (s *socket) tell(in incoming) error {
	e, image := s.answerTo(in, s.session.Done())
	if image != nil && in.text {
		e.Image = dataURL(in.job.format, image)
		image = nil
	}
	e.Bytes = len(image)
	if err := s.write(e); err != nil || image == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), socketWrite)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, image)
}

func (s *socket) write(e Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), socketWrite)
	defer cancel()
	return wsjson.Write(ctx, s.conn, e)
}

// finish tells how the stream has ended, and closes the connection.
func (s *socket) finish() {
	<-s.session.Done()
	err := s.session.Err()
	if errors.Is(err, ErrEnded) {
		_ = s.write(Event{Event: eventEnded})
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		return
	}
	p := s.refusal(err)
	_ = s.write(Event{Event: eventError, Code: p.Status, Detail: p.Detail})
	code := websocket.StatusPolicyViolation
	if p.Status == http.StatusServiceUnavailable {
		code = websocket.StatusTryAgainLater
	}
	_ = s.conn.Close(code, shorten(p.Detail))
}
