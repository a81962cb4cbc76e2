package live

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Config is what all streams of a service have in common.
type Config struct {
	timeline.Config
	// Dir holds one directory per stream.
	Dir string
	// Linger is how long a stream that was cut waits for its publisher.
	Linger time.Duration
	// Files is the file system that is written to.
	Files disk.FS
	// Logger gets what an operator should know.
	Logger *slog.Logger
	// Watch is called before ffmpeg writes into the epoch's directory, Unwatch when it has exited.
	Watch, Unwatch func(*Epoch)
}

// Output is where a stream hands on what it lists. They are called one at a time, with the stream's order held.
type Output struct {
	// Publish gets the newest snapshot; all that it lists is in the log.
	Publish func(*timeline.Snapshot)
	// Record gets each segment that recordings keep, before it is listed.
	Record func(timeline.Recordable)
	// Listed, if set, hears of each part that viewers can have.
	Listed func(Listed)
}

// Stream is one broadcast of a stream: its timeline, and its files.
type Stream struct {
	cfg      *Config
	out      Output
	name     string
	dir      string
	playable chan struct{}
	woken    chan struct{} // capacity 1
	done     chan struct{}
	expiry   expiry
	keeping  sync.Mutex // held by Keep, and from Delete on

	// order is taken by everything that changes the stream, and held while that is written down. It is taken before mu.
	order   sync.Mutex
	epoch   *Epoch // the newest that ffmpeg was to write; nil before the first
	stale   bool   // the snapshot does not say what is so any more
	yielded bool   // another service goes on with it: nothing more is published
	isReady bool   // playable is closed

	// mu guards the memory; it is held for no I/O. What it guards changes with both locks held.
	mu       sync.Mutex
	state    *timeline.Timeline
	log      *logFile  // nil once a successor has it
	deadline time.Time // recovered or suspended, and waiting for its publisher: when it ends without one
}

func newStream(cfg *Config, name string, state *timeline.Timeline, out Output) *Stream {
	return &Stream{
		cfg: cfg, out: out, name: name, dir: filepath.Join(cfg.Dir, name), state: state,
		playable: make(chan struct{}), woken: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// Create begins the first broadcast of a stream of which nothing is known. ErrForeign: its directory is somebody else's.
func Create(cfg *Config, name string, out Output) (*Stream, error) {
	s := newStream(cfg, name, timeline.New(cfg.Config), out)
	return s, s.begin((*timeline.Timeline).Open)
}

// Successor begins the next broadcast of a stream that has ended. Its numbers go on, and the old files, which are its own now,
// go when they would have gone.
func (s *Stream) Successor(out Output) *Stream {
	return s.succeed(out, func() *timeline.Timeline { return s.state.Successor() })
}

func (s *Stream) succeed(out Output, begin func() *timeline.Timeline) *Stream {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	next := newStream(s.cfg, s.name, begin(), out)
	for _, e := range s.state.Epochs() {
		next.expiry.add(expiring{path: filepath.Join(s.dir, e.Name()), at: s.state.Gone()})
	}
	s.mu.Unlock()
	next.expiry.add(s.expiry.drain()...)
	next.log = s.log
	s.mu.Lock()
	s.log = nil
	s.mu.Unlock()
	next.log.tail = nil // a compaction that runs gives up
	next.order.Lock()
	defer next.order.Unlock()
	next.commit(func(*timeline.Timeline) {})
	return next
}

// begin makes the directory and the log, which begins with what open notes.
func (s *Stream) begin(open func(*timeline.Timeline)) (err error) {
	if err := s.occupy(); err != nil {
		return err
	}
	if s.log, err = openLog(s.cfg.Files, filepath.Join(s.dir, LogName)); err != nil {
		return err
	}
	s.order.Lock()
	defer s.order.Unlock()
	s.commit(open)
	return nil
}

// Claim continues a broadcast that a crash or Suspend has cut. It is still the one that began when it did. It reports whether
// the broadcast was waiting for that.
func (s *Stream) Claim() bool {
	s.order.Lock()
	defer s.order.Unlock()
	if !s.Waiting() {
		return false
	}
	s.commit(func(t *timeline.Timeline) {
		s.deadline = time.Time{}
		t.Open()
	})
	return true
}

// Name is the name under which the stream is served.
func (s *Stream) Name() string { return s.name }

// Dir is the stream's directory.
func (s *Stream) Dir() string { return s.dir }

// Playable is closed once every rendition has its first part, so that manifests can be answered.
func (s *Stream) Playable() <-chan struct{} { return s.playable }

// Done is closed once the broadcast has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Info is the timeline's state.
func (s *Stream) Info() timeline.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Info()
}

// Ended reports whether the broadcast has ended.
func (s *Stream) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Ended()
}

// Waiting reports whether the broadcast was cut, and waits for its publisher.
func (s *Stream) Waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.state.Ended() && !s.deadline.IsZero()
}

// Overdue reports whether the broadcast has waited too long for its publisher.
func (s *Stream) Overdue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.state.Ended() && !s.deadline.IsZero() && now.After(s.deadline)
}

// Gone reports whether the manifests and files of a broadcast that has ended are to go.
func (s *Stream) Gone(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Ended() && !now.Before(s.state.Gone())
}

// LateKeyFrames is how late the key frames of an epoch may be, and so how much longer its segments: as much as the first one said.
// It is not fixed, and 0, before that one.
func (s *Stream) LateKeyFrames() (late time.Duration, fixed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.LateKeyFrames()
}

// End ends the broadcast: the last epoch is closed, every playlist gets its EXT-X-ENDLIST, the MPD becomes static. The manifests
// answer for another window and grace. A second call does nothing, and reports so.
func (s *Stream) End() (first bool, err error) {
	first, err = s.close(func(t *timeline.Timeline) { t.Finish(s.cfg.Wall()) })
	if first {
		close(s.done)
		info := s.Info()
		s.cfg.Logger.Info("stream has ended", "stream", s.name, "segments", info.Segments, "gaps", info.Gaps)
	}
	return first, err
}

// Suspend stops the broadcast without an end: the last epoch is closed, and the playlists stay open for Claim, in this process or
// the next, to continue them within Config.Linger. Of a broadcast that has ended it does, and reports, nothing.
func (s *Stream) Suspend() (first bool, err error) {
	first, err = s.close(func(*timeline.Timeline) { s.deadline = s.cfg.Wall().Add(s.cfg.Linger) })
	if first {
		s.cfg.Logger.Info("stream waits to be continued", "stream", s.name, "segments", s.Info().Segments)
	}
	return first, err
}

// close closes the last epoch, then does the rest, and brings the log to the disk.
func (s *Stream) close(rest func(*timeline.Timeline)) (first bool, err error) {
	s.order.Lock()
	if s.Ended() {
		s.order.Unlock()
		return false, nil
	}
	err = s.closeEpoch()
	s.commit(rest)
	s.publish()
	log := s.log
	s.order.Unlock()
	return true, errors.Join(err, log.sync())
}

// closeEpoch ends the newest epoch, if it has not ended. One that was only announced has no files.
func (s *Stream) closeEpoch() (err error) {
	if s.epoch != nil {
		s.cfg.Unwatch(s.epoch)
		err = s.epoch.close()
	}
	s.commit(func(t *timeline.Timeline) {
		if e := t.Newest(); e != nil {
			e.Close()
		}
	})
	return err
}

// commit changes the state and writes down what has changed. The caller holds the order, and publishes afterwards.
func (s *Stream) commit(change func(*timeline.Timeline)) {
	s.mu.Lock()
	change(s.state)
	records, expired := s.state.TakeRecords(), s.state.TakeExpired()
	s.mu.Unlock()
	s.stale = true
	for _, e := range expired {
		s.expiry.add(s.expiring(e))
	}
	s.write(records)
}

// write appends records to timeline.log. A live stream does not end because its log cannot be written.
func (s *Stream) write(records []timeline.Record) {
	if s.log == nil || len(records) == 0 {
		return
	}
	known := s.log.incomplete.Load()
	if err := s.log.append(records); err != nil && !known {
		s.cfg.Logger.Error("timeline.log could not be written; a restart will not know this", "stream", s.name, "error", err)
	}
}

// publish hands on what has changed since the last time. The caller holds the order.
func (s *Stream) publish() {
	if !s.stale || s.yielded {
		return
	}
	s.stale = false
	s.mu.Lock()
	snapshot := s.state.Snapshot()
	s.mu.Unlock()
	s.out.Publish(snapshot)
	if snapshot.Ready && !s.isReady {
		s.isReady = true
		close(s.playable)
	}
}

// Woken has a value when Follow has something to do.
func (s *Stream) Woken() <-chan struct{} { return s.woken }

// Follow takes in what is new in the files that Wake has named.
func (s *Stream) Follow() {
	s.order.Lock()
	defer s.order.Unlock()
	if s.epoch != nil {
		s.epoch.follow()
	}
}

// Bridge lists gaps for the parts that are overdue. While files are being followed it leaves that alone: parts come, or the disk
// stands still, and nothing can be logged.
func (s *Stream) Bridge(now time.Time) {
	if !s.order.TryLock() {
		return
	}
	defer s.order.Unlock()
	stale, changed := s.stale, false
	s.commit(func(t *timeline.Timeline) { changed = t.Bridge(now) })
	if s.stale = stale || changed; changed {
		s.publish()
	}
}
