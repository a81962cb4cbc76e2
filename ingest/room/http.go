package room

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/name"
)

// Transports are the last parts of the addresses at which rooms are entered.
var Transports = []string{"ws", "events", "messages"}

// Signalling serves the address of one of the Transports: /rooms/{room}/ws, or /echo/ws for a room of one's own in which what is sent comes
// back. tokenOf finds the token of a request that has one in its header; without it, it is part of the first event. It reads the path value
// "room", which the echo has not.
func (rs *Rooms) Signalling(transport string, tokenOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		room, mode := r.PathValue("room"), ModeSFU
		switch {
		case room == "":
			room, mode = echoPrefix+rand.Text(), ModeEcho
		case !name.Valid(room):
			refusal.New(http.StatusBadRequest, "A room's name is "+name.Rule+".").Write(w)
			return
		case r.URL.Query().Get("mesh") == "1" || saysWhoItIs(r):
			mode = ModeMesh
		}
		done, ok := rs.config.Sessions.Hold()
		if !ok {
			session.Refuse(session.ErrStopping).Write(w)
			return
		}
		defer done()
		rs.serveSignalling(w, r, rs.handler(r, room, mode), transport, tokenOf(r))
	})
}

// saysWhoItIs reports whether the client is one that says so with its request: then it negotiates with the others itself.
func saysWhoItIs(r *http.Request) bool {
	_, ok := signal.Credentials(r)
	return ok && strings.HasSuffix(r.URL.Path, "/ws")
}

// echoPrefix begins the names of rooms for one, and cannot begin that of another.
const echoPrefix = "-echo-"

func (rs *Rooms) serveSignalling(w http.ResponseWriter, r *http.Request, h *signal.Handler, transport, token string) {
	switch {
	case transport == "ws" && r.Method == http.MethodGet:
		h.ServeSocket(w, r, token)
	case transport == "events" && r.Method == http.MethodGet:
		h.ServeEvents(w, r)
	case transport == "messages" && r.Method == http.MethodPost:
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rs.config.Body)) // not every ResponseWriter has one
		h.ServeMessages(w, r, token)
	default:
		refusal.New(http.StatusNotFound, "There is nothing here: a room has ws, events and messages.").Write(w)
	}
}

// handler admits those who come to a room by a request.
func (rs *Rooms) handler(r *http.Request, room string, mode Mode) *signal.Handler {
	return &signal.Handler{
		Enter: func(e signal.Event) (*signal.Session, *signal.Refusal) {
			signalling, refused := rs.enter(r, room, mode, e)
			if refused != nil {
				return nil, &signal.Refusal{Status: refused.Status, Detail: refused.Detail, RetryAfter: refused.RetryAfter}
			}
			return signalling, nil
		},
		Find: func(key string) *signal.Session {
			if p := rs.withKey(room, mode, key); p != nil {
				return p.signalling
			}
			return nil
		},
		Return: func(key string, last uint64) { _, _ = rs.comeBack(rs.withKey(room, mode, key), last) }, // who is gone has been told so
		Stop:   rs.config.Sessions.Stopped(),
		Timers: rs.config.Timers.Signal,
	}
}

// withKey finds the participant with that key in the room, or, of the echo, in any of its rooms; nil when there is none.
func (rs *Rooms) withKey(room string, mode Mode, key string) *participant {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for called, r := range rs.byName {
		if called == room || mode == ModeEcho && r.mode == ModeEcho {
			if p := r.withKey(key); p != nil {
				return p
			}
		}
	}
	return nil
}

// enter lets somebody into a room, or gives a signalling session back to who has its key.
func (rs *Rooms) enter(r *http.Request, room string, mode Mode, e signal.Event) (*signal.Session, *refusal.Refusal) {
	if !rs.config.MayAsk(r) {
		return nil, refusal.New(http.StatusTooManyRequests, "Your address asks too often: wait a second.").After(1)
	}
	if e.Seat != "" {
		return rs.comeBack(rs.withKey(room, mode, e.Seat), e.Last)
	}
	kind, name := session.KindParticipant, room
	if mode == ModeEcho {
		kind, name = session.KindEcho, ""
	}
	right, refused := rs.config.MayEnter.Judge(r, name, e.Token)
	if refused != nil {
		switch refused.Status {
		case http.StatusUnauthorized:
			return nil, refusal.New(refused.Status, "Send a stream key that this server knows as the token of the authenticate event.")
		case http.StatusForbidden:
			return nil, refusal.New(refused.Status, "This key is not for this room: use one that is.")
		}
		return nil, refused
	}
	at := session.NewReservation(session.By(r, right), kind, name)
	if refused := rs.config.Sessions.Reserve(at); refused != nil {
		return nil, refused
	}
	p, err := rs.newParticipant(at, e, mode)
	if err != nil {
		rs.config.Sessions.Release(at)
		rs.config.Logger.Error("peer connection could not be made", "error", err)
		return nil, refusal.New(http.StatusServiceUnavailable, "The server cannot take a connection now: try again later.").After(10)
	}
	rs.config.Sessions.Start(p.session)
	if refused := rs.admit(p, room, mode); refused != nil {
		p.session.Close(refused)
		<-p.session.Done()
		return nil, refused
	}
	rs.config.Logger.Info("participant has come", "room", room, "session", p.session.ID(), "address", r.RemoteAddr)
	if !p.session.Go(p.run) {
		p.leave()
	}
	return p.signalling, nil
}
