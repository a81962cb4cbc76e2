package session

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// Limits bound the sessions of a Registry.
type Limits struct {
	Streams    int // that are published
	Sessions   int // but those of viewers
	Viewers    int
	PerAddress int // sessions of one Client
	Connecting int // those of them that have not connected yet
	// Bitrate bounds what a client sends, bit/s; 0: not at all.
	Bitrate int64
	// RefuseTakeover keeps others from publishing a stream as long as the media of whoever publishes it flows.
	RefuseTakeover bool
	// Prefix stands before the random name of each session.
	Prefix string
	// Logger gets what operators need to know of sessions.
	Logger *slog.Logger
}

// Registry holds all sessions, reserves what they take up, and decides who publishes a stream.
type Registry struct {
	limits    Limits
	followers Followers
	stopped   chan struct{} // closed by Stop
	running   sync.WaitGroup
	excesses  atomic.Uint64
	overruns  atomic.Uint64

	mu         sync.Mutex
	stopping   bool
	sessions   map[string]*Session // by path
	others     int                 // sessions that there are and those being set up, less viewers
	viewers    int                 // the same of viewers
	perClient  map[Client]int      // the same for each client
	connecting map[Client]int      // those of them that have not connected yet
	publishers map[string]*Publisher
	coming     map[string][]*Reservation // of those that are about to publish, by stream, in their order
	dismissed  []string                  // paths of the last sessions of publishers that were dismissed, whose clients are told so
}

// NewRegistry makes an empty Registry.
func NewRegistry(limits Limits, followers Followers) *Registry {
	return &Registry{
		limits: limits, followers: followers, stopped: make(chan struct{}), sessions: map[string]*Session{}, perClient: map[Client]int{},
		connecting: map[Client]int{}, publishers: map[string]*Publisher{}, coming: map[string][]*Reservation{},
	}
}

// Client is whose sessions and requests are counted together.
type Client = quota.Client

// ClientOf is the client that a request comes from.
func ClientOf(r *http.Request) Client { return quota.ClientOf(r.RemoteAddr) }

// Reserve makes room for a session. Wait waits until Release, or the end of the session after Start, has given it back. A publisher that
// takes over from another needs no more room for long.
func (r *Registry) Reserve(at *Reservation) *refusal.Refusal {
	stream := at.publishes()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping:
		return refusal.New(503, "The server is stopping: try again in a few seconds.").After(5)
	case at.Kind.Watches() && r.viewers >= r.limits.Viewers:
		return refusal.New(503, "The server has all the viewers it takes (%d): try again later, or watch over HLS.", r.limits.Viewers).After(10)
	case !at.Kind.Watches() && !r.replaces(stream) && r.others >= r.limits.Sessions:
		return refusal.New(503, "The server has all the sessions it takes (%d): try again later.", r.limits.Sessions).After(10)
	case !at.free && r.perClient[at.client] >= r.limits.PerAddress:
		return refusal.New(429, "Your address has all the sessions it may have (%d): end one first.", r.limits.PerAddress).After(10)
	case !at.free && r.connecting[at.client] >= r.limits.Connecting:
		return refusal.New(429, "Your address has all the sessions it may have that do not connect (%d): connect them, or wait until they are given up.", r.limits.Connecting).After(2)
	}
	if stream != "" {
		if p := r.mayPublish(stream); p != nil {
			return p
		}
		r.coming[stream] = append(r.coming[stream], at)
	}
	at.prefix = r.limits.Prefix
	r.running.Add(1)
	r.count(at, 1)
	if !at.free {
		r.perClient[at.client]++
		r.connecting[at.client]++
		at.connects = true
	}
	return nil
}

// connected says that a session does not count as connecting any more.
func (r *Registry) connected(at *Reservation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hasConnected(at)
}

// hasConnected is connected for a caller who holds mu.
func (r *Registry) hasConnected(at *Reservation) {
	if !at.connects {
		return
	}
	at.connects = false
	if r.connecting[at.client]--; r.connecting[at.client] == 0 {
		delete(r.connecting, at.client)
	}
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
		if sess.dismissed() {
			r.dismissed = append(r.dismissed, sess.path)
			r.dismissed = r.dismissed[max(len(r.dismissed)-rememberDismissed, 0):]
		}
	}
	r.count(at, -1)
	if !at.free {
		if r.perClient[at.client]--; r.perClient[at.client] == 0 {
			delete(r.perClient, at.client)
		}
	}
	r.hasConnected(at)
	r.hasCome(at)
	stream := at.publishes()
	if p := r.publishers[stream]; p != nil && p.session == sess {
		delete(r.publishers, stream)
		r.followers.Unpublished(stream)
	}
}

func (r *Registry) count(at *Reservation, n int) {
	if at.Kind.Watches() {
		r.viewers += n
	} else {
		r.others += n
	}
}

// Start makes the session reachable and sees to its end, which gives its reservation back.
func (r *Registry) Start(sess *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[sess.path], sess.log = sess, r.limits.Logger
	if r.stopping {
		sess.Close(ErrStopping)
	}
	if sess.timer == nil { // it need not connect
		r.hasConnected(sess.at)
	}
	ends := func() {}
	if sess.at.right.Ends && !sess.at.Kind.Watches() {
		ends = sess.at.EndsWith(sess)
	}
	go func() {
		defer r.running.Done()
		defer ends()
		defer close(sess.done)
		select {
		case <-sess.connected:
		case <-sess.closing:
		}
		sess.contained(func() { r.connected(sess.at) })
		bitrate := r.limits.Bitrate
		if sess.at.Kind == KindPull { // it sends what we ask for
			bitrate = 0
		}
		sess.run(bitrate, r.limits.Logger)
		sess.contained(func() { r.judge(sess) })
		sess.contained(func() { r.release(sess.at, sess) })
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

// Publisher returns who publishes the stream, or the last one to say that it is about to.
func (r *Registry) Publisher(stream string) (*Publisher, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.publishers[stream]
	for _, at := range r.coming[stream] {
		if r.publishers[stream] == nil && at.publisher != nil {
			p = at.publisher
		}
	}
	return p, p != nil
}

// Publishers returns all whose stream has begun, by the names of their streams.
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
	return len(r.sessions)+len(r.publishers)+len(r.coming)+len(r.perClient)+len(r.connecting)+r.others+r.viewers == 0
}

// Session returns the session of that path; nil when there is none.
func (r *Registry) Session(path string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[path]
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
