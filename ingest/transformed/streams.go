package transformed

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/public/panics"
)

// A function that ends by itself is called again after a while, which doubles unless it has lasted.
const (
	leastWait = 250 * time.Millisecond
	mostWait  = 10 * time.Second
	lasting   = 10 * time.Second
)

// Func transforms the video of a stream until ctx ends, and returns why it has ended before that.
type Func func(ctx context.Context, stream string, video *media.Track, out *Output) error

// Config is what Streams are made of.
type Config struct {
	Transform Func // nil: there is none, and viewers are refused
	Viewers   *egress.Viewers
	Packets   *media.PacketPool
	Most      int           // streams at once
	Linger    time.Duration // how long a stream is transformed after its last viewer has left
	Logger    *slog.Logger
}

// Streams are those that are watched transformed. It implements session.Followers.
type Streams struct {
	config   Config
	ctx      context.Context // ends with Close
	end      context.CancelFunc
	running  sync.WaitGroup
	encoders atomic.Int64
	counters counters

	mu      sync.Mutex
	live    map[string][]*media.Track // what is published, by stream
	watched map[string]*stream
}

// stream is one that is watched transformed. All but name is under the lock of Streams.
type stream struct {
	name    string
	viewers int
	timer   *time.Timer // ends it a while after the last viewer has left
	ctx     context.Context
	cancel  context.CancelFunc // ends ctx
	source  *source
}

// source is what is published: no tracks while nobody does. ctx ends when something else is.
type source struct {
	tracks []*media.Track
	ctx    context.Context
	end    context.CancelFunc
}

// New makes Streams, of which none is watched. Close ends them.
func New(c Config) *Streams {
	ss := &Streams{config: c, live: map[string][]*media.Track{}, watched: map[string]*stream{}}
	ss.ctx, ss.end = context.WithCancel(context.Background())
	return ss
}

// Close ends the work on all streams and waits for that. Nobody may enter afterwards.
func (ss *Streams) Close() {
	ss.mu.Lock() // whoever has entered is waited for
	ss.end()
	ss.mu.Unlock()
	ss.running.Wait()
}

// Stats are the state of all streams together, and counters.
type Stats struct {
	Encoders int    // that run now
	Pictures uint64 // that were made
	Dropped  uint64 // pictures of publishers that there was no time for
	Restarts uint64 // of encoders that ended by themselves
	Refused  uint64 // viewers, for want of room
}

// Stats returns both.
func (ss *Streams) Stats() Stats {
	c := &ss.counters
	return Stats{int(ss.encoders.Load()), c.pictures.Load(), c.dropped.Load(), c.restarts.Load(), c.refused.Load()}
}

// Enter has a stream transformed until leave is called, which may be done more than once. Without room it is refused.
func (ss *Streams) Enter(name string) (leave func(), r *refusal.Refusal) {
	if ss.config.Transform == nil {
		return nil, refusal.New(http.StatusNotImplemented, "This server transforms no streams for viewers over WebRTC: ask without transformed.")
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.watched[name]
	switch {
	case ss.ctx.Err() != nil:
		return nil, refusal.New(http.StatusServiceUnavailable, "The server is stopping: try again when it is back.").After(5)
	case s == nil && len(ss.watched) >= ss.config.Most:
		ss.counters.refused.Add(1)
		return nil, refusal.New(http.StatusServiceUnavailable,
			"The server has no room to transform one more stream over WebRTC (it does %d at once): try again later, or ask without transformed.", ss.config.Most).After(10)
	case s == nil:
		s = &stream{name: name}
		s.ctx, s.cancel = context.WithCancel(ss.ctx)
		s.source = ss.newSource(ss.live[name])
		ss.watched[name] = s
		ss.running.Go(func() { _ = panics.Contain(ss.config.Logger, "a transformed stream", func() { ss.run(s) }) })
	}
	s.viewers++
	if s.timer != nil {
		s.timer.Stop()
	}
	return sync.OnceFunc(func() { ss.leave(s) }), nil
}

func (ss *Streams) leave(s *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.viewers--; s.viewers > 0 {
		return
	}
	s.timer = panics.AfterFunc(ss.config.Linger, ss.config.Logger, "the end of a transformed stream", func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if s.viewers == 0 {
			s.cancel()
		}
	})
}

func (ss *Streams) newSource(tracks []*media.Track) *source {
	s := &source{tracks: tracks}
	s.ctx, s.end = context.WithCancel(ss.ctx)
	return s
}

// Published implements session.Followers.
func (ss *Streams) Published(name string, tracks []*media.Track) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.live[name] = tracks
	ss.follow(name)
}

// Unpublished implements session.Followers.
func (ss *Streams) Unpublished(name string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.live, name)
	ss.follow(name)
}

// follow has who works on a stream go on with what is published now. The caller holds mu.
func (ss *Streams) follow(name string) {
	if s := ss.watched[name]; s != nil {
		s.source.end()
		s.source = ss.newSource(ss.live[name])
	}
}

// run works on a stream while it is watched.
func (ss *Streams) run(s *stream) {
	for {
		if fault := panics.Contain(ss.config.Logger, "a transformed stream", func() { ss.serve(s) }); fault != nil {
			ss.pause()
		}
		if ss.over(s) {
			return
		}
	}
}

// pause keeps a fault from coming again and again at once.
func (ss *Streams) pause() {
	select {
	case <-ss.ctx.Done():
	case <-time.After(mostWait):
	}
}

// over reports whether nobody watches a stream any more, which is forgotten then.
func (ss *Streams) over(s *stream) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.cancel()
	if s.viewers > 0 && ss.ctx.Err() == nil {
		s.ctx, s.cancel = context.WithCancel(ss.ctx)
		return false
	}
	s.source.end()
	delete(ss.watched, s.name)
	ss.config.Viewers.Unpublished(egress.Transformed(s.name))
	return true
}

// serve gives the viewers of a stream what is published, one after the other, until nobody watches.
func (ss *Streams) serve(s *stream) {
	ss.mu.Lock()
	ctx := s.ctx
	ss.mu.Unlock()
	for ctx.Err() == nil {
		ss.mu.Lock()
		from := s.source
		ss.mu.Unlock()
		ss.serveSource(ctx, s.name, from)
	}
}

func (ss *Streams) serveSource(ctx context.Context, name string, from *source) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(from.ctx, cancel)()
	video, to := media.TrackOf(from.tracks, media.KindVideo), egress.Transformed(name)
	switch {
	case len(from.tracks) == 0:
		ss.config.Viewers.Unpublished(to)
		<-ctx.Done()
	case video == nil:
		ss.config.Viewers.Published(to, from.tracks)
		<-ctx.Done()
	default:
		out := newOutput(*Format(), ss.config.Packets, &ss.counters)
		defer out.track.End()
		tracks := []*media.Track{out.track}
		if audio := media.TrackOf(from.tracks, media.KindAudio); audio != nil {
			tracks = append(tracks, audio)
		}
		ss.config.Viewers.Published(to, tracks)
		ss.encode(ctx, name, video, out)
	}
}

// encode keeps the transform going until ctx ends.
func (ss *Streams) encode(ctx context.Context, name string, video *media.Track, out *Output) {
	ss.encoders.Add(1)
	defer ss.encoders.Add(-1)
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		began := time.Now()
		var err error
		if fault := panics.Contain(ss.config.Logger, "the transform of a stream", func() { err = ss.config.Transform(ctx, name, video, out) }); fault != nil {
			err = fault
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lasting {
			wait = leastWait
		}
		ss.counters.restarts.Add(1)
		ss.config.Logger.Warn("transform for viewers over WebRTC has ended, and is started again", "stream", name, "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
