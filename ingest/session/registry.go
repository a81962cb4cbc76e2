package session

import (
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// Limits bound the sessions of a Registry.
type Limits struct {
	Streams    int // that are published
	Sessions   int // but those of viewers
	Viewers    int
	PerAddress int // sessions of one Client
	// RefuseTakeover keeps others from publishing a stream as long as the media of whoever publishes it flows.
	RefuseTakeover bool
	// Logger gets what operators need to know of sessions.
	Logger *slog.Logger
}

// Followers are told which tracks a stream has. They are called under the lock of the Registry and must not call it.
type Followers interface {
	// Published says that the stream has these tracks from now on.
	Published(stream string, tracks []*media.Track)
	// Unpublished says that nobody publishes the stream any more.
	Unpublished(stream string)
}

// Registry holds all sessions, reserves what they take up, and decides who publishes a stream.
type Registry struct {
	limits    Limits
	followers Followers
	stopped   chan struct{} // closed by Stop
	running   sync.WaitGroup
	excesses  atomic.Uint64

	mu           sync.Mutex
	stopping     bool
	sessions     map[string]*Session // by path
	others       int                 // sessions that there are and those being set up, less viewers
	viewers      int                 // the same of viewers
	perClient    map[Client]int      // the same for each client
	publishers   map[string]*Publisher
	reservations map[string]*Reservation // of those that are about to publish, by stream
}

// NewRegistry makes an empty Registry.
func NewRegistry(limits Limits, followers Followers) *Registry {
	return &Registry{
		limits: limits, followers: followers, stopped: make(chan struct{}), sessions: map[string]*Session{}, perClient: map[Client]int{},
		publishers: map[string]*Publisher{}, reservations: map[string]*Reservation{},
	}
}

// Client is whose sessions and requests are counted together: an IPv4 address, or the /64 of an IPv6 one. The zero value stands for
// all whose address is not known.
type Client = netip.Prefix

// ClientOf is the client that a request comes from.
func ClientOf(r *http.Request) Client {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Client{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // bits fit by construction
	return prefix
}

// Reservation is what a session takes up, and what it is.
type Reservation struct {
	Kind    Kind
	name    string // of the stream or the room; "" for an echo
	client  Client
	address string // host:port that the request came from
}

// NewReservation is for a session that a request asks for.
func NewReservation(r *http.Request, kind Kind, name string) *Reservation {
	return &Reservation{kind, name, ClientOf(r), r.RemoteAddr}
}

// publishes is the stream that the session is to publish, or "".
func (at *Reservation) publishes() string {
	switch at.Kind {
	case KindPublisher, KindUpload, KindOutput:
		return at.name
	}
	return ""
}

// Reserve makes room for a session, and keeps the name of its stream for it if it publishes. Wait waits until Release, or the end of the
// session after Start, has given both back. A publisher that takes over from another needs no more room for long.
func (r *Registry) Reserve(at *Reservation) *refusal.Refusal {
	stream := at.publishes()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping:
		return refusal.New(503, "The server is stopping: try again in a few seconds.").After(5)
	case at.Kind == KindViewer && r.viewers >= r.limits.Viewers:
		return refusal.New(503, "The server has all the viewers it takes (%d): try again later, or watch over HLS.", r.limits.Viewers).After(10)
	case at.Kind != KindViewer && r.publishers[stream] == nil && r.others >= r.limits.Sessions:
		return refusal.New(503, "The server has all the sessions it takes (%d): try again later.", r.limits.Sessions).After(10)
	case r.perClient[at.client] >= r.limits.PerAddress:
		return refusal.New(429, "Your address has all the sessions it may have (%d): end one first.", r.limits.PerAddress).After(10)
	}
	if stream != "" {
		if p := r.reserveStream(at, stream); p != nil {
			return p
		}
	}
	r.running.Add(1)
	r.count(at, 1)
	r.perClient[at.client]++
	return nil
}

// reserveStream keeps everybody else from beginning to publish the stream, until Publish or the end of the session. Whoever publishes it
// already goes on until then. The caller holds mu.
func (r *Registry) reserveStream(at *Reservation, stream string) *refusal.Refusal {
	if r.reservations[stream] != nil {
		return refusal.New(409, "Somebody else is just beginning to publish %q: try again in a moment.", stream).After(1)
	}
	old := r.publishers[stream]
	switch {
	case old == nil && len(r.publishers)+len(r.reservations) >= r.limits.Streams:
		return refusal.New(503, "The server has all the streams it takes (%d): try again later.", r.limits.Streams).After(10)
	case old != nil && r.limits.RefuseTakeover && !old.silent(time.Now()):
		return refusal.New(409, "Somebody is publishing %q already: choose another name, or wait until they have stopped.", stream).After(2)
	}
	r.reservations[stream] = at
	return nil
}

// Release gives back what Reserve has taken, for a session that could not be made.
func (r *Registry) Release(at *Reservation) {
	r.release(at, nil)
	r.running.Done()
}

// release gives back what Reserve has taken, and the name of the stream if the session has come to publish it.
func (r *Registry) release(at *Reservation, sess *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sess != nil {
		delete(r.sessions, sess.path)
	}
	r.count(at, -1)
	if r.perClient[at.client]--; r.perClient[at.client] == 0 {
		delete(r.perClient, at.client)
	}
	stream := at.publishes()
	if r.reservations[stream] == at {
		delete(r.reservations, stream)
	}
	if p := r.publishers[stream]; p != nil && p.session == sess {
		delete(r.publishers, stream)
		r.followers.Unpublished(stream)
	}
}

func (r *Registry) count(at *Reservation, n int) {
	if at.Kind == KindViewer {
		r.viewers += n
	} else {
		r.others += n
	}
}

// Start makes the session reachable and sees to its end, which gives its reservation back.
func (r *Registry) Start(sess *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[sess.path] = sess
	if r.stopping {
		sess.Close(ErrStopping)
	}
	go func() {
		sess.run(r.limits.Logger)
		r.judge(sess)
		r.release(sess.at, sess)
		close(sess.done)
		r.running.Done()
	}()
}

// Hold keeps Wait waiting until done is called. It does not while the registry is stopping: then ok is false.
func (r *Registry) Hold() (done func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return nil, false
	}
	r.running.Add(1)
	return r.running.Done, true
}

// Stop ends all sessions with ErrStopping, and refuses others. It is called once.
func (r *Registry) Stop() {
	close(r.stopped)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
	for _, sess := range r.sessions {
		sess.Close(ErrStopping)
	}
}

// Stopped is closed when Stop is called.
func (r *Registry) Stopped() <-chan struct{} { return r.stopped }

// Wait returns when all sessions have ended and everything that Hold has held is done.
func (r *Registry) Wait() { r.running.Wait() }

// Publish makes p the publisher of its stream, shows its tracks to the followers, and ends whoever published the stream before. One that
// has ended meanwhile takes over from nobody: the client of the one before may come back.
func (r *Registry) Publish(p *Publisher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stream := p.Stream()
	if old := r.publishers[stream]; old != nil {
		p.ousted = append(slices.Clone(old.ousted), old.session.path)
		p.ousted = p.ousted[max(len(p.ousted)-rememberOusted, 0):]
		old.session.Close(ErrTakenOver)
	}
	if p.session.Err() == nil {
		delete(r.reservations, stream)
		r.publishers[stream] = p
		r.followers.Published(stream, p.session.Tracks())
	}
}

// Publisher returns who publishes the stream.
func (r *Registry) Publisher(stream string) (*Publisher, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.publishers[stream]
	return p, p != nil
}

// Publishers returns all publishers by the names of their streams.
func (r *Registry) Publishers() []*Publisher {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Collect(maps.Values(r.publishers))
	slices.SortFunc(all, func(a, b *Publisher) int { return strings.Compare(a.Stream(), b.Stream()) })
	return all
}

// Count is how many sessions there are.
func (r *Registry) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Empty reports whether nothing is left of any session, and nothing is reserved.
func (r *Registry) Empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)+len(r.publishers)+len(r.reservations)+len(r.perClient)+r.others+r.viewers == 0
}

// Session returns the session of that path; nil when there is none.
func (r *Registry) Session(path string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[path]
}

// TakenOver reports whether the session of that path published the stream before whoever publishes it now.
func (r *Registry) TakenOver(stream, path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.publishers[stream]
	return p != nil && slices.Contains(p.ousted, path)
}

// Infos describes all sessions, the oldest first.
func (r *Registry) Infos() []Info {
	r.mu.Lock()
	sessions := slices.Collect(maps.Values(r.sessions))
	r.mu.Unlock()
	infos := make([]Info, 0, len(sessions))
	for _, sess := range sessions {
		infos = append(infos, sess.info())
	}
	slices.SortFunc(infos, func(a, b Info) int {
		if order := a.Since.Compare(b.Since); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return infos
}
