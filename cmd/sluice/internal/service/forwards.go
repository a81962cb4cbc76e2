package service

import (
	"slices"
	"sync"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
)

// forwards are the streams that are forwarded.
type forwards struct {
	mu      sync.Mutex
	streams map[string]*forward.Stream
}

// forward forwards a broadcast to the targets that are configured for it, until stop is called.
func (s *Service) forward(b *broadcast.Broadcast) (stop func()) {
	targets := slices.DeleteFunc(s.cfg.ForwardTargets(), func(t forward.Target) bool { return !t.Takes(b.Stream()) })
	timeline := s.packager.Stream(b.Stream())
	if len(targets) == 0 || timeline == nil {
		return func() {}
	}
	stream := forward.Begin(forward.Options{
		Stream: b.Stream(), Targets: targets, Source: forward.Source{Watch: timeline.Watch, Open: timeline.OpenFile},
		WebRTC: s.ingest.Forward, Logger: s.log,
	})
	s.forwards.mu.Lock()
	defer s.forwards.mu.Unlock()
	s.forwards.streams[b.Stream()] = stream
	return func() {
		stream.End()
		s.forwards.mu.Lock()
		defer s.forwards.mu.Unlock()
		if s.forwards.streams[b.Stream()] == stream {
			delete(s.forwards.streams, b.Stream())
		}
	}
}

// Forwards tell how the targets of a stream stand.
func (s *Service) Forwards(stream string) []forward.State {
	s.forwards.mu.Lock()
	of := s.forwards.streams[stream]
	s.forwards.mu.Unlock()
	if of == nil {
		return nil
	}
	return of.States()
}
