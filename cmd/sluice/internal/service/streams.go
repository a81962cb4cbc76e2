package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	offerWithin = 5 * time.Second // how long a publisher waits for the disk, and for the broadcast before it to end
	rememberFor = 5 * time.Minute // how long the API tells of a stream that has ended
	maxRemember = 256             // streams that have ended, at most
)

var (
	errStopping = errors.New("the service is stopping: try again when it is back")
	errBusy     = errors.New("the disk of the server takes long: try again in a few seconds")
)

// streams are the broadcasts by stream, with those that are being opened and those that ended a while ago.
//
// The lock is held for no longer than a look at the tables takes: whoever opens a broadcast, which waits for the disk, has reserved the
// stream before.
type streams struct {
	disk func() packager.Disk
	open func(stream string) (*broadcast.Broadcast, error)
	// accompany, if set, does beside a broadcast what else is to be done with it, until stop is called.
	accompany func(*broadcast.Broadcast) (stop func())

	running  sync.WaitGroup // one for each reservation and its broadcast
	admitted chan struct{}  // closed once streams may begin

	mu           sync.Mutex
	start        func(*reservation) // opens and carries a broadcast; nil while none may begin
	stop         <-chan struct{}    // see stopping
	reservations map[string]*reservation
	broadcasts   map[string]*broadcast.Broadcast
}

// reservation is a stream whose broadcast is being opened.
type reservation struct {
	stream    string
	opened    chan struct{} // closed when that is done
	broadcast *broadcast.Broadcast
	err       error
}

func newStreams(disk func() packager.Disk, open func(stream string) (*broadcast.Broadcast, error)) *streams {
	return &streams{disk: disk, open: open, admitted: make(chan struct{}), reservations: map[string]*reservation{}, broadcasts: map[string]*broadcast.Broadcast{}}
}

// admit lets streams begin, until ctx ends. It is called once.
func (s *streams) admit(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(s.admitted)
	s.stop = ctx.Done()
	s.start = func(r *reservation) {
		s.running.Go(func() { _ = panics.Contain(nil, "the stream", func() { s.carry(ctx, r) }) })
	}
}

// drain lets no more streams begin, and waits for the end of those that have.
func (s *streams) drain() {
	s.mu.Lock()
	s.start = nil
	s.mu.Unlock()
	s.running.Wait()
	s.mu.Lock()
	s.stop = nil
	s.mu.Unlock()
}

// stopping is closed when streams have to end; nil while there are none.
func (s *streams) stopping() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop
}

// carry opens the broadcast of a reserved stream and carries it to its end.
func (s *streams) carry(ctx context.Context, r *reservation) {
	if fault := panics.Contain(nil, "the opening of the stream", func() { r.broadcast, r.err = s.open(r.stream) }); fault != nil {
		r.err = fault
	}
	s.mu.Lock()
	delete(s.reservations, r.stream)
	if r.err == nil {
		s.broadcasts[r.stream] = r.broadcast
	}
	s.mu.Unlock()
	close(r.opened)
	if r.err != nil {
		return
	}
	if s.accompany != nil {
		defer s.accompany(r.broadcast)()
	}
	_ = r.broadcast.Run(ctx) // it has logged why it failed
	if r.broadcast.Status().State == broadcast.StateMoved {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.broadcasts[r.stream] == r.broadcast {
			delete(s.broadcasts, r.stream)
		}
	}
}

// publish hands a publisher to its stream's broadcast, and begins one where there is none.
func (s *streams) publish(p *session.Publisher) error {
	ctx, cancel := context.WithTimeout(context.Background(), offerWithin)
	defer cancel()
	for {
		b, err := s.obtain(ctx, p.Stream())
		if err != nil {
			return err
		}
		if err := b.Offer(ctx, p); !errors.Is(err, broadcast.ErrEnded) {
			return err
		}
	}
}

// obtain finds the stream's broadcast, or begins one when there is none or the last has ended. It waits until ctx ends for one that is
// being opened.
func (s *streams) obtain(ctx context.Context, stream string) (*broadcast.Broadcast, error) {
	b, r, err := s.reserve(stream)
	if r == nil {
		return b, err
	}
	select {
	case <-r.opened:
		return r.broadcast, r.err
	case <-ctx.Done():
		return nil, errBusy
	}
}

// reserve finds the stream's broadcast or the reservation for one, and makes that where there is neither.
func (s *streams) reserve(stream string) (*broadcast.Broadcast, *reservation, error) {
	fault := s.disk().Fault
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start == nil || closed(s.stop) {
		return nil, nil, errStopping
	}
	if r := s.reservations[stream]; r != nil {
		return nil, r, nil
	}
	if b := s.broadcasts[stream]; b != nil && !b.Ended() {
		return b, nil, nil
	}
	if fault != "" { // opening it might last
		return nil, nil, fmt.Errorf("on the server %s: try again when that is mended", fault)
	}
	s.forget(time.Now())
	r := &reservation{stream: stream, opened: make(chan struct{})}
	s.reservations[stream] = r
	s.start(r)
	return nil, r, nil
}

// forget drops what ended long ago, and the oldest of what ended when there is too much of it. s.mu is held.
func (s *streams) forget(now time.Time) {
	var ended []*broadcast.Broadcast
	for name, b := range s.broadcasts {
		switch {
		case !b.Ended():
		case now.Sub(b.Status().At) > rememberFor:
			delete(s.broadcasts, name)
		default:
			ended = append(ended, b)
		}
	}
	if len(ended) <= maxRemember {
		return
	}
	slices.SortFunc(ended, func(a, b *broadcast.Broadcast) int { return a.Status().At.Compare(b.Status().At) })
	for _, b := range ended[:len(ended)-maxRemember] {
		delete(s.broadcasts, b.Stream())
	}
}

// Find returns the stream's broadcast, for a while also one that has ended, or nil.
func (s *Service) Find(stream string) *broadcast.Broadcast { return s.streams.find(stream) }

// isLive reports whether a stream has begun and not ended; one that waits for its publisher is live.
func (s *Service) isLive(stream string) bool {
	t := s.packager.Stream(stream)
	return t != nil && t.Info().State != timeline.StateEnded
}

func (s *streams) find(stream string) *broadcast.Broadcast {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broadcasts[stream]
}

// All lists the broadcasts by name, those that ended a while ago too.
func (s *Service) All() []*broadcast.Broadcast { return s.streams.all() }

func (s *streams) all() []*broadcast.Broadcast {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	list := make([]*broadcast.Broadcast, 0, len(s.broadcasts))
	for _, b := range s.broadcasts {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *broadcast.Broadcast) int { return strings.Compare(a.Stream(), b.Stream()) })
	return list
}

// closed reports whether a channel is closed on which nothing is sent; a nil one is not.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
