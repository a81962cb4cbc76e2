package ingest

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrTakenOver is why a publisher ends for whom another one has come.
var ErrTakenOver = errors.New("somebody else has taken over the stream")

const (
	silentAfter    = time.Second     // without a packet a publisher's media has stopped
	beginsWithin   = 5 * time.Second // for a publisher's first packet to come
	rememberOusted = 16              // sessions taken over in a row, whose clients are told so
)

// silent reports whether media has stopped, or has not begun in time.
func (p *Publisher) silent(now time.Time) bool {
	if p.State() == StateDisconnected {
		return true
	}
	var last time.Time
	for _, t := range p.tracks {
		if at := t.LastPacket(); at.After(last) {
			last = at
		}
	}
	if last.IsZero() {
		return now.Sub(p.started) > beginsWithin
	}
	return now.Sub(last) > silentAfter
}

// claim keeps everybody else from beginning to publish the stream, until settle or unreserve. Who publishes it already goes on
// until then. The caller holds mu.
func (s *Server) claim(at *place) *problem {
	stream := at.publishes
	if s.claims[stream] != nil {
		return refuse(409, "Somebody else is just beginning to publish %q: try again in a moment.", stream).after(1)
	}
	old := s.publishers[stream]
	switch {
	case old == nil && len(s.publishers)+len(s.claims) >= s.opts.MaxStreams:
		return refuse(503, "The server has all the streams it takes (%d): try again later.", s.opts.MaxStreams).after(10)
	case old != nil && s.opts.RefuseTakeover && !old.silent(time.Now()):
		return refuse(409, "Somebody is publishing %q already: choose another name, or wait until they have stopped.", stream).after(2)
	}
	s.claims[stream] = at
	return nil
}

// settle makes p who publishes its stream, and ends whoever did so before. One that has ended meanwhile takes over from nobody:
// the client of the one before may come back.
func (s *Server) settle(p *Publisher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.publishers[p.stream]
	if old != nil {
		p.ousted = append(slices.Clone(old.ousted), old.path)
		p.ousted = p.ousted[max(len(p.ousted)-rememberOusted, 0):]
		old.close(ErrTakenOver)
	}
	if p.endReason() == nil {
		delete(s.claims, p.stream)
		s.publishers[p.stream] = p
	}
}

// takenOver reports whether the session at the path has been taken over by who publishes now.
func (s *Server) takenOver(path string) bool {
	parts := strings.Split(path, "/") // "", whip or upload, the stream, the session
	if len(parts) < 3 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.publishers[parts[2]]
	return p != nil && slices.Contains(p.ousted, path)
}
