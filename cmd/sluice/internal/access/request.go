package access

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Action is what somebody wants to do.
type Action string

// The actions. Who may administer may also watch, record and read metrics; who may publish may watch and record; who may record may watch.
const (
	Publish Action = "publish" // send media to a stream, enter a room
	Watch   Action = "watch"   // see a stream and its recordings, and be told how it is
	Record  Action = "record"  // have recordings as they were received
	Admin   Action = "admin"   // steer streams and rooms, see sessions and the log
	Metrics Action = "metrics" // read /metrics
)

// covers reports whether who may do one thing may do another.
func (a Action) covers(wanted Action) bool {
	switch a {
	case wanted:
		return true
	case Admin:
		return wanted != Publish
	case Publish:
		return wanted == Watch || wanted == Record
	case Record:
		return wanted == Watch
	}
	return false
}

// EveryStream stands for all streams together in a question: a right for one of them is not enough. No stream is called so.
const EveryStream = "*"

// Request is the question.
type Request struct {
	Action   Action
	Stream   string // or a room of that name; EveryStream; "": any will do
	Token    string // "": none was sent
	Address  string // of the client, an IP address
	Quick    bool   // only those are asked who answer at once: not the callback
	Protocol string // by which it wants to: whip, whep, hls, dash, ws, http …
}

// Of is the question of a request, without its token.
func Of(r *http.Request, action Action, stream string) Request {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	protocol, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case strings.HasSuffix(rest, ".m3u8"):
		protocol = "hls"
	case strings.HasSuffix(rest, ".mpd"):
		protocol = "dash"
	case protocol == "live" || protocol == "recordings" || protocol == "api" || protocol == "metrics":
		protocol = "http"
	}
	return Request{Action: action, Stream: stream, Address: host, Protocol: protocol}
}

// Grant is a right.
type Grant struct {
	Until time.Time // when it ends; zero: not by itself
	Key   string    // the ID of the key of a ring that it is had by; "": by something else
	by    *rights   // that grant it
}

// RefusedError is why somebody may not.
type RefusedError struct {
	Status int    // 401: no token that is known; 403: it is for something else; 503: nobody can say
	Detail string // a sentence that says what to do
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Detail }

func refused(status int, format string, args ...any) *RefusedError {
	return &RefusedError{status, fmt.Sprintf(format, args...)}
}

// heavier returns the refusal that tells the client more: that nobody can say, before that a known token is for something else, before that
// none is known.
func heavier(a, b *RefusedError) *RefusedError {
	weight := func(e *RefusedError) int {
		if e == nil {
			return 0
		}
		return map[int]int{http.StatusUnauthorized: 1, http.StatusForbidden: 2, http.StatusServiceUnavailable: 3}[e.Status]
	}
	if weight(b) > weight(a) {
		return b
	}
	return a
}
