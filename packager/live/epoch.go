package live

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Epoch is one unbroken ffmpeg run, with its directory.
type Epoch struct {
	stream    *Stream
	state     *timeline.Epoch
	dir       string
	followers []*follower   // one for each rendition
	pending   atomic.Uint32 // a bit for each follower whose files have something new
	events    events        // of renditions with Events
}

// BeginEpoch makes the directory for the next ffmpeg run and watches it. The epoch before it must have ended
// (timeline.ErrLive). timeline.ErrNoRoom: see LateKeyFrames.
func (s *Stream) BeginEpoch(opts timeline.EpochOptions) (*Epoch, error) {
	e, err := s.beginEpoch(opts)
	if err != nil {
		return nil, fmt.Errorf("begin epoch of %s: %w", s.name, err)
	}
	s.cfg.Watch(e)
	return e, nil
}

func (s *Stream) beginEpoch(opts timeline.EpochOptions) (*Epoch, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	s.order.Lock()
	defer s.order.Unlock()
	defer s.publish()
	var state *timeline.Epoch
	var err error
	s.commit(func(t *timeline.Timeline) { state, err = t.Prepare(opts) })
	if err != nil {
		return nil, err
	}
	e := s.newEpoch(state)
	if err := s.cfg.Files.MkdirAll(e.public("")); err != nil {
		return nil, err
	}
	s.commit(func(t *timeline.Timeline) { t.Enter(state) })
	s.epoch = e
	return e, nil
}

func (s *Stream) newEpoch(state *timeline.Epoch) *Epoch {
	e := &Epoch{stream: s, state: state, dir: filepath.Join(s.dir, state.Name())}
	for _, k := range state.Tracks() {
		f := &follower{epoch: e, track: k}
		f.setPath(k.Number())
		e.followers = append(e.followers, f)
	}
	return e
}

// Dir is where ffmpeg has to write. It exists, is empty, and its name was never used before.
func (e *Epoch) Dir() string { return e.dir }

// Name is the epoch's name in URLs.
func (e *Epoch) Name() string { return e.state.Name() }

// Offset is what ffmpeg has to add to all time stamps, so that decode times go on from the epoch before.
func (e *Epoch) Offset() time.Duration { return e.state.Offset() }

// public is the path of a file under its public name.
func (e *Epoch) public(name string) string { return filepath.Join(e.dir, timeline.PublicDir, name) }

// SetZero sets the wall time of the first sample, and returns the lead: by how much all time stamps have to be moved forward before
// ffmpeg gets them. It is called once, before ffmpeg gets data; otherwise the arrival of the first segment decides.
func (e *Epoch) SetZero(wall time.Time) (lead time.Duration) {
	e.stream.order.Lock()
	defer e.stream.order.Unlock()
	e.stream.commit(func(*timeline.Timeline) { lead = e.state.SetZero(wall) })
	return lead
}

// Tell says what is so beside the pictures from a media time on, to within a part, as text without a NUL: renditions with Events have it in front of
// their next fragment. It waits for nothing, and may be called from any goroutine.
func (e *Epoch) Tell(at time.Duration, text string) { e.events.tell(at, text) }

// Lossy reports whether media is missing in what ffmpeg has written. Nothing more of that rendition is taken in: ffmpeg should be
// stopped, and the next epoch begun.
func (e *Epoch) Lossy() bool {
	e.stream.mu.Lock()
	defer e.stream.mu.Unlock()
	for _, k := range e.state.Tracks() {
		if k.Lossy() {
			return true
		}
	}
	return false
}

// Wake says that a file in the epoch's directory has changed: Follow is to be called. The name is the file's, without its
// directory; an empty one stands for all. Initialization segments and ffmpeg's own manifests concern all renditions: the first
// manifest says that the initialization segments are whole.
func (e *Epoch) Wake(name string) {
	rep, segment := encoderRep(name)
	if !segment && name != "" && name != encoderManifest && !strings.HasPrefix(name, "init-") {
		return
	}
	var bits uint32
	for i, f := range e.followers {
		if !segment || f.track.Rep == rep {
			bits |= 1 << i
		}
	}
	if bits == 0 {
		return
	}
	e.pending.Or(bits)
	select {
	case e.stream.woken <- struct{}{}:
	default:
	}
}

// follow takes in what is new in the files that Wake has named.
func (e *Epoch) follow() {
	bits := e.pending.Swap(0)
	if e.state.Ended() {
		return
	}
	for i, f := range e.followers {
		if bits&(1<<i) == 0 {
			continue
		}
		if err := f.follow(false); err != nil {
			e.stream.cfg.Logger.Error("segments could not be followed", "stream", e.stream.name, "rendition", f.track.ID, "error", err)
		}
	}
}

// End is called when ffmpeg has exited, however it did. It takes in all that is on disk, an unfinished segment up to its
// last whole fragment too, and fixes where the epoch ends for all renditions. A second call does nothing.
func (e *Epoch) End() error {
	e.stream.cfg.Unwatch(e)
	e.stream.order.Lock()
	defer e.stream.order.Unlock()
	return e.close()
}

func (e *Epoch) close() error {
	if e.state.Ended() {
		return nil
	}
	var faults []error
	for _, f := range e.followers {
		faults = append(faults, f.follow(true))
	}
	e.stream.commit(func(*timeline.Timeline) { e.state.Close() })
	e.stream.publish()
	return errors.Join(faults...)
}
