package signal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ServeEvents carries the events of a session as server-sent events until either side ends. The key of the session is the parameter
// seat; a client that comes back says what it has seen by Last-Event-ID (HTML §9.2.4), or by the parameter last where it begins anew. A status other than 200 tells an
// EventSource not to come back.
func (h *Handler) ServeEvents(w http.ResponseWriter, r *http.Request) {
	session := h.session(w, r)
	if session == nil {
		return
	}
	last, err := strconv.ParseUint(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last")), 10, 63)
	if err != nil {
		last = 0 // from the start of what is kept
	}
	if last > 0 {
		h.Return(session.key, last)
	}
	view := session.attach(last)
	defer view.detach()
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // for nginx
	s := stream{w, http.NewResponseController(w), h.timers()}
	hurried := Hurry(h.Stop, func() { _ = s.control.SetWriteDeadline(time.Now()) })
	defer hurried()
	if s.say("retry: 1000\n\n") == nil {
		s.carry(r, view, h.Stop)
	}
}

// session finds who asks, or refuses.
func (h *Handler) session(w http.ResponseWriter, r *http.Request) *Session {
	if f := checkOrigin(r); f != nil {
		f.write(w)
		return nil
	}
	session := h.Find(r.URL.Query().Get("seat"))
	if session == nil {
		refuse(http.StatusGone, "There is no such seat: it has been given up. Post an authenticate event to enter anew.").write(w)
	}
	return session
}

// stream is a response that goes on.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timers  Timers
}

func (s stream) carry(r *http.Request, view *reader, stop <-chan struct{}) {
	beat := time.NewTicker(s.timers.KeepAlive)
	defer beat.Stop()
	for {
		events, id, newer, end := view.read()
		for i, e := range events {
			if s.say(fmt.Sprintf("id: %d\ndata: %s\n\n", id+uint64(i), e)) != nil {
				return
			}
		}
		if end != nil {
			text, _ := json.Marshal(Event{Kind: Error, Code: end.Code, Detail: end.Reason}) // of plain strings
			_ = s.say(fmt.Sprintf("data: %s\n\n", text))
			return
		}
		select {
		case <-newer:
		case <-beat.C: // a comment keeps proxies from closing, and an event tells the client that somebody is there
			if s.say(`data: {"event":"ping"}`+"\n\n") != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-stop:
			return
		}
	}
}

func (s stream) say(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timers.Pong))
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

// ServeMessages takes an event by POST: of a session, or an authenticate event, which is answered with 201 and the key of the session.
func (h *Handler) ServeMessages(w http.ResponseWriter, r *http.Request, token string) {
	text, refusal := readEvent(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	if r.URL.Query().Has("seat") {
		h.hear(w, r, text)
		return
	}
	if f := h.enter(w, r, text, token); f != nil {
		f.write(w)
	}
}

func readEvent(w http.ResponseWriter, r *http.Request) ([]byte, *Refusal) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxEvent))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, refuse(http.StatusRequestEntityTooLarge, "An event has at most %d bytes.", MaxEvent)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "The event could not be read: %v.", err)
	}
	return bytes.TrimSpace(text), nil
}

func (h *Handler) hear(w http.ResponseWriter, r *http.Request, text []byte) {
	session := h.session(w, r)
	switch {
	case session == nil:
		return
	case !session.heard.Allow():
		f := refuse(http.StatusTooManyRequests, "You send too many events: wait a second.")
		f.RetryAfter = 1
		f.write(w)
		return
	}
	session.hear(text)
	w.WriteHeader(http.StatusAccepted) // what comes of it is told by events
}

func (h *Handler) enter(w http.ResponseWriter, r *http.Request, text []byte, token string) *Refusal {
	if f := checkOrigin(r); f != nil {
		return f
	}
	e, err := Parse(text)
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, "The first event cannot be taken: %v.", err)
	case e.Kind != Authenticate:
		return refuse(http.StatusUnauthorized, "Post an authenticate event first, and then others with ?seat= and the key that it is answered with.")
	case e.Token == "":
		e.Token = token
	}
	session, refusal := h.Enter(e)
	if refusal != nil {
		return refusal
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"seat": session.key}) // a client that has gone away gives the session up by that
	return nil
}
