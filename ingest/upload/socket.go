package upload

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// Protocol is the WebSocket subprotocol of uploads.
const Protocol = "sluice-upload"

const (
	socketBytes  = MaxChunk * 4 / 3 // of the longest message: a chunk in base64
	socketStatus = time.Second      // between two messages to the client
	socketWrite  = 5 * time.Second  // for each of them
)

// Event is a message of text, in JSON: "end" from the client, which has sent all; "status", "ended" and "error" to it.
type Event struct {
	Event    string   `json:"event"`
	Detail   string   `json:"detail,omitempty"`  // of an error: what to do
	Received int64    `json:"received"`          // bytes that have been read
	Buffered int      `json:"buffered"`          // bytes that wait for their time
	Late     uint64   `json:"late"`              // frames that came too late to be passed on
	Ignored  []string `json:"ignored,omitempty"` // tracks that are not passed on, and why
	SlowDown bool     `json:"slowDown"`          // the recording comes faster than it was recorded: the next messages will wait
}

// ServeSocket takes a recording as messages: its bytes, or the same in base64 as text.
func (us *Uploads) ServeSocket(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return refusal.New(http.StatusUpgradeRequired, "Open this address as a WebSocket.")
	}
	done, ok := us.config.Sessions.Hold()
	if !ok {
		return session.Refuse(session.ErrStopping)
	}
	defer done()
	u, problem := us.newUpload(r, stream)
	if problem != nil {
		return problem
	}
	conn := u.session.AcceptSocket(w, r, Protocol, socketBytes)
	if conn == nil {
		return nil
	}
	socket := &socket{upload: u, conn: conn, complete: make(chan struct{})}
	u.play()
	u.session.Go(socket.tell)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer u.session.Contain()
		socket.read()
	}()
	<-u.session.Done()
	socket.finish() // which ends the reading
	<-read
	return nil
}

// socket is an upload over a WebSocket.
type socket struct {
	*upload
	conn     *websocket.Conn
	complete chan struct{} // closed when the client has sent all
}

// read takes messages until the client, the connection or the upload ends.
func (s *socket) read() {
	idle := panics.AfterFunc(s.config.Timers.Idle, nil, "the upload", func() { s.session.Close(ErrUploadSilent) })
	defer idle.Stop()
	for {
		message, err := s.readMessage()
		if err == nil {
			idle.Stop() // the client has to wait now, not we
			err = s.pipe.writeWhenFree(message)
			idle.Reset(s.config.Timers.Idle)
		}
		switch status := websocket.CloseStatus(err); {
		case err == nil:
			continue
		case errors.Is(err, errComplete), status == websocket.StatusNormalClosure, status == websocket.StatusGoingAway, status == websocket.StatusNoStatusRcvd:
			close(s.complete)
			s.pipe.close(io.EOF)
		case errors.Is(err, errRecording):
			s.session.Close(err)
		default: // the connection is gone, or the upload has ended
			s.session.Close(session.ErrHungUp)
		}
		return
	}
}

// errComplete says that the client has sent all.
var errComplete = errors.New("the recording is complete")

// readMessage returns what one message holds.
func (s *socket) readMessage() ([]byte, error) {
	kind, message, err := s.conn.Read(context.Background())
	if err != nil || kind != websocket.MessageText {
		return message, err
	}
	piece, end, err := parseText(message)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRecording, err)
	case end:
		return nil, errComplete
	}
	return piece, nil
}

// errMessage marks text that says nothing.
var errMessage = errors.New("text must be base64, a data URL of a recording, or {\"event\":\"end\"}")

// parseText reads a message of text.
func parseText(text []byte) (piece []byte, end bool, err error) {
	text = bytes.TrimSpace(text)
	if bytes.HasPrefix(text, []byte("{")) {
		var event Event
		if err := json.Unmarshal(text, &event); err != nil || event.Event != "end" {
			return nil, false, errMessage
		}
		return nil, true, nil
	}
	if declared, found := bytes.CutPrefix(text, []byte("data:")); found { // RFC 2397, as FileReader makes it
		kind, data, ok := bytes.Cut(declared, []byte(";base64,"))
		if !ok || !isRecording(string(kind)) {
			return nil, false, errMessage
		}
		text = data
	}
	piece = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(piece, text)
	if err != nil {
		return nil, false, errMessage
	}
	return piece[:n], false, nil
}

// tell tells the client each second how it stands.
func (s *socket) tell() {
	each := time.NewTicker(socketStatus)
	defer each.Stop()
	for {
		select {
		case <-s.session.Closing():
			return
		case <-each.C:
			if s.write("status", "") != nil {
				s.hungUp()
				return
			}
		}
	}
}

// hungUp ends the upload, unless all of it has come: then it is played to its end.
func (s *socket) hungUp() {
	select {
	case <-s.complete:
	default:
		s.session.Close(session.ErrHungUp)
	}
}

func (s *socket) write(event, detail string) error {
	ctx, cancel := context.WithTimeout(context.Background(), socketWrite)
	defer cancel()
	buffered := s.pipe.buffered()
	return wsjson.Write(ctx, s.conn, Event{
		Event: event, Detail: detail, Received: s.received.Load(), Buffered: buffered, Late: s.session.LateFrames.Load(),
		Ignored: s.session.Ignored(), SlowDown: buffered > uploadBuffer/2,
	})
}

// finish tells how the upload has ended, and closes the connection.
func (s *socket) finish() {
	err := s.result()
	if err == nil {
		_ = s.write("ended", "")
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		return
	}
	refused := s.refusal(err)
	_ = s.write("error", refused.Detail)
	code := websocket.StatusPolicyViolation
	switch refused.Status {
	case http.StatusBadRequest:
		code = websocket.StatusUnsupportedData
	case http.StatusServiceUnavailable:
		code = websocket.StatusTryAgainLater
	}
	_ = s.conn.Close(code, shorten(refused.Detail))
}

// shorten keeps a reason within what a close frame can carry (RFC 6455 §5.5).
func shorten(reason string) string {
	const most = 120
	if len(reason) > most {
		return string(bytes.ToValidUTF8([]byte(reason[:most]), nil))
	}
	return reason
}
