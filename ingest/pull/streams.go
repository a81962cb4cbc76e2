package pull

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// Origin is where a stream comes from. An error that is a *refusal.Refusal is what the origin itself has said; others mean that it does not answer.
type Origin interface {
	// Offer has it answer an offer to receive the stream, by a session of that address.
	Offer(ctx context.Context, offer []byte) (answer []byte, session string, err error)
	// Lives reports whether there is such a session still.
	Lives(ctx context.Context, session string) (bool, error)
	// Leave ends it.
	Leave(ctx context.Context, session string) error
	// Address is what sessions are said to be with.
	Address() string
}

// Timers say how long things take.
type Timers struct {
	Connect time.Duration // for ICE and DTLS together
	Linger  time.Duration // after the last viewer has left
	Quiet   time.Duration // without a packet, before the origin is asked whether the session is there still
	Wanted  time.Duration // without a packet, that viewers stay while the origin answers and nobody publishes the stream there
	Away    time.Duration // that they stay while it does not answer
}

// Config is what Streams are made of.
type Config struct {
	Sessions  *session.Registry
	Peers     *session.Peers
	Packets   *media.PacketPool
	End       func(stream string, why error)                                  // the viewers of a stream
	Carry     func(s *session.Session, stream string, dc *webrtc.DataChannel) // messages of the stream
	PublicIPs []string
	Timers    Timers
	Logger    *slog.Logger
}

// Streams are those that are pulled.
type Streams struct {
	config  Config
	ctx     context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup
	counts  struct{ begun, failed, resumed atomic.Uint64 }

	mu     sync.Mutex
	pulled map[string]*stream
}

// stream is one that is pulled.
type stream struct {
	name    string
	origin  Origin
	ctx     context.Context // ends when it is pulled no more
	cancel  context.CancelFunc
	settled chan struct{}    // closed when the origin has answered the first offer
	refused *refusal.Refusal // by it; set before

	viewers int         // under the lock of Streams
	timer   *time.Timer // ends it a while after the last viewer has left
}

// New makes Streams, of which none is pulled. Close ends them.
func New(c Config) *Streams {
	ss := &Streams{config: c, pulled: map[string]*stream{}}
	ss.ctx, ss.end = context.WithCancel(context.Background())
	return ss
}

// Close ends all streams and waits for that. Nobody is let in afterwards.
func (ss *Streams) Close() {
	ss.mu.Lock() // whoever has entered is waited for
	ss.end()
	ss.mu.Unlock()
	ss.running.Wait()
}

// Stats are how many streams are pulled, and counters.
type Stats struct {
	Streams int
	Begun   uint64 // connections to the origin
	Failed  uint64 // offers that it has refused, or not answered
	Resumed uint64 // of those begun, for streams whose connection had broken
}

// Stats returns both.
func (ss *Streams) Stats() Stats {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return Stats{len(ss.pulled), ss.counts.begun.Load(), ss.counts.failed.Load(), ss.counts.resumed.Load()}
}

// Enter has a stream pulled until leave is called, which may be done more than once, from an origin that dial makes where it is not pulled yet. It
// returns when it is known in what the stream comes, and is refused as the origin refuses.
func (ss *Streams) Enter(ctx context.Context, name string, dial func() Origin) (leave func(), refused *refusal.Refusal) {
	s, refused := ss.join(name, dial)
	if refused != nil {
		return nil, refused
	}
	leave = sync.OnceFunc(func() { ss.leave(s) })
	select {
	case <-s.settled:
		refused = s.refused
	case <-ctx.Done():
		refused = refusal.New(http.StatusServiceUnavailable, "The server that has this stream has not answered yet: try again.").After(1)
	}
	if refused != nil {
		leave()
		return nil, refused
	}
	return leave, nil
}

func (ss *Streams) join(name string, dial func() Origin) (*stream, *refusal.Refusal) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ctx.Err() != nil {
		return nil, refusal.New(http.StatusServiceUnavailable, "The server is stopping: try again in a few seconds.").After(5)
	}
	s := ss.pulled[name]
	if s == nil {
		s = &stream{name: name, origin: dial(), settled: make(chan struct{})}
		s.ctx, s.cancel = context.WithCancel(ss.ctx)
		ss.pulled[name] = s
		ss.running.Go(func() {
			if err := panics.Contain(ss.config.Logger, "a stream that is pulled", func() { ss.run(s) }); err != nil {
				ss.fail(s, err)
			}
		})
	}
	s.viewers++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	return s, nil
}

func (ss *Streams) leave(s *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.viewers--; s.viewers > 0 || s.ctx.Err() != nil {
		return
	}
	s.timer = panics.AfterFunc(ss.config.Timers.Linger, ss.config.Logger, "the end of a stream that is pulled", func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if s.viewers == 0 {
			ss.forget(s)
		}
	})
}

// forget ends a stream, so that whoever wants it next begins anew. The caller holds mu.
func (ss *Streams) forget(s *stream) {
	if ss.pulled[s.name] == s {
		delete(ss.pulled, s.name)
	}
	s.cancel()
}

// leaveTo pulls a stream no more, and leaves its viewers to another publisher.
func (ss *Streams) leaveTo(s *stream) {
	ss.config.Logger.Info("a stream that was pulled from the origin is published here", "stream", s.name)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.forget(s)
}

// fail ends a stream that cannot go on, and its viewers.
func (ss *Streams) fail(s *stream, why error) {
	ss.mu.Lock()
	ss.forget(s)
	ss.mu.Unlock()
	select {
	case <-s.settled:
		ss.config.End(s.name, why)
	default:
		s.refused = refused(why)
		close(s.settled)
	}
}
