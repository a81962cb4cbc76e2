package signal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/sluice-live/sluice/public/problem"
)

// Codes of WebSocket closes besides those of RFC 6455 §7.4.1. Refusals are 4000 and their HTTP status, such as 4401.
const (
	StatusReplaced = 4000 // the client has come back over another connection
	StatusBehind   = 4001 // the client did not read what was sent
	StatusRemoved  = 4002 // somebody has sent the client out
	StatusExpired  = 4003 // the client's media or connection has been away for too long
	refusalBase    = 4000
)

// Refusal is why somebody is not admitted.
type Refusal struct {
	Status     int // of HTTP
	Detail     string
	RetryAfter int // seconds; 0: none
}

func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// write answers with the refusal.
func (f *Refusal) write(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		problem.WriteRetry(w, f.Status, f.RetryAfter, f.Detail)
		return
	}
	problem.Write(w, f.Status, f.Detail)
}

// Handler admits clients.
type Handler struct {
	// Enter admits who comes with an authenticate event: anew, or on the session whose key it has.
	Enter func(Event) (*Session, *Refusal)
	// Find gives the session of a key; nil when there is none.
	Find func(key string) *Session
	// Return is told that the client of a session has come back over server-sent events, with that as the last event that it has seen.
	Return func(key string, last uint64)
	// Stop is closed when the server stops.
	Stop <-chan struct{}
	// Timers replace those of clients; the zero value is right outside tests.
	Timers Timers
}

// Timers are how long things may take.
type Timers struct {
	Entry     time.Duration // until authenticate; default 10 s
	KeepAlive time.Duration // between two pings; default 15 s
	Pong      time.Duration // until the answer to one, and for each write; default 10 s
}

func (h *Handler) timers() Timers { return h.Timers.orDefault() }

func (t Timers) orDefault() Timers {
	for _, v := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.Entry, 10 * time.Second}, {&t.KeepAlive, 15 * time.Second}, {&t.Pong, 10 * time.Second}} {
		if *v.field == 0 {
			*v.field = v.value
		}
	}
	return t
}

// A client may send so many events each second, and so many at once.
const (
	eventsPerSecond = 50
	eventsAtOnce    = 200
)

// NewLimiter is what a client's events are measured by.
func NewLimiter() *rate.Limiter { return rate.NewLimiter(eventsPerSecond, eventsAtOnce) }

// hear takes an event of a client that has been admitted. What is answered at once is no matter of the room's.
func (s *Session) hear(text []byte) {
	e, err := Parse(text)
	switch {
	case err != nil:
		s.Send(Event{Kind: Error, Code: http.StatusBadRequest, Detail: fmt.Sprintf("That event cannot be taken: %v.", err)})
	case e.Kind == Ping:
		s.Send(Event{Kind: Pong})
	case e.Kind == Pong:
	case e.Kind == Authenticate:
		s.Send(Event{Kind: Error, Code: http.StatusConflict, Detail: "You are here already: open another connection to enter anew."})
	default:
		s.take(e)
	}
}

// SameOrigin reports whether a request comes from a page of this server, or from no page at all. A browser says so itself where it trusts
// the connection (Sec-Fetch-Site); else it tells the page's origin with all but the plainest requests. Programs send neither.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	isSocket := origin != "" && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") // whose ws: may count as another origin than http:
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "same-origin", site == "none": // the latter: typed in, or a bookmark
		return true
	case !isSocket && (site == "cross-site" || site == "same-site"):
		return false
	}
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	// The second where a proxy leaves out the port, as nginx's $host does.
	return err == nil && u.Host != "" && (strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Hostname(), r.Host))
}

// checkOrigin refuses pages of other sites: where nobody needs a key, a page that the operator of this machine happens to look at could take
// part in its rooms.
func checkOrigin(r *http.Request) *Refusal {
	if SameOrigin(r) {
		return nil
	}
	return refuse(http.StatusForbidden, "This page is from %.100q and may not take part in rooms of %.100q: open the room's own page.", r.Header.Get("Origin"), r.Host)
}
