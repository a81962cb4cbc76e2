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

const (
	socketWrite = 5 * time.Second // for a message to the client
	unanswered  = 16              // pictures of a socket that wait for their answers; then no more are read
)

// The events.
const (
	eventEnd     = "end"     // from the client, which has sent all
	eventProcess = "process" // from the client: what to do with the pictures that follow
	eventFrame   = "frame"   // what has become of a picture
	eventEnded   = "ended"
	eventError   = "error" // of a picture, or of the stream when there is no frame
)

// Event is a message of text, in JSON.
type Event struct {
	Event   string  `json:"event"`
	Frame   uint64  `json:"frame,omitempty"`   // of this connection, from 1 on
	Process string  `json:"process,omitempty"` // the processor's name, or "" for none
	Width   int     `json:"width,omitempty"`   // as it is encoded
	Height  int     `json:"height,omitempty"`
	Took    float64 `json:"took,omitempty"`  // ms
	Faces   []Box   `json:"faces,omitempty"` // found by the processor
	Type    string  `json:"type,omitempty"`  // of the processed picture
	Bytes   int     `json:"bytes,omitempty"` // of it, when it follows as the next message
	Image   string  `json:"image,omitempty"` // itself, as a data URL, when it has come in base64
	Code    int     `json:"code,omitempty"`  // of an error, as of HTTP
	Detail  string  `json:"detail,omitempty"`
}

// socket is a stream over a WebSocket.
type socket struct {
	*stream
	conn    *websocket.Conn
	format  string
	process string
	count   uint64        // of pictures that have come
	pending chan incoming // closed when the client has sent all
	hungUp  error         // why there are no more; nil: the client has said so. Set before pending is closed
}

// incoming is a picture that is to be answered.
type incoming struct {
	frame   uint64
	text    bool
	held    *heldReader
	job     *job
	refused *refusal.Refusal // then there is no job
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
	socket := &socket{stream: s, conn: conn, format: wanted(r), process: q.process, pending: make(chan incoming, unanswered)}
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
		m, p = parseMessage(data)
	}
	switch m.event.Event {
	case eventEnd:
		return in, true, nil
	case eventProcess:
		if p = s.frames.checkProcess(m.event.Process); p == nil {
			s.process = m.event.Process
			return in, false, nil
		}
	}
	s.count++
	in = incoming{frame: s.count, text: m.text, held: held, refused: p}
	if in.refused == nil {
		_, in.refused = inspect(m.picture)
	}
	if in.refused == nil {
		in.job = &job{data: m.picture, process: s.process, format: s.format, answer: make(chan *result, 1)}
		in.refused = s.enqueue(in.job)
	}
	return in, false, nil
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
	r := &result{refused: in.refused}
	if r.refused == nil {
		r = s.wait(in.job)
	}
	if r.refused != nil {
		s.frames.refused.Add(1)
		return s.write(Event{Event: eventError, Frame: in.frame, Code: r.refused.Status, Detail: r.refused.Detail})
	}
	e := Event{
		Event: eventFrame, Frame: in.frame, Process: in.job.process, Width: r.width, Height: r.height, Took: milliseconds(r.took), Faces: r.faces,
	}
	if r.image == nil {
		return s.write(e)
	}
	if e.Type = "image/" + in.job.format; in.text {
		e.Image = dataURL(in.job.format, r.image)
		return s.write(e)
	}
	e.Bytes = len(r.image)
	if err := s.write(e); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), socketWrite)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, r.image)
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
