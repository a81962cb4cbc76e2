package packager

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/origin"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/stills"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/name"
)

// Why a stream cannot be opened.
var (
	// ErrLive says that the stream is still running.
	ErrLive = errors.New("already live")
	// ErrName says that a stream's name does not follow name.Rule.
	ErrName = errors.New("name is not " + name.Rule)
)

// Packager owns the streams and everything below its two directories.
type Packager struct {
	opts       Options
	live       *live.Config
	watcher    *watcher
	origin     *origin.Origin
	stills     *stills.Maker
	shelf      *origin.Recordings
	recordings *recording.Store
	changed    chan struct{} // capacity 1: the set of streams is another
	disk       atomic.Pointer[Disk]
	keeping    atomic.Pointer[time.Time] // since when the housekeeping goes on; nil between two
	faulty     atomic.Bool               // the disk, as OnDisk has heard
	look       func() Disk               // lookAtDisk
	free       func(dir string) int64    // disk.Free
	unkept     resting                   // of the keeper
	unswept    resting                   // of the sweeper

	// Locks are taken in this order: a slot's opening, mu.
	mu    sync.Mutex // held for no I/O
	slots map[string]*slot
}

// New makes the directories, checks that they can be written and recovers what an earlier process left there: streams
// that a crash has cut are served again and wait for their publisher, ended ones go. Nothing runs before Run.
func New(opts Options) (*Packager, error) { return newPackager(opts, disk.OS{}) }

// newPackager writes to the file system files.
func newPackager(opts Options, files disk.FS) (*Packager, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("packager: %w", err)
	}
	p := &Packager{opts: opts.withDefaults(), changed: make(chan struct{}, 1), slots: make(map[string]*slot), free: disk.Free, unkept: resting{}, unswept: resting{}}
	p.look = p.lookAtDisk
	p.disk.Store(&Disk{})
	for _, dir := range []*string{&p.opts.LiveDir, &p.opts.RecordingsDir} {
		if *dir == "" {
			continue
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("packager: %w", err)
		}
		*dir = abs
		if err := disk.Prove(abs); err != nil {
			return nil, fmt.Errorf("packager: %w", err)
		}
	}
	p.join(files)
	if err := p.recover(); err != nil {
		return nil, fmt.Errorf("packager: %w", err)
	}
	return p, nil
}

// join makes the rooms and hands them what they need of each other.
func (p *Packager) join(files disk.FS) {
	o, timing := &p.opts, p.opts.timing()
	p.watcher = newWatcher(o.Logger)
	p.live = &live.Config{
		Config: timeline.Config{Timing: timing, Wall: o.Wall, Fenced: o.Fenced},
		Dir:    o.LiveDir, Linger: o.Linger, Files: files, Logger: o.Logger, Watch: p.watcher.watch, Unwatch: p.watcher.unwatch,
	}
	p.recordings = recording.NewStore(recording.Options{
		Dir: o.RecordingsDir, Keep: o.Keep, MaxBytes: o.MaxBytes, MinFree: o.MinFree, Remux: o.Remux, MendSource: o.MendSource,
		OnStep: o.OnRecording,
		Timing: timing, Wall: o.Wall, Logger: o.Logger, Files: files,
		Free: func(dir string) int64 { return p.free(dir) }, Listed: p.listed,
	})
	p.origin = origin.New(timing, o.LiveDir, func(stream string) *origin.Stream {
		if s := p.Stream(stream); s != nil && !s.gone() {
			return s.viewers
		}
		return nil
	})
	p.stills = stills.New(stills.Options{
		Find: func(stream string) *timeline.Snapshot {
			if s := p.Stream(stream); s != nil {
				return s.viewers.Snapshot()
			}
			return nil
		},
		Open:   p.openPublished,
		Decode: o.Snapshot, Wall: o.Wall, Logger: o.Logger,
	})
	p.shelf = &origin.Recordings{Dir: o.RecordingsDir, List: p.recordings.List}
}

// openPublished opens a published file of an epoch.
func (p *Packager) openPublished(stream, epoch, file string) (*os.File, error) {
	return os.Open(filepath.Join(p.opts.LiveDir, stream, epoch, timeline.PublicDir, file))
}

// listed are the segments that the stream still lists.
func (p *Packager) listed(stream string) []timeline.Recordable {
	if s := p.Stream(stream); s != nil {
		return s.live.Listed()
	}
	return nil
}

// recover reads the timeline.log of every stream. It runs before anything else does.
func (p *Packager) recover() error {
	entries, err := os.ReadDir(p.opts.LiveDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		stream := entry.Name()
		if !entry.IsDir() || !name.Valid(stream) {
			continue
		}
		s, err := p.newStream(stream, func(out live.Output) (*live.Stream, error) { return live.Recover(p.live, stream, out) })
		switch {
		case errors.Is(err, live.ErrForeign):
			p.opts.Logger.Warn("directory is not a stream's and is left alone; nothing can be published under its name", "stream", stream, "error", err)
		case err != nil:
			p.opts.Logger.Error("stream could not be recovered; its directory is left as it is", "stream", stream, "error", err)
		case s != nil:
			p.slots[stream] = &slot{stream: s}
		}
	}
	return nil
}

// Open begins a broadcast of the stream, or continues the one that a crash has cut. ErrName refuses a bad name; ErrLive is
// returned while the stream is live. Who opens a name waits for the disk, and for whoever opens or ends the same name.
func (p *Packager) Open(stream string) (*Stream, error) {
	return p.begin(stream, p.open)
}

// Continue begins what goes on with the numbers of a broadcast of another service. What is here of the stream is older, and ends without a word. The
// errors are those of Open, but ErrLive.
func (p *Packager) Continue(stream string, n timeline.Numbers) (*Stream, error) {
	return p.begin(stream, func(stream string) (*Stream, error) {
		old := p.Stream(stream)
		if old == nil {
			return p.newStream(stream, func(out live.Output) (*live.Stream, error) { return live.Continue(p.live, stream, n, out) })
		}
		if err := old.Yield(); err != nil {
			p.opts.Logger.Warn("stream has not ended cleanly", "stream", stream, "error", err)
		}
		return p.newStream(stream, func(out live.Output) (*live.Stream, error) { return old.live.ContinuedBy(n, out), nil })
	})
}

// begin opens a broadcast by open, with the stream's name locked.
func (p *Packager) begin(stream string, open func(stream string) (*Stream, error)) (*Stream, error) {
	if !name.Valid(stream) {
		return nil, fmt.Errorf("open stream %.80q: %w", stream, ErrName)
	}
	at := p.lock(stream)
	defer p.unlock(stream, at)
	s, err := open(stream)
	if path := (*fs.PathError)(nil); errors.As(err, &path) { // a publisher is told less than the operator
		p.opts.Logger.Error("stream could not be opened", "stream", stream, "error", err)
		err = errors.New(disk.Fault(path))
	} else if errors.Is(err, live.ErrForeign) {
		p.opts.Logger.Error("stream could not be opened: move what is in its directory away", "stream", stream, "error", err)
		err = live.ErrForeign
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", stream, err)
	}
	p.recordAsAsked(s)
	p.set(at, s)
	return s, nil
}

// open makes the broadcast that follows on what is known of the stream, whose name is locked.
func (p *Packager) open(stream string) (*Stream, error) {
	old := p.Stream(stream)
	switch {
	case old == nil:
		return p.newStream(stream, func(out live.Output) (*live.Stream, error) { return live.Create(p.live, stream, out) })
	case old.live.Ended():
		return p.newStream(stream, func(out live.Output) (*live.Stream, error) { return old.live.Successor(out), nil })
	case old.live.Claim():
		return old, nil
	}
	return nil, ErrLive
}

// Streams lists the state of all streams by name.
func (p *Packager) Streams() []Info {
	var all []Info
	for _, s := range p.all() {
		all = append(all, s.Info())
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Stream, b.Stream) })
	return all
}

// Waiting lists the streams that a crash, or Suspend, has cut and that wait for their publishers.
func (p *Packager) Waiting() (streams []string) {
	for _, s := range p.all() {
		if s.live.Waiting() {
			streams = append(streams, s.Name())
		}
	}
	slices.Sort(streams)
	return streams
}

// Recordings lists the newest recordings, newest first, at most 500.
func (p *Packager) Recordings() []recording.Info { return p.recordings.List() }

// RecordingsBehind yields the recordings that come behind that of a name, of a stream, newest first; with "" for both all of them.
func (p *Packager) RecordingsBehind(stream, name string) iter.Seq[recording.Info] {
	return p.recordings.Behind(stream, name)
}

// HasRecording reports whether there is a recording, or a clip, of that name.
func (p *Packager) HasRecording(stream, name string) bool {
	_, err := p.recordings.Find(stream, name)
	return err == nil
}

// ServeLive answers GET and HEAD on /live/{stream}/{file...}; it reads the path values "stream" and "file".
func (p *Packager) ServeLive(w http.ResponseWriter, r *http.Request) { p.origin.ServeLive(w, r) }

// ThumbnailSize is the size in pixels of the newest picture of a stream, as ServeLive has it; 0, 0 where there is none.
func (p *Packager) ThumbnailSize(stream string) (width, height int) {
	return p.origin.ThumbnailSize(stream)
}

// ServeSnapshot answers GET and HEAD on /live/{stream}/snapshot.{jpg,png,webp}; it reads the path value "stream".
func (p *Packager) ServeSnapshot(w http.ResponseWriter, r *http.Request) { p.stills.ServeHTTP(w, r) }

// ServeRecordingsList answers /recordings with JSON: {"recordings": [recording.Info…]}, newest first.
func (p *Packager) ServeRecordingsList(w http.ResponseWriter, r *http.Request) {
	p.shelf.ServeList(w, r)
}

// ServeRecordings answers GET and HEAD on /recordings/{stream}/{recording}/{file}, with ranges; it reads those path values.
func (p *Packager) ServeRecordings(w http.ResponseWriter, r *http.Request) { p.shelf.ServeFile(w, r) }
