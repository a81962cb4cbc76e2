package session

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// Why publishers end for whom there is no stream, or no more.
var (
	// ErrTakenOver is why a publisher ends after whom another one has come.
	ErrTakenOver = errors.New("somebody else has taken over the stream")
	// ErrTaken is why one ends whose first packet has come while the media of another one flows that may not be taken over from.
	ErrTaken = errors.New("somebody else has begun to publish the stream meanwhile: choose another name, or wait until they have stopped")
	// ErrNoStream is why one ends whose first packet has come when there were as many streams as there may be.
	ErrNoStream = errors.New("the server has all the streams it takes: try again later")
)

const (
	silentAfter    = time.Second // without a packet a publisher's media has stopped
	rememberOusted = 16          // sessions taken over in a row, whose clients are told so
)

// replaces reports whether whoever comes to the stream now would be the only one to take over from somebody. The caller holds mu.
func (r *Registry) replaces(stream string) bool {
	return r.publishers[stream] != nil && len(r.coming[stream]) == 0
}

// mayPublish refuses a stream that could not begin now, or be taken over. Those that are about to publish count for nothing: they may never
// connect. The caller holds mu.
func (r *Registry) mayPublish(stream string) *refusal.Refusal {
	old := r.publishers[stream]
	switch {
	case old == nil && len(r.publishers) >= r.limits.Streams:
		return refusal.New(503, "The server has all the streams it takes (%d): try again later.", r.limits.Streams).After(10)
	case old != nil && r.limits.RefuseTakeover && !old.silent(time.Now()):
		return refusal.New(409, "Somebody is publishing %q already: choose another name, or wait until they have stopped.", stream).After(2)
	}
	return nil
}

// Announce says that p is about to publish its stream, which becomes its own with the first packet of its media: until then whoever
// publishes it goes on, because an offer alone costs nothing and may come from anybody.
func (r *Registry) Announce(p *Publisher) {
	first := &firstPacket{come: make(chan struct{})}
	tracks := p.Tracks()
	runs := p.session.Go(func() {
		select {
		case <-first.come:
			r.publish(p, first.at)
		case <-p.session.Closing():
		}
		for _, t := range tracks {
			t.Unsubscribe(first)
		}
	})
	if !runs {
		return
	}
	r.mu.Lock()
	p.session.at.publisher = p
	r.mu.Unlock()
	for _, t := range tracks {
		t.Subscribe(first)
	}
}

// firstPacket is a media.Subscriber of all tracks of a publisher.
type firstPacket struct {
	once sync.Once
	come chan struct{} // closed with it
	at   time.Time     // when it came; written before come is closed
}

// Deliver implements media.Subscriber.
func (f *firstPacket) Deliver(p *media.Packet) {
	if p.Report == nil {
		f.once.Do(func() {
			f.at = time.Now()
			close(f.come)
		})
	}
}

// End implements media.Subscriber.
func (f *firstPacket) End() {}

// publish makes p, whose first packet has come at an instant, the publisher of its stream, shows its tracks to the followers, and ends
// whoever published the stream before. One that has ended meanwhile takes over from nobody: the client of the one before may come back.
// Nor does one whose first packet came before that of the other.
func (r *Registry) publish(p *Publisher, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stream := p.Stream()
	old := r.publishers[stream]
	switch {
	case p.session.Err() != nil:
		return
	case old != nil && old.came.After(at):
		old.oust(p.session.path)
		p.session.Close(ErrTakenOver)
		return
	case old == nil && len(r.publishers) >= r.limits.Streams:
		p.session.Close(ErrNoStream)
		return
	case old != nil && r.limits.RefuseTakeover && !old.silent(time.Now()):
		p.session.Close(ErrTaken)
		return
	case old != nil:
		p.ousted = slices.Clone(old.ousted)
		p.oust(old.session.path)
		old.session.Close(ErrTakenOver)
	}
	r.hasCome(p.session.at)
	p.came = at
	r.publishers[stream] = p
	r.followers.Published(stream, p.session.Tracks())
	close(p.begun)
}

// oust notes that p has taken the stream over from the session of that path. The caller holds the registry's mu.
func (p *Publisher) oust(path string) {
	p.ousted = append(p.ousted, path)
	p.ousted = p.ousted[max(len(p.ousted)-rememberOusted, 0):]
}

// TakenOver reports whether the session of that path published the stream before whoever publishes it now.
func (r *Registry) TakenOver(stream, path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.publishers[stream]
	return p != nil && slices.Contains(p.ousted, path)
}

// hasCome takes a session off those that are about to publish its stream. The caller holds mu.
func (r *Registry) hasCome(at *Reservation) {
	stream := at.publishes()
	coming := slices.DeleteFunc(r.coming[stream], func(other *Reservation) bool { return other == at })
	if r.coming[stream] = coming; len(coming) == 0 {
		delete(r.coming, stream)
	}
}

// silent reports whether media has stopped.
func (p *Publisher) silent(now time.Time) bool {
	if p.State() == StateDisconnected {
		return true
	}
	var last time.Time
	for _, t := range p.session.Tracks() {
		if at := t.LastPacket(); at.After(last) {
			last = at
		}
	}
	return now.Sub(last) > silentAfter
}
