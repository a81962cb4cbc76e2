package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// ErrEnded says that the recording has stopped, at its end or because of the disk.
var ErrEnded = errors.New("has ended")

// ErrNowhere says that there is no directory of recordings.
var ErrNowhere = errors.New("there is no directory of recordings")

// Reserve in bytes is what recordings leave to the live streams.
const Reserve = 16 << 20

// Options of a Store. Their owner has validated them.
type Options struct {
	// Dir holds the recordings of all streams.
	Dir string
	// Keep deletes finished recordings that ended longer ago than this. 0 keeps them.
	Keep time.Duration
	// MaxBytes deletes finished recordings while all together hold more bytes: the oldest of the stream that has most. 0 is no limit.
	MaxBytes int64
	// MinFree deletes finished recordings, in the same order, while the disk has fewer free bytes. 0 is no limit.
	MinFree int64
	// Remux makes out, one MP4 with an index at its front, without encoding. Without it recordings get no video.mp4.
	Remux func(ctx context.Context, inputs []RemuxInput, out string) error
	// MendSource makes whole the source of that name, of which a crash may have left the beginning of a frame. Without it sources stay as
	// they are.
	MendSource func(name string) error
	// OnStep, if set, hears what becomes of recordings, those of an earlier process too. It must not block.
	OnStep func(Step, Info)
	// Timing is that of the live streams.
	Timing timeline.Timing
	// Wall is the clock of the service.
	Wall func() time.Time
	// Logger gets what an operator should know.
	Logger *slog.Logger
	// Files is the file system that is written to.
	Files disk.FS
	// Free is the free space of a directory's disk in bytes, -1 when nobody can tell.
	Free func(dir string) int64
	// Listed are the segments that a live stream still lists: what its recovery found beyond a recording.
	Listed func(stream string) []timeline.Recordable
}

// RemuxInput is one unbroken run of a recording. Each list is an initialization segment and the segments that follow it, in
// order: their bytes put one after the other are one fragmented MP4. Either may be empty. Duration is that of the longer one.
type RemuxInput struct {
	Video, Audio []string
	Duration     time.Duration
}

// Store owns the recordings of all streams.
type Store struct {
	opts Options
	jobs *jobs // recordings to be finished

	cutting atomic.Int32 // clips that have a place and do not run yet

	retaining sync.Mutex // one deletes at a time; guards age and unseen
	age       *age       // nil before the first Retain
	unseen    bool       // could not be written

	mu      sync.Mutex // held for no I/O
	running map[string]*Recording
}

// NewStore looks after the recordings below Options.Dir.
func NewStore(opts Options) *Store {
	return &Store{opts: opts, jobs: newJobs(opts.Logger), running: make(map[string]*Recording)}
}

// Run finishes recordings in the background, first those that an earlier process left unfinished, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	s.Recover(ctx)
	s.jobs.run(ctx)
}

// Work does what Run would do next, without waiting for more.
func (s *Store) Work(ctx context.Context) { s.jobs.drain(ctx) }

// Keep does the housekeeping of one second: it brings the playlists of the running recordings up to date and ends those that have
// stopped, as often as it takes.
func (s *Store) Keep() {
	s.jobs.again()
	for _, r := range s.all() {
		r.contained(r.flush)
	}
}

// List lists the newest recordings, newest first, at most 500.
func (s *Store) List() []Info {
	list := []Info{}
	for info := range s.Behind("", "") {
		if list = append(list, info); len(list) == maxListed {
			break
		}
	}
	return list
}

// Behind yields the recordings that come behind that of a name, of a stream, newest first, whether that one is still there or not; with "" for both
// all of them.
func (s *Store) Behind(stream, name string) iter.Seq[Info] {
	return s.behind("[A-Za-z0-9]*", stream, name)
}

// BehindOf is Behind of the recordings of one stream, and reads no others.
func (s *Store) BehindOf(stream, name string) iter.Seq[Info] { return s.behind(stream, stream, name) }

// behind yields those whose streams are of a pattern.
func (s *Store) behind(streams, stream, name string) iter.Seq[Info] {
	return func(yield func(Info) bool) {
		for _, dir := range s.dirsOf(streams) {
			if name != "" && compareDirs(dir, filepath.Join(stream, name)) <= 0 {
				continue
			}
			s.mu.Lock()
			r := s.running[dir]
			s.mu.Unlock()
			info, err := Info{}, error(nil)
			if r != nil {
				info = r.Info()
			} else {
				info, err = readInfo(dir)
			}
			if err == nil && !yield(info) {
				return
			}
		}
	}
}

// maxListed bounds the list of recordings; the newest are on it.
const maxListed = 500

// Low says that the disk of the recordings has less free space than so many times what is to stay free; nil when it has enough, or
// when nobody can tell.
func (s *Store) Low(times float64) error {
	least := float64(max(s.opts.MinFree, Reserve))
	if free := s.opts.Free(s.opts.Dir); free >= 0 && float64(free) < times*least {
		return fmt.Errorf("disk has %d bytes free, and %.0f are to stay free", free, least)
	}
	return nil
}

// hasRoom reports whether so many bytes can be taken from the disk and leave the reserve.
func (s *Store) hasRoom(bytes int64) bool {
	free := s.opts.Free(s.opts.Dir)
	return free < 0 || free >= bytes+Reserve
}

// IsRunning reports whether the directory's recording is still being written.
func (s *Store) IsRunning(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[dir] != nil
}

func (s *Store) enter(r *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[r.dir] = r
}

func (s *Store) forget(r *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, r.dir)
}

// all are the recordings in progress.
func (s *Store) all() []*Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Recording, 0, len(s.running))
	for _, r := range s.running {
		all = append(all, r)
	}
	return all
}

// dirs lists the directories of all recordings, newest first.
func (s *Store) dirs() []string { return s.dirsOf("[A-Za-z0-9]*") }

// dirsOf lists those of streams of a pattern.
func (s *Store) dirsOf(streams string) []string {
	if s.opts.Dir == "" {
		return nil
	}
	dirs, err := fs.Glob(os.DirFS(s.opts.Dir), streams+"/[0-9]*Z*")
	if err != nil {
		return nil // the pattern is right
	}
	for i := range dirs {
		dirs[i] = filepath.Join(s.opts.Dir, dirs[i])
	}
	slices.SortFunc(dirs, compareDirs)
	return dirs
}

// compareDirs orders directories of recordings, the newest first, and those of the same name by stream.
func compareDirs(a, b string) int {
	if order := compareNames(filepath.Base(b), filepath.Base(a)); order != 0 {
		return order
	}
	return strings.Compare(filepath.Base(filepath.Dir(a)), filepath.Base(filepath.Dir(b)))
}

// Compare orders recordings as they are listed.
func Compare(a, b Info) int {
	if order := compareNames(b.Name, a.Name); order != 0 {
		return order
	}
	return strings.Compare(a.Stream, b.Stream)
}

// compareNames orders names by start, and by number within a second.
func compareNames(a, b string) int {
	startA, numberA, _ := strings.Cut(a, "-")
	startB, numberB, _ := strings.Cut(b, "-")
	if c := strings.Compare(startA, startB); c != 0 {
		return c
	}
	x, _ := strconv.Atoi(numberA)
	y, _ := strconv.Atoi(numberB)
	return x - y
}
