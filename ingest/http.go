package ingest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/name"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

const (
	endpointMethods = "POST, GET, HEAD, OPTIONS"
	sessionMethods  = "PATCH, DELETE, GET, HEAD, OPTIONS"
)

// endpoint takes what is posted to an address.
type endpoint func(http.ResponseWriter, *http.Request) *refusal.Refusal

// WHIP serves /whip/{stream} and /whip/{stream}/{session}; like the other handlers it reads these path values.
func (s *Server) WHIP() http.Handler {
	return s.streamHandler(session.KindPublisher, func(stream string) endpoint {
		return func(w http.ResponseWriter, r *http.Request) *refusal.Refusal { return s.postWHIP(w, r, stream) }
	})
}

// streamHandler serves the endpoints of streams and the sessions of a kind beneath them.
func (s *Server) streamHandler(kind session.Kind, of func(stream string) endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.limitBody(w)
		stream, id := r.PathValue("stream"), r.PathValue("session")
		switch {
		case !name.Valid(stream) && !isPreflight(r): // pages can read refusals only after a good preflight
			refusal.New(http.StatusBadRequest, "A stream's name is "+name.Rule+".").Write(w)
		case id != "":
			s.serveSession(w, r, stream, kind.Path(stream, id))
		default:
			s.serveEndpoint(w, r, of(stream), kind != session.KindViewer)
		}
	})
}

// Echo serves POST /echo and /echo/{session}.
func (s *Server) Echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.limitBody(w)
		if id := r.PathValue("session"); id != "" {
			s.serveSession(w, r, "", session.KindEcho.Path("", id))
			return
		}
		s.serveEndpoint(w, r, s.postEcho, true)
	})
}

// serveEndpoint answers at the address that offers are posted to (RFC 9725 §4.1, §4.2). Where only those come who may post, OPTIONS tells
// them the ICE servers; viewers are everybody, and are told with the answer to their offers.
func (s *Server) serveEndpoint(w http.ResponseWriter, r *http.Request, post endpoint, guarded bool) {
	switch r.Method {
	case http.MethodPost:
		if p := s.limited(r, post, w); p != nil {
			p.Write(w)
		}
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeSDP)
		w.Header().Set("Allow", endpointMethods)
		if guarded {
			s.announceServers(w, r)
		}
		w.WriteHeader(http.StatusOK)
	case http.MethodGet, http.MethodHead:
		w.Header().Set("Accept-Post", typeSDP)
		w.WriteHeader(http.StatusNoContent)
	default:
		methodNotAllowed(endpointMethods).Write(w)
	}
}

// serveSession answers at the address of a session, of a stream or (the echo) of none; path is that address.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, stream, path string) {
	if r.Method == http.MethodOptions {
		// The same for every address: a preflight must not tell which sessions there are.
		w.Header().Set("Accept-Patch", typeFragment)
		w.Header().Set("Allow", sessionMethods)
		w.WriteHeader(http.StatusOK)
		return
	}
	sess := s.sessions.Session(path)
	if sess == nil || errors.Is(sess.Err(), session.ErrTakenOver) || s.sessions.Dismissed(path) {
		s.ended(stream, path).Write(w)
		return
	}
	switch r.Method {
	case http.MethodPatch, http.MethodDelete:
		act := s.patch
		if r.Method == http.MethodDelete {
			act = s.delete
		}
		if p := s.limited(r, func(w http.ResponseWriter, r *http.Request) *refusal.Refusal { return act(w, r, sess) }, w); p != nil {
			p.Write(w)
		}
	case http.MethodGet, http.MethodHead:
		w.Header().Set("Accept-Patch", typeFragment)
		w.WriteHeader(http.StatusNoContent)
	default:
		methodNotAllowed(sessionMethods).Write(w)
	}
}

// ended tells a client that has been taken over from, or that the operator has sent away, not to come back by itself.
func (s *Server) ended(stream, path string) *refusal.Refusal {
	if s.sessions.TakenOver(stream, path) {
		return refusal.New(http.StatusGone, "Somebody else has taken over this stream.")
	}
	if s.sessions.Dismissed(path) {
		return refusal.New(http.StatusGone, "The operator has ended this session.")
	}
	return refusal.New(http.StatusNotFound, "There is no such session: it has ended, or never was.")
}

// limited runs the handler unless the client asks too often (RFC 9725 §5).
func (s *Server) limited(r *http.Request, handler endpoint, w http.ResponseWriter) *refusal.Refusal {
	if !session.IsShared(r) && !s.mayAsk(r) {
		return refusal.New(http.StatusTooManyRequests, "Your address asks too often: wait a second.").After(1)
	}
	return handler(w, r)
}

// mayAsk reports whether the client does not ask too often.
func (s *Server) mayAsk(r *http.Request) bool { return s.rates.allow(session.ClientOf(r), time.Now()) }

// announceServers lists the ICE servers (RFC 9725 §4.6), except in a preflight, which nobody is authenticated for.
func (s *Server) announceServers(w http.ResponseWriter, r *http.Request) {
	if isPreflight(r) {
		return
	}
	for _, link := range iceLinks(s.ICEServers()) {
		w.Header().Add("Link", link)
	}
}

// isPreflight tells a CORS preflight from a client's own OPTIONS (Fetch §4.8).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// iceLinks writes one Link for each URL; turns: come last, for clients that do not know them.
func iceLinks(servers []ICEServer) []string {
	var links, last []string
	for _, server := range servers {
		for _, url := range server.URLs {
			link := "<" + url + `>; rel="ice-server"`
			if strings.HasPrefix(url, "turn") && server.Username != "" {
				link += `; username="` + server.Username + `"; credential="` + server.Credential + `"; credential-type="password"`
			}
			if strings.HasPrefix(url, "turns:") {
				last = append(last, link)
			} else {
				links = append(links, link)
			}
		}
	}
	return append(links, last...)
}

// limitBody gives the client a time for its body. It holds for refused requests too: net/http reads what is left of their
// bodies before it answers. Not every ResponseWriter has a deadline; the server's own limits hold for those.
func (s *Server) limitBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.timers.body))
}

// readBody reads a body of the type wanted, in bounded time and size. The time limit ends with a body that is whole.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, want string, limit int64) ([]byte, *refusal.Refusal) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return nil, refusal.New(http.StatusUnsupportedMediaType, "Send the body as Content-Type: %s.", want)
	}
	if r.ContentLength > limit { // said before it is sent: nobody needs to wait for it
		return nil, refusal.New(http.StatusRequestEntityTooLarge, "The body is longer than %d bytes.", limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, refusal.New(http.StatusRequestEntityTooLarge, "The body is longer than %d bytes.", limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refusal.New(http.StatusRequestTimeout, "The body did not come within %v.", s.timers.body)
	case err != nil:
		return nil, refusal.New(http.StatusBadRequest, "The body could not be read: %v.", err)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

func methodNotAllowed(methods string) *refusal.Refusal {
	p := refusal.New(http.StatusMethodNotAllowed, "Use one of %s.", methods)
	p.Allow = methods
	return p
}
