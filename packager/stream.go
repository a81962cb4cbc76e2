package packager

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/origin"
	"github.com/sluice-live/sluice/packager/push"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Stream is one broadcast of a stream: its timeline and files, what viewers get of it, and its recording.
type Stream struct {
	live    *live.Stream
	viewers *origin.Stream
	push    *push.Stream // nil where it is put nowhere
	open    func(epoch, file string) (*os.File, error)

	yieldedAt atomic.Pointer[time.Time] // nil: it goes on here

	watching sync.Mutex // held while snapshots are told of
	watchers map[*func(*timeline.Snapshot)]struct{}
	newest   *timeline.Snapshot

	mu        sync.Mutex             // held for no I/O
	wanted    bool                   // the broadcast is to be recorded
	recording *recording.Recording   // nil while nothing is recorded
	ending    []*recording.Recording // those before, while their last segment is being made
	clips     []*cutting             // that are being cut
	recordAt  time.Time              // when the next recording is tried; zero while nothing is missing
}

// newStream makes a stream whose broadcast begin begins, or continues.
func (p *Packager) newStream(name string, begin func(live.Output) (*live.Stream, error)) (*Stream, error) {
	s := &Stream{viewers: p.origin.Stream(name), watchers: map[*func(*timeline.Snapshot)]struct{}{}}
	s.open = func(epoch, file string) (*os.File, error) { return p.openPublished(name, epoch, file) }
	if p.opts.Push.URL != "" {
		s.push = push.New(p.opts.Push, p.pushSource(name), name, p.opts.Logger)
	}
	publish := func(of *timeline.Snapshot) {
		s.viewers.Publish(of)
		if s.push != nil {
			s.push.Publish(of)
		}
		s.tell(of)
	}
	var err error
	s.live, err = begin(live.Output{Publish: publish, Record: s.record, Listed: p.opts.OnListed})
	if err != nil || s.live == nil {
		return nil, err
	}
	return s, nil
}

// record keeps a segment that is about to be listed.
func (s *Stream) record(segment timeline.Recordable) {
	s.mu.Lock()
	all := append(slices.Clone(s.ending), s.recording)
	for _, c := range s.clips {
		if c.filling {
			c.waiting = append(c.waiting, segment)
		} else {
			all = append(all, c.Recording)
		}
	}
	s.mu.Unlock()
	for _, r := range all {
		if r != nil {
			r.Add(segment)
		}
	}
}

// tell tells watchers of a snapshot.
func (s *Stream) tell(of *timeline.Snapshot) {
	s.watching.Lock()
	defer s.watching.Unlock()
	s.newest = of
	for watcher := range s.watchers {
		(*watcher)(of)
	}
}

// Watch tells of each snapshot, the newest first if there is one, until stop is called. watcher is called under a lock, and must not wait.
func (s *Stream) Watch(watcher func(*timeline.Snapshot)) (stop func()) {
	s.watching.Lock()
	defer s.watching.Unlock()
	s.watchers[&watcher] = struct{}{}
	if s.newest != nil {
		watcher(s.newest)
	}
	return func() {
		s.watching.Lock()
		defer s.watching.Unlock()
		delete(s.watchers, &watcher)
	}
}

// OpenFile opens a file of an epoch that a snapshot names, or one that grows, by its public name.
func (s *Stream) OpenFile(epoch, file string) (*os.File, error) { return s.open(epoch, file) }

// over reports whether nothing follows: the broadcast has ended, or was cut and waits for its publisher.
func (s *Stream) over() bool { return s.live.Ended() || s.live.Waiting() }

// Name is the name under which the stream is served.
func (s *Stream) Name() string { return s.live.Name() }

// BeginEpoch makes the directory for the next ffmpeg run and watches it. The epoch before it must have ended (timeline.ErrLive), and
// so must the stream not (timeline.ErrEnded). timeline.ErrNoRoom: see LateKeyFrames.
func (s *Stream) BeginEpoch(opts timeline.EpochOptions) (*live.Epoch, error) {
	return s.live.BeginEpoch(opts)
}

// LateKeyFrames is how late the key frames of an epoch may be, and so how much longer its segments: as much as the first one said.
// It is not fixed, and 0, before that one.
func (s *Stream) LateKeyFrames() (late time.Duration, fixed bool) { return s.live.LateKeyFrames() }

// Playable is closed once every rendition has its first part, so that manifests can be answered.
func (s *Stream) Playable() <-chan struct{} { return s.live.Playable() }

// Recording is where this broadcast is kept now; nil when it is not recorded or that could not begin. Another one follows on one that
// has failed.
func (s *Stream) Recording() *recording.Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recording
}

// Info is the state of the stream. It never waits for the disk.
func (s *Stream) Info() Info {
	i := Info{Stream: s.live.Name(), Info: s.live.Info(), Renders: s.viewers.Renders()}
	if r := s.Recording(); r != nil {
		of := r.Info()
		i.Recording = &of
	}
	if s.push != nil {
		state := s.push.State()
		i.Push = &state
	}
	return i
}

// pushSource is what is pushed of a stream.
func (p *Packager) pushSource(name string) push.Source {
	return push.Source{
		Open: func(epoch, file string) (*os.File, error) {
			return p.openPublished(name, epoch, file)
		},
		Manifests: func(of *timeline.Snapshot) (all []push.Manifest) {
			for _, f := range p.origin.Plain(of) {
				all = append(all, push.Manifest(f))
			}
			return all
		},
		Wall: p.opts.Wall, Grace: p.opts.timing().Grace(),
	}
}

// End ends the broadcast: the last epoch is closed, every playlist gets its EXT-X-ENDLIST, the MPD becomes static and the
// recording is finished; its video.mp4 follows in the background. The manifests answer for another window and grace, and
// are 404 then. A second call does nothing.
func (s *Stream) End() error { return s.close(s.live.End) }

// Suspend stops the broadcast without an end: the last epoch is closed and the recording finished, and the playlists stay open
// for Packager.Open, in this process or the next, to continue them within Options.Linger.
func (s *Stream) Suspend() error { return s.close(s.live.Suspend) }

// Yield ends the broadcast here, because another service goes on with it. Viewers are told nothing of an end. A second call does nothing.
func (s *Stream) Yield() error {
	now := time.Now()
	s.yieldedAt.CompareAndSwap(nil, &now)
	return s.close(s.live.Yield)
}

// yieldedFor is for how long a stream that goes on elsewhere is served to who does not know that yet.
const yieldedFor = 10 * time.Second

// gone reports whether it goes on elsewhere, as all know by now.
func (s *Stream) gone() bool {
	at := s.yieldedAt.Load()
	return at != nil && time.Since(*at) > yieldedFor
}

// Numbers are what another service may go on from if this one lists so many more segments at most: those below Next, which is to be the limit then.
func (s *Stream) Numbers(ahead int64) timeline.Numbers { return s.live.Numbers(ahead) }

// SetLimit allows numbers below the limit to be listed.
func (s *Stream) SetLimit(limit int64) { s.live.SetLimit(limit) }

// Before are the renditions that viewers were offered before the broadcast came here from another service.
func (s *Stream) Before() []string { return s.live.Before() }

func (s *Stream) close(how func() (first bool, err error)) error {
	first, err := how()
	if first {
		s.finishRecordings()
	}
	return err
}
