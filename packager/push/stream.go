package push

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	// atOnce is how many segments of a stream are under way at once.
	atOnce = 4
	// leastPause and mostPause are between two tries after a failure; each pause is twice the one before.
	leastPause, mostPause = 500 * time.Millisecond, 8 * time.Second
	// lastWithin is for what is left when the service stops.
	lastWithin = 3 * time.Second
	// maxDeletions bounds what waits to be deleted; the oldest are forgotten, and stay there.
	maxDeletions = 1 << 16
)

// State is how far a stream is on the server.
type State struct {
	Files    uint64 // that were put there, manifests too
	Bytes    uint64
	Failures uint64 // requests that failed, and were tried again
	Dropped  uint64 // segments that left the playlists before they were put there
	Behind   int    // segments that are listed here and not there yet
	Error    string // of the newest request, if it has failed
}

// Stream puts one stream on the server.
type Stream struct {
	target Target
	source Source
	name   string
	client *http.Client
	log    *slog.Logger

	newest atomic.Pointer[timeline.Snapshot]
	wake   chan struct{} // capacity 1

	mu    sync.Mutex // of the state; held for no I/O
	state State

	reached  map[string]int64    // by rendition: the newest segment that is there, or was left out
	inits    map[[2]string]bool  // by epoch and rendition; those that are there
	listed   listing             // by the manifests that are there
	bodies   map[string][]byte   // of manifests, as they are there
	put      map[string][]placed // by rendition, oldest first: what is there and listed
	expiring []placed            // what is there and has left the playlists, oldest first
}

// placed is a segment on the server.
type placed struct {
	epoch, name string
	msn         int64
	gone        time.Time // when it may be deleted
}

// New makes the stream's push, which does nothing before Run.
func New(target Target, source Source, name string, log *slog.Logger) *Stream {
	if target.Timeout == 0 {
		target.Timeout = defaultTimeout
	}
	host := ""
	if u, err := url.Parse(target.URL); err == nil {
		host = u.Host
	}
	return &Stream{
		target: target, source: source, name: name, client: target.client(), log: log.With("stream", name, "to", host),
		wake: make(chan struct{}, 1), reached: map[string]int64{}, inits: map[[2]string]bool{}, bodies: map[string][]byte{}, put: map[string][]placed{},
	}
}

// Publish tells of a newer snapshot. It never waits.
func (s *Stream) Publish(snapshot *timeline.Snapshot) {
	s.newest.Store(snapshot)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// State is how far the stream is on the server.
func (s *Stream) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Run puts everything there until the end of the stream is, or ctx ends; then it tries once more, for 3 s.
func (s *Stream) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	pause := time.Duration(0)
	for {
		var again <-chan time.Time
		wake := s.wake
		if pause > 0 {
			again, wake = time.After(pause), nil
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWithin)
			defer cancel()
			_, err := s.round(last)
			s.note(err)
			return
		case <-wake:
		case <-again:
		}
		ended, err := s.round(ctx)
		s.note(err)
		switch {
		case err == nil && ended:
			return
		case err == nil:
			pause = 0
		default:
			pause = min(max(leastPause, 2*pause), mostPause)
		}
	}
}

// round catches up; what panics is tried again like what the server refuses.
func (s *Stream) round(ctx context.Context) (ended bool, err error) {
	if fault := panics.Contain(s.log, "the push of a stream", func() { ended, err = s.catchUp(ctx) }); fault != nil {
		return false, fault
	}
	return ended, err
}

// note keeps and tells what has become of a round.
func (s *Stream) note(err error) {
	s.mu.Lock()
	before := s.state.Error
	s.state.Error = ""
	if err != nil {
		s.state.Error = err.Error()
	}
	dropped := s.state.Dropped
	s.mu.Unlock()
	switch {
	case err != nil && before == "":
		s.log.Warn("stream cannot be pushed; that is tried again", "error", err)
	case err == nil && before != "":
		s.log.Info("stream is pushed again", "dropped", dropped)
	}
}

// catchUp puts there what the newest snapshot lists, and then its manifests. It reports whether that was the end of the stream.
func (s *Stream) catchUp(ctx context.Context) (ended bool, err error) {
	now := s.newest.Load()
	if now == nil {
		return false, nil
	}
	s.leave(now)
	if err := s.putMedia(ctx, now); err != nil {
		return false, err
	}
	if err := s.putManifests(ctx, now); err != nil {
		return false, err
	}
	return now.Ended, s.deleteExpired(ctx)
}

// putManifests puts those there that have changed. They are not made again for each part.
func (s *Stream) putManifests(ctx context.Context, now *timeline.Snapshot) error {
	is := listingOf(now)
	if is.presentation == s.listed.presentation && slices.Equal(is.numbers, s.listed.numbers) {
		return nil
	}
	for _, m := range s.source.Manifests(now) {
		if bytes.Equal(s.bodies[m.Name], m.Body) {
			continue
		}
		if err := s.send(ctx, m.Name, m.MIME, bytes.NewReader(m.Body), int64(len(m.Body))); err != nil {
			return err
		}
		s.bodies[m.Name] = m.Body
	}
	s.listed = is
	return nil
}

// listing is what manifests follow from.
type listing struct {
	presentation *timeline.Presentation
	numbers      []int64 // of the first and the last segment of each rendition
}

func listingOf(now *timeline.Snapshot) listing {
	l := listing{presentation: now.Presentation}
	for _, p := range now.Playlists {
		if n := len(p.Segments); n > 0 {
			l.numbers = append(l.numbers, p.Segments[0].MSN, p.Segments[n-1].MSN)
		}
	}
	return l
}

// putMedia puts the segments there that are not: those of a rendition in their order, of four renditions at once.
func (s *Stream) putMedia(ctx context.Context, now *timeline.Snapshot) error {
	var group errgroup.Group // one that fails leaves the others alone
	group.SetLimit(atOnce)
	for _, p := range now.Playlists {
		missing := s.missing(p)
		group.Go(func() (err error) {
			fault := panics.Contain(s.log, "the push of a stream", func() { err = s.putSegments(ctx, p.ID, missing) })
			return errors.Join(fault, err)
		})
	}
	return group.Wait()
}

// missing are the listed segments that are not there; those that have left meanwhile are counted.
func (s *Stream) missing(p *timeline.Playlist) []timeline.Segment {
	if len(p.Segments) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reached, known := s.reached[p.ID]
	first := p.Segments[0].MSN
	if known && first > reached+1 {
		s.state.Dropped += uint64(first - reached - 1)
	}
	if !known || first > reached+1 {
		s.reached[p.ID], reached = first-1, first-1
	}
	missing := p.Segments[min(max(0, reached+1-first), int64(len(p.Segments))):]
	s.state.Behind += len(missing)
	return missing
}

func (s *Stream) putSegments(ctx context.Context, id string, segments []timeline.Segment) error {
	for i := range segments {
		err := s.putSegment(ctx, id, &segments[i])
		if err != nil {
			return err
		}
	}
	return nil
}

// putSegment puts a segment there, after its initialization segment. One whose file has gone is left out.
func (s *Stream) putSegment(ctx context.Context, id string, segment *timeline.Segment) error {
	name, epoch := timeline.SegmentName(id, segment.MSN), segment.EpochName()
	if !segment.Gap {
		err := s.putInit(ctx, epoch, id)
		if err == nil {
			err = s.putFile(ctx, epoch, name, "video/iso.segment")
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.count(func(state *State) { state.Dropped++ })
		case err != nil:
			return err
		}
		s.mu.Lock()
		s.put[id] = append(s.put[id], placed{epoch: epoch, name: name, msn: segment.MSN})
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached[id] = segment.MSN
	s.state.Behind--
	return nil
}

// putInit puts the rendition's initialization segment there, once.
func (s *Stream) putInit(ctx context.Context, epoch, id string) error {
	init := [2]string{epoch, id}
	s.mu.Lock()
	there := s.inits[init]
	s.mu.Unlock()
	if there {
		return nil
	}
	if err := s.putFile(ctx, epoch, timeline.InitName(id), "video/mp4"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inits[init] = true
	return nil
}

func (s *Stream) count(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
}
