package ingest

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/internal/name"
)

// Signalling serves the addresses at which rooms are entered: /rooms/{room}/ws, events and messages, and /echo/ws, events and messages for
// a room of one's own in which what is sent comes back. tokenOf finds the token of a request that has one in its header; without it,
// it is part of the first event.
func (s *Server) Signalling(tokenOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		room, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/rooms/"), "/")
		mode := ModeSFU
		switch path, isEcho := strings.CutPrefix(r.URL.Path, "/echo/"); {
		case isEcho:
			room, what, mode = echoPrefix+rand.Text(), path, ModeEcho
		case !name.Valid(room):
			refuse(http.StatusBadRequest, "A room's name is "+name.Rule+".").write(w)
			return
		case r.URL.Query().Get("mesh") == "1":
			mode = ModeMesh
		}
		if !s.hold() {
			refusal(ErrStopping).write(w)
			return
		}
		defer s.running.Done()
		s.serveSignalling(w, r, s.desk(r, room, mode), what, tokenOf(r))
	})
}

// echoPrefix begins the names of rooms for one, and cannot begin that of another.
const echoPrefix = "-echo-"

func (s *Server) serveSignalling(w http.ResponseWriter, r *http.Request, d *signal.Desk, what, token string) {
	switch {
	case what == "ws" && r.Method == http.MethodGet:
		d.ServeSocket(w, r, token)
	case what == "events" && r.Method == http.MethodGet:
		d.ServeEvents(w, r)
	case what == "messages" && r.Method == http.MethodPost:
		s.limitBody(w)
		d.ServeMessages(w, r, token)
	default:
		refuse(http.StatusNotFound, "There is nothing here: a room has ws, events and messages.").write(w)
	}
}

// desk seats those who come to a room by a request.
func (s *Server) desk(r *http.Request, room string, mode Mode) *signal.Desk {
	return &signal.Desk{
		Enter: func(e signal.Event) (*signal.Seat, *signal.Refusal) {
			seat, refused := s.enter(r, room, mode, e)
			if refused != nil {
				return nil, &signal.Refusal{Status: refused.status, Detail: refused.detail, RetryAfter: refused.retryAfter}
			}
			return seat, nil
		},
		Find: func(key string) *signal.Seat {
			if p := s.seated(room, mode, key); p != nil {
				return p.seat
			}
			return nil
		},
		Return: func(key string, last uint64) { _, _ = s.comeBack(s.seated(room, mode, key), last) }, // who is gone has been told so
		Stop:   s.halted,
		Timers: s.timers.signal,
	}
}

// seated finds the participant with that key in the room, or, of the echo, in any of its rooms; nil when there is none.
func (s *Server) seated(room string, mode Mode, key string) *participant {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	for called, r := range s.rooms.byName {
		if called == room || mode == ModeEcho && r.mode == ModeEcho {
			if p := r.seated(key); p != nil {
				return p
			}
		}
	}
	return nil
}

// enter lets somebody into a room, or gives a seat back to who has its key.
func (s *Server) enter(r *http.Request, room string, mode Mode, e signal.Event) (*signal.Seat, *problem) {
	if !s.rates.allow(clientOf(r), time.Now()) {
		return nil, refuse(http.StatusTooManyRequests, "Your address asks too often: wait a second.").after(1)
	}
	if e.Seat != "" {
		return s.comeBack(s.seated(room, mode, e.Seat), e.Last)
	}
	switch known, allowed := s.mayEnter(room, mode, e.Token); {
	case !known:
		return nil, refuse(http.StatusUnauthorized, "Send a stream key that this server knows as the token of the authenticate event.")
	case !allowed:
		return nil, refuse(http.StatusForbidden, "This key is not for this room: use one that is.")
	}
	at := &place{client: clientOf(r)}
	if refused := s.reserve(at); refused != nil {
		return nil, refused
	}
	prefix := "/rooms/" + room + "/"
	if mode == ModeEcho {
		prefix = "/echo/"
	}
	p, err := s.newParticipant(at, prefix, r.RemoteAddr, e, mode)
	if err != nil {
		s.unreserve(at, nil)
		s.running.Done()
		s.log.Error("peer connection could not be made", "error", err)
		return nil, refuse(http.StatusServiceUnavailable, "The server cannot take a connection now: try again later.").after(10)
	}
	s.start(p.session, at)
	if refused := s.admit(p, room, mode); refused != nil {
		p.close(refused)
		<-p.done
		return nil, refused
	}
	s.log.Info("participant has come", "room", room, "session", p.id, "address", r.RemoteAddr)
	if !p.loop(func() { p.run(s) }) {
		p.leave(s)
	}
	return p.seat, nil
}

func (s *Server) mayEnter(room string, mode Mode, token string) (known, allowed bool) {
	if mode == ModeEcho {
		room = ""
	}
	return s.opts.MayEnter(room, token)
}
