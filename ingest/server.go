package ingest

import (
	"context"
	"fmt"
	"github.com/sluice-live/sluice/ingest/media"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// Server receives WebRTC on its sockets and answers the HTTP requests that set it up.
type Server struct {
	opts       Options
	timers     timers
	log        *slog.Logger
	sockets    *sockets
	peers      *peers
	packets    *media.PacketPool
	forwarders *forwarders
	rates      *rateLimiter
	links      []string // Link header values
	running    sync.WaitGroup

	mu         sync.Mutex
	stopping   bool
	sessions   map[string]*session   // by path
	slots      int                   // sessions there are and those being set up, less viewers
	viewers    int                   // the same of viewers
	perClient  map[client]int        // the same for each client
	publishers map[string]*Publisher // by stream
	claims     map[string]*place     // who is about to publish, by stream
	audiences  map[string]*audience  // by stream

	rooms  rooms
	halted chan struct{} // closed when the server begins to stop

	chunkReads chan struct{} // a place for each chunk that is being received

	chunkedMu sync.Mutex
	chunked   map[string]*chunkedUpload // by stream and the client's name for it
}

// New binds the sockets. Run gives them back.
func New(o Options) (*Server, error) { return newServer(o, defaultTimers()) }

func newServer(o Options, ts timers) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("ingest options: %w", err)
	}
	o = o.withDefaults()
	pionLog := &slogFactory{o.Logger}
	sockets, err := listen(o, pionLog)
	if err != nil {
		return nil, err
	}
	settings := newSettings(sockets, ts, pionLog)
	if err := announce(&settings, o.PublicIPs); err != nil {
		_ = sockets.close()
		return nil, fmt.Errorf("announce public addresses: %w", err)
	}
	return &Server{
		opts: o, timers: ts, log: o.Logger, sockets: sockets, peers: &peers{settings}, packets: media.NewPacketPool(), forwarders: newForwarders(),
		rates: newRateLimiter(o.RequestsPerSecond), links: iceLinks(o.ICEServers),
		sessions: map[string]*session{}, perClient: map[client]int{}, publishers: map[string]*Publisher{},
		claims: map[string]*place{}, audiences: map[string]*audience{}, chunked: map[string]*chunkedUpload{}, chunkReads: make(chan struct{}, chunkReads),
		rooms: rooms{byName: map[string]*room{}}, halted: make(chan struct{}),
	}, nil
}

// Run serves until ctx ends. Then it ends all sessions, closes the sockets and waits for every goroutine.
func (s *Server) Run(ctx context.Context) error {
	s.forwarders.start()
	<-ctx.Done()
	close(s.halted)
	s.mu.Lock()
	s.stopping = true
	for _, sess := range s.sessions {
		sess.close(ErrStopping)
	}
	s.mu.Unlock()
	s.running.Wait()
	s.forwarders.stop()
	if err := s.sockets.close(); err != nil {
		return fmt.Errorf("close media sockets: %w", err)
	}
	return nil
}

// UDPAddr is where media is received.
func (s *Server) UDPAddr() net.Addr { return s.sockets.udpAddr }

// TCPAddr is where media is received over TCP; nil when that is off.
func (s *Server) TCPAddr() net.Addr {
	if s.sockets.tcpAddr == nil {
		return nil
	}
	return s.sockets.tcpAddr
}

// Publisher returns who publishes the stream.
func (s *Server) Publisher(stream string) (*Publisher, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.publishers[stream]
	return p, p != nil
}

// Publishers returns all publishers by the names of their streams.
func (s *Server) Publishers() []*Publisher {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.publishers))
	slices.SortFunc(all, func(a, b *Publisher) int { return strings.Compare(a.stream, b.stream) })
	return all
}

// Sessions counts the sessions that there are, of publishers, viewers and echoes.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

func (s *Server) session(path string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[path]
}

// place is what a session takes up.
type place struct {
	client             client
	publishes, watches string // a stream, or ""
}

// reserve takes a place for a session, and claims the stream's name if it publishes. Run waits until unreserve has given both
// back and running is told so. Who takes over from another needs no place more for long.
func (s *Server) reserve(at *place) *problem {
	c, stream := at.client, at.publishes
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return refuse(503, "The server is stopping: try again in a few seconds.").after(5)
	case at.watches != "" && s.viewers >= s.opts.MaxViewers:
		return refuse(503, "The server has all the viewers it takes (%d): try again later, or watch over HLS.", s.opts.MaxViewers).after(10)
	case at.watches == "" && s.publishers[stream] == nil && s.slots >= s.opts.MaxSessions:
		return refuse(503, "The server has all the sessions it takes (%d): try again later.", s.opts.MaxSessions).after(10)
	case s.perClient[c] >= s.opts.MaxSessionsPerAddress:
		return refuse(429, "Your address has all the sessions it may have (%d): end one first.", s.opts.MaxSessionsPerAddress).after(10)
	}
	if stream != "" {
		if p := s.claim(at); p != nil {
			return p
		}
	}
	s.running.Add(1)
	s.count(at, 1)
	s.perClient[c]++
	return nil
}

// unreserve gives back what reserve has taken, and the name if it has become the session's.
func (s *Server) unreserve(at *place, sess *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(at, -1)
	if s.perClient[at.client]--; s.perClient[at.client] == 0 {
		delete(s.perClient, at.client)
	}
	if s.claims[at.publishes] == at {
		delete(s.claims, at.publishes)
	}
	if p := s.publishers[at.publishes]; p != nil && p.session == sess {
		delete(s.publishers, at.publishes)
		s.waitForPublisher(at.publishes)
	}
}

func (s *Server) count(at *place, n int) {
	if at.watches != "" {
		s.viewers += n
	} else {
		s.slots += n
	}
}

// hold keeps Run waiting until running is told that something is done; it returns false when the server is stopping.
func (s *Server) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.running.Add(1)
	}
	return !s.stopping
}

// start makes the session reachable and sees to its end, which gives the reservation back.
func (s *Server) start(sess *session, at *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[sess.path] = sess
	if s.stopping {
		sess.close(ErrStopping)
	}
	go func() {
		sess.run()
		s.mu.Lock()
		delete(s.sessions, sess.path)
		s.mu.Unlock()
		s.unreserve(at, sess)
		close(sess.done)
		s.running.Done()
	}()
}
