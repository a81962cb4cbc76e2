package ingest

import (
	"sync/atomic"
	"time"
)

// audience is all viewers of a stream. It is there while there are any.
type audience struct {
	viewers map[*viewer]struct{}
	away    *time.Timer // ends them; nil while somebody publishes
	dropped atomic.Uint64
}

// Audience counts the viewers of a stream.
type Audience struct {
	Viewers int    // that are connected
	Dropped uint64 // packets that they were too slow for, since there have been viewers
}

// Audience tells who watches the stream over WHEP.
func (s *Server) Audience(stream string) Audience {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.audiences[stream]
	if a == nil {
		return Audience{}
	}
	count := Audience{Dropped: a.dropped.Load()}
	for v := range a.viewers {
		if v.connectionState() == StateConnected {
			count.Viewers++
		}
	}
	return count
}

// join makes the viewer follow whoever publishes the stream, now and later.
func (s *Server) join(v *viewer, stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.audiences[stream]
	if a == nil {
		a = &audience{viewers: map[*viewer]struct{}{}}
		s.audiences[stream] = a
	}
	v.audience = a
	a.viewers[v] = struct{}{}
	if p := s.publishers[stream]; p != nil {
		v.follow(p.tracks)
	} else {
		s.waitForPublisher(stream)
	}
}

func (s *Server) leave(v *viewer, stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(v.audience.viewers, v)
	if len(v.audience.viewers) > 0 {
		return
	}
	if v.audience.away != nil {
		v.audience.away.Stop()
	}
	delete(s.audiences, stream)
}

// show gives the stream's audience a publisher, unless that one has ended meanwhile.
func (s *Server) show(p *Publisher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.audiences[p.stream]
	if a == nil || s.publishers[p.stream] != p {
		return
	}
	if a.away != nil {
		a.away.Stop()
		a.away = nil
	}
	for v := range a.viewers {
		v.follow(p.tracks)
	}
}

// waitForPublisher ends the viewers of the stream unless somebody publishes it in time. The caller holds mu.
func (s *Server) waitForPublisher(stream string) {
	a := s.audiences[stream]
	if a == nil || a.away != nil {
		return
	}
	a.away = time.AfterFunc(s.opts.ViewerLinger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.publishers[stream] != nil {
			return
		}
		for v := range a.viewers {
			v.close(ErrStreamEnded)
		}
	})
}
