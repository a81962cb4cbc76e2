package packager

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/internal/name"
)

// Errors that a caller may want to tell apart.
var (
	// ErrLive says that the stream, or the epoch before, is still running.
	ErrLive = errors.New("already live")
	// ErrEnded says that the Timeline, the Epoch or the Recording has ended.
	ErrEnded = errors.New("has ended")
	// ErrName says that a stream's name does not follow name.Rule.
	ErrName = errors.New("name is not " + name.Rule)
)

// Packager owns the Timelines of all streams and everything below its two directories.
type Packager struct {
	opts       Options
	jobs       *jobs       // recordings to be finished
	packers    sync.Pool   // of *gzip.Writer
	manifestCC []string    // Cache-Control of playlists and MPDs
	blockedCC  []string    // of playlists that contain what was asked for
	blind      atomic.Bool // there are no file events
	disk       atomic.Pointer[Disk]
	keeping    atomic.Pointer[time.Time] // since when the housekeeping goes on; nil between two
	look       func() Disk               // lookAtDisk
	free       func(dir string) int64    // freeSpace
	newWatcher func() (*fsnotify.Watcher, error)

	// Locks are taken in this order: opening, a Timeline's, a Recording's, mu.
	opening    sync.Mutex // Open, and the end of a stream's name
	mu         sync.Mutex
	timelines  map[string]*Timeline // the newest of each stream
	epochs     map[string]*Epoch    // running, by directory
	watcher    *fsnotify.Watcher    // while Run runs
	recordings map[string]*Recording
}

// New makes the directories, checks that they can be written and recovers what an earlier process left there: streams
// that a crash has cut are served again and wait for their publisher, ended ones go. Nothing runs before Run.
func New(opts Options) (*Packager, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("packager: %w", err)
	}
	opts = opts.withDefaults()
	opts.Window = max(opts.Window, minSegments*opts.Segment)
	p := &Packager{
		opts:       opts,
		jobs:       newJobs(),
		manifestCC: opts.manifestCacheControl(),
		blockedCC:  opts.blockedCacheControl(),
		timelines:  make(map[string]*Timeline),
		epochs:     make(map[string]*Epoch),
		recordings: make(map[string]*Recording),
	}
	p.look, p.free, p.newWatcher = p.lookAtDisk, freeSpace, fsnotify.NewWatcher
	p.disk.Store(&Disk{})
	p.packers.New = func() any { return gzip.NewWriter(nil) }
	for _, dir := range []*string{&p.opts.LiveDir, &p.opts.RecordingsDir} {
		if *dir == "" {
			continue
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("packager: %w", err)
		}
		*dir = abs
		if err := makeDir(abs); err != nil {
			return nil, fmt.Errorf("packager: %w", err)
		}
	}
	if err := p.recover(); err != nil {
		return nil, fmt.Errorf("packager: %w", err)
	}
	return p, nil
}

// Run follows the files of all epochs, keeps house and finishes recordings, those too that an earlier process left
// unfinished, until ctx ends. It returns when everything that it started has ended. Timelines that are still open then stay
// open in their log: the next process continues them.
func (p *Packager) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.runWatcher(ctx) })
	group.Go(func() error { return p.runGaps(ctx) })
	group.Go(func() error { return p.runKeeper(ctx) })
	group.Go(func() error { return p.jobs.run(ctx) })
	return group.Wait()
}

// Open begins a broadcast of the stream, or continues the one that a crash has cut. ErrName refuses a bad name; ErrLive is
// returned while the stream's Timeline is open.
func (p *Packager) Open(stream string) (*Timeline, error) {
	if !name.Valid(stream) {
		return nil, fmt.Errorf("open stream %.80q: %w", stream, ErrName)
	}
	p.opening.Lock()
	defer p.opening.Unlock()
	t, err := p.openTimeline(stream)
	if path := (*fs.PathError)(nil); errors.As(err, &path) { // a publisher is told less than the operator
		p.opts.Logger.Error("stream could not be opened", "stream", stream, "error", err)
		err = errors.New(faultOf(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", stream, err)
	}
	rec, err := p.newRecording(stream)
	if err != nil {
		p.opts.Logger.Error("recording could not begin; the live stream goes on", "stream", stream, "error", err)
	}
	t.mu.Lock()
	t.rec = rec
	t.mu.Unlock()
	p.mu.Lock()
	p.timelines[stream] = t
	p.mu.Unlock()
	return t, nil
}

// openTimeline makes the Timeline that follows on what is known of the stream.
func (p *Packager) openTimeline(stream string) (*Timeline, error) {
	old := p.Timeline(stream)
	if old == nil {
		return p.firstTimeline(stream)
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	if old.ended {
		return old.successor(), nil
	}
	if old.deadline.IsZero() {
		return nil, ErrLive
	}
	old.claim()
	return old, nil
}

// Timeline is the newest broadcast of the stream, live or ended a moment ago; nil if there is none.
func (p *Packager) Timeline(stream string) *Timeline {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timelines[stream]
}

// Streams lists the state of all Timelines by name.
func (p *Packager) Streams() []Info {
	var all []Info
	for _, t := range p.all() {
		all = append(all, t.Info())
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Stream, b.Stream) })
	return all
}

func (p *Packager) all() []*Timeline {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.timelines))
}
