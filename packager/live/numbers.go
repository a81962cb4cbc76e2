package live

import (
	"github.com/sluice-live/sluice/packager/timeline"
)

// Continue begins what goes on with the numbers of another service, where nothing is known of the stream. ErrForeign: its directory is somebody else's.
func Continue(cfg *Config, name string, n timeline.Numbers, out Output) (*Stream, error) {
	s := newStream(cfg, name, timeline.Continue(cfg.Config, n), out)
	return s, s.begin((*timeline.Timeline).OpenTaken)
}

// ContinuedBy begins what goes on with the numbers of another service, where a broadcast was here before that, which has ended here.
func (s *Stream) ContinuedBy(n timeline.Numbers, out Output) *Stream {
	return s.succeed(out, func() *timeline.Timeline {
		t := timeline.Continue(s.cfg.Config, n)
		t.OpenTaken()
		return t
	})
}

// Yield ends the broadcast here, which another service goes on with. Nobody is told of an end: what was published last stays so.
func (s *Stream) Yield() (first bool, err error) {
	s.order.Lock()
	s.yielded = true
	s.order.Unlock()
	first, err = s.close(func(t *timeline.Timeline) { t.Finish(s.cfg.Wall()) })
	if first {
		close(s.done)
		s.cfg.Logger.Info("stream goes on elsewhere", "stream", s.name, "segments", s.Info().Segments)
	}
	return first, err
}

// Numbers are what another service may go on from if this one lists so many more segments at most.
func (s *Stream) Numbers(ahead int64) timeline.Numbers {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Numbers(ahead)
}

// SetLimit allows numbers below the limit. What has been listed stays, and what was written meanwhile and not allowed is listed now.
func (s *Stream) SetLimit(limit int64) {
	s.order.Lock()
	defer s.order.Unlock()
	s.commit(func(t *timeline.Timeline) { t.SetLimit(limit) })
	s.publish()
	if s.epoch != nil {
		s.epoch.Wake("")
	}
}

// allows reports whether something of that number may be listed. The caller holds the order.
func (s *Stream) allows(msn int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Allows(msn)
}

// Broadcast is what the recordings of the broadcast have in common, wherever they are.
func (s *Stream) Broadcast() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Broadcast()
}

// Before are the renditions that viewers were offered before the broadcast came here.
func (s *Stream) Before() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Before()
}
