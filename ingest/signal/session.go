package signal

import (
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What is kept for a client that does not read: more is dropped, the oldest first.
const (
	keptEvents = 256
	keptBytes  = 4 << 20
)

// Session is what a client can resume by its key: it outlives the client's connections.
type Session struct {
	key   string
	take  func(Event)
	heard *rate.Limiter // events that the client sends, over all its connections
	data  bool          // the client reads nothing but data

	mu     sync.Mutex
	kept   [][]byte      // events as JSON
	size   int           // of all kept, in bytes
	first  uint64        // number of the oldest kept
	reader int           // how many connections have come; the last one reads
	lostAt time.Time     // while there is no connection
	newer  chan struct{} // closed when there is something to see for who reads
	end    *End
}

// End is why a session, or one of its connections, has come to its end.
type End struct {
	Code   int // of the WebSocket's close frame (RFC 6455 §7.4)
	Reason string
}

// NewSession makes a session whose client's events are taken by take, which may wait, so that the client has to.
func NewSession(take func(Event)) *Session {
	return &Session{key: rand.Text(), take: take, heard: NewLimiter(), first: 1, lostAt: time.Now(), newer: make(chan struct{})}
}

// Key is what the client comes back with; a secret.
func (s *Session) Key() string { return s.key }

// TellInData has events tell all in data, for a client that reads nothing else. It is called before the first one.
func (s *Session) TellInData() { s.data = true }

// Send lets the client have an event, and returns its id. It never waits: of a client that does not read the oldest are dropped.
func (s *Session) Send(e Event) (id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil || s.data && e.Kind == Updated { // of which such a client knows nothing
		return 0
	}
	if s.data {
		e = e.inData()
	}
	e.ID = s.first + uint64(len(s.kept))
	text, err := json.Marshal(e)
	if err != nil { // which events cannot be the cause of
		return 0
	}
	s.kept = append(s.kept, text)
	s.size += len(text)
	for len(s.kept) > keptEvents || s.size > keptBytes {
		s.size -= len(s.kept[0])
		s.kept[0] = nil
		s.kept = s.kept[1:]
		s.first++
	}
	s.tell()
	return e.ID
}

// End ends the session once its client has had what was sent. The first end counts.
func (s *Session) End(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end = &End{code, reason}
		s.tell()
	}
}

// Lost tells since when the client has no connection; the zero time says that it has one.
func (s *Session) Lost() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lostAt
}

// Away reports whether the client had a connection and has lost it.
func (s *Session) Away() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader > 0 && !s.lostAt.IsZero()
}

// tell wakes who reads. The caller holds mu.
func (s *Session) tell() {
	close(s.newer)
	s.newer = make(chan struct{})
}

// reader is one connection's view of what is sent to a session.
type reader struct {
	session *Session
	number  int
	next    uint64
}

// attach makes a connection the one that reads, from the event after the last one that its client has seen. The one before ends.
func (s *Session) attach(last uint64) *reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader++
	s.lostAt = time.Time{}
	s.tell()
	return &reader{s, s.reader, max(last+1, s.first)}
}

// current reports whether no other connection has taken the session.
func (r *reader) current() bool {
	r.session.mu.Lock()
	defer r.session.mu.Unlock()
	return r.session.reader == r.number
}

// detach is called when the connection has gone.
func (r *reader) detach() {
	r.session.mu.Lock()
	defer r.session.mu.Unlock()
	if r.session.reader == r.number {
		r.session.lostAt = time.Now()
	}
}

// read returns what there is to send, what is closed when there is more, and why that will never be.
func (r *reader) read() (events [][]byte, first uint64, newer <-chan struct{}, end *End) {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.number != s.reader:
		return nil, 0, nil, &End{StatusReplaced, "another connection has taken this seat"}
	case r.next < s.first:
		return nil, 0, nil, &End{StatusBehind, "events were dropped because you did not read them: come back with the seat"}
	}
	first = r.next
	if after := s.first + uint64(len(s.kept)); r.next < after {
		events = append(events, s.kept[r.next-s.first:]...)
		r.next = after
	}
	return events, first, s.newer, s.end
}
