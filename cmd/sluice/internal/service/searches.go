package service

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/transcode"
)

// ErrNoRoom reports that faces are searched for in as many streams as this machine may.
var ErrNoRoom = errors.New("faces are searched for in as many streams as this machine may")

// searches are the broadcasts in which faces are searched for. It may be used by many at once.
type searches struct {
	mu   sync.Mutex
	most int // default: one for each core
	held map[searched]bool
}

// searched is a broadcast.
type searched interface {
	Ended() bool
	Status() *broadcast.Status
}

// take reserves the search in b, and reports whether there was room.
func (s *searches) take(b searched) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.held {
		if other.Ended() || other.Status().WhyNoneMade != "" {
			delete(s.held, other)
		}
	}
	if s.most == 0 {
		s.most, s.held = runtime.NumCPU(), map[searched]bool{}
	}
	if !s.held[b] && len(s.held) >= s.most {
		return false
	}
	s.held[b] = true
	return true
}

func (s *searches) giveBack(b searched) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, b)
}

// Transform changes what the video of a broadcast is transformed to. The error is that of Broadcast.Transform, or ErrNoRoom.
func (s *Service) Transform(ctx context.Context, b *broadcast.Broadcast, to transcode.Transform) error {
	faces := to == transcode.TransformFaces
	if faces && !s.searches.take(b) {
		return ErrNoRoom
	}
	err := b.Transform(ctx, to)
	if err == nil && !faces || err != nil && faces && b.Status().Transform != to {
		s.searches.giveBack(b)
	}
	return err
}

// SearchedPictures returns how many pictures of live video were searched for faces, and how many were given up for newer ones.
func (s *Service) SearchedPictures() (searched, dropped uint64) {
	if s.finder == nil {
		return 0, 0
	}
	return s.finder.Counts()
}
