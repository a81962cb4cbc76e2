package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// shelf is a Store with a clock, a free disk and a file system of its own.
type shelf struct {
	*Store
	t     *testing.T
	live  string // where segments come from
	now   time.Time
	free  int64 // bytes; -1: nobody can tell
	files *loggedFiles
	opts  Options
	log   strings.Builder

	timeline *timeline.Timeline
	track    *timeline.Track // nil before the first run
	count    int64           // of its segments
	number   int             // of all segments
}

func newShelf(t *testing.T, edit func(*Options)) *shelf {
	s := &shelf{t: t, live: t.TempDir(), now: time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC), free: -1, files: &loggedFiles{}}
	s.opts = Options{
		Dir: t.TempDir(), Timing: timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: time.Minute},
		Wall: func() time.Time { return s.now }, Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Files: s.files,
		Free: func(string) int64 { return s.free }, Listed: func(string) []timeline.Recordable { return nil },
	}
	if edit != nil {
		edit(&s.opts)
	}
	s.restart()
	return s
}

// restart is what the next process does.
func (s *shelf) restart() { s.Store = NewStore(s.opts) }

// run begins an ffmpeg run, of video alone.
func (s *shelf) run() {
	s.t.Helper()
	s.timeline = timeline.New(timeline.Config{Timing: s.opts.Timing, Wall: s.opts.Wall})
	e, err := s.timeline.Prepare(timeline.EpochOptions{Renditions: []timeline.Rendition{{ID: "720p", Rep: "0", Video: true, Width: 1280, Height: 720, FPS: 30, Bitrate: 4000}}})
	require.NoError(s.t, err)
	s.timeline.Enter(e)
	e.SetZero(s.now)
	s.track, s.count = e.Tracks()[0], 0
	s.track.SetInit(cmaf.Init{Timescale: 90000, Codec: "avc1.64001F", Video: true, Width: 1280, Height: 720})
}

// segment is the next one of the run.
func (s *shelf) segment() timeline.Recordable {
	s.t.Helper()
	if s.track == nil {
		s.run()
	}
	init, media := filepath.Join(s.live, "init.mp4"), filepath.Join(s.live, fmt.Sprintf("%d.m4s", s.number))
	require.NoError(s.t, os.WriteFile(init, []byte("init"), 0o600))
	require.NoError(s.t, os.WriteFile(media, make([]byte, 1000), 0o600))
	segment := s.timeline.Whole(s.track, []timeline.Part{{Size: 1000, Start: s.count * 180000, Duration: 180000, Independent: true}}, 1000)
	r := s.timeline.Recordable(s.track, segment)
	r.InitFile, r.MediaFile = init, media
	s.timeline.List(s.track, segment)
	s.count++
	s.number++
	return r
}

// record keeps a broadcast of so many segments, which ends; size is what its files take on disk, bytes.
func (s *shelf) record(stream string, segments, size int) *Recording {
	s.t.Helper()
	r, err := s.Begin(stream)
	require.NoError(s.t, err)
	for range segments {
		s.now = s.now.Add(2 * time.Second)
		r.Add(s.segment())
	}
	source, err := r.CreateSource("webm")
	require.NoError(s.t, err)
	_, err = source.Write(make([]byte, size))
	require.NoError(s.t, err)
	require.NoError(s.t, source.Close())
	r.Finish(StateFinished)
	require.Equal(s.t, StateFinished, r.Info().State)
	s.Work(s.t.Context())
	return r
}

// left are the streams and names of what has not been deleted.
func (s *shelf) left() (all []string) {
	for _, dir := range s.dirs() {
		all = append(all, filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir))
	}
	return all
}

// loggedFiles remembers what became durable, and what recording.json said meanwhile.
type loggedFiles struct {
	disk.OS
	mu    sync.Mutex
	done  []string // "sync name", "rename name state"
	fails string   // a file whose Sync fails
}

func (l *loggedFiles) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, fmt.Sprintf(format, args...))
}

func (l *loggedFiles) Sync(name string) error {
	if l.fails != "" && filepath.Base(name) == l.fails {
		return &os.PathError{Op: "sync", Path: name, Err: syscall.EIO}
	}
	l.note("sync %s", filepath.Base(name))
	return l.OS.Sync(name)
}

func (l *loggedFiles) Rename(from, to string) error {
	info, _ := readInfo(filepath.Dir(from))
	if b, err := os.ReadFile(from); err == nil && filepath.Base(to) == infoFile {
		_ = json.Unmarshal(b, &info)
	}
	l.note("rename %s %s mp4=%v", filepath.Base(to), info.State, info.MP4)
	return l.OS.Rename(from, to)
}

// index is where the log first has a line, after the place from.
func (l *loggedFiles) index(t *testing.T, from int, line string) int {
	t.Helper()
	for i := from; i < len(l.done); i++ {
		if l.done[i] == line {
			return i
		}
	}
	require.Fail(t, "not done", "%s in %q", line, l.done[from:])
	return 0
}

// TestFinishedIsOnTheDisk: a recording is told finished, and its video.mp4 there, after all of that has been made durable.
func TestFinishedIsOnTheDisk(t *testing.T) {
	var r *Recording
	s := newShelf(t, func(o *Options) {
		o.Remux = func(_ context.Context, _ []RemuxInput, out string) error {
			require.False(t, r.Info().MP4)
			return os.WriteFile(out, []byte("mp4"), 0o600)
		}
	})
	r, err := s.Begin("cam")
	require.NoError(t, err)
	source, err := r.CreateSource("webm")
	require.NoError(t, err)
	for range 40 {
		r.Add(s.segment())
		s.Keep()
	}
	s.files.index(t, 0, "sync video-1-24.m4s")
	require.NotContains(t, s.files.done, "sync video-1-25.m4s", "what is new is left to the kernel for a while")
	before := len(s.files.done)
	require.NoError(t, source.Close())
	r.Finish(StateFinished)
	told := s.files.index(t, before, "rename recording.json finished mp4=false")
	for n := 25; n <= 40; n++ {
		require.Less(t, s.files.index(t, before, fmt.Sprintf("sync video-1-%d.m4s", n)), told)
	}
	require.Less(t, s.files.index(t, before, "sync source-1.webm"), told)
	names := s.files.index(t, before, "sync "+filepath.Base(r.Dir()))
	require.Less(t, s.files.index(t, before, "rename index.m3u8 recording mp4=false"), names)
	require.Less(t, names, told)
	s.files.index(t, told, "sync "+filepath.Base(r.Dir()))

	s.Work(t.Context())
	mp4 := s.files.index(t, told, "rename video.mp4 finished mp4=false")
	require.Less(t, s.files.index(t, told, "sync .tmp-video.mp4"), mp4)
	require.Less(t, s.files.index(t, mp4, "sync "+filepath.Base(r.Dir())), s.files.index(t, mp4, "rename recording.json finished mp4=true"))
	require.True(t, r.Info().MP4)
}

// TestNotFinishedWhileTheDiskIsFull: the API tells of a recording as one that runs until its end is on the disk.
func TestNotFinishedWhileTheDiskIsFull(t *testing.T) {
	s := newShelf(t, nil)
	r, err := s.Begin("cam")
	require.NoError(t, err)
	r.Add(s.segment())
	inTheWay := filepath.Join(r.Dir(), infoFile)
	require.NoError(t, os.Remove(inTheWay))
	require.NoError(t, os.MkdirAll(filepath.Join(inTheWay, "x"), 0o750))
	r.Finish(StateFinished)
	require.Equal(t, StateRecording, r.Info().State)
	require.Zero(t, r.Info().Ended)
	require.True(t, r.Over())
	require.NoError(t, os.RemoveAll(inTheWay))
	s.Keep()
	require.Equal(t, StateFinished, r.Info().State)
	info, err := readInfo(r.Dir())
	require.NoError(t, err)
	require.Equal(t, StateFinished, info.State)
}

// TestMediaThatIsLost makes a failed recording of one whose media the disk could not take.
func TestMediaThatIsLost(t *testing.T) {
	s := newShelf(t, nil)
	r, err := s.Begin("cam")
	require.NoError(t, err)
	r.Add(s.segment())
	s.files.fails = "video-1-1.m4s"
	r.Finish(StateFinished)
	info, err := readInfo(r.Dir())
	require.NoError(t, err)
	require.Equal(t, StateFailed, info.State)
	require.Contains(t, info.Error, "input/output error")
	require.Equal(t, StateFailed, r.Info().State)
	require.Contains(t, s.log.String(), "recording has lost media")
}

// TestFailedAtOnce tells of a disk that has failed before that is written down.
func TestFailedAtOnce(t *testing.T) {
	s := newShelf(t, nil)
	r, err := s.Begin("cam")
	require.NoError(t, err)
	source, err := r.CreateSource("mkv")
	require.NoError(t, err)
	r.Fail(errors.New("out of paper"))
	require.Equal(t, StateFailed, r.Info().State)
	_, err = io.WriteString(source, "more")
	require.ErrorIs(t, err, ErrEnded)
	_, err = r.CreateSource("webm")
	require.ErrorIs(t, err, ErrEnded)
	require.NoError(t, source.Close())
	s.Keep()
	info, err := readInfo(r.Dir())
	require.NoError(t, err)
	require.Equal(t, "out of paper", info.Error)
	require.Equal(t, []string{"source-1.mkv"}, info.Sources)
	require.False(t, s.IsRunning(r.Dir()))
}

// Two sources may have one number, and a crash's next start mends each once.
func TestSourcesBesideEachOther(t *testing.T) {
	var mended []string
	s := newShelf(t, func(o *Options) {
		o.MendSource = func(name string) error {
			mended = append(mended, filepath.Base(name))
			return errors.New("it is hopeless")
		}
	})
	r, err := s.Begin("cam")
	require.NoError(t, err)
	for _, c := range []struct {
		create func(string) (Source, error)
		ext    string
	}{{r.CreateSource, "ivf"}, {r.CreateSourceBeside, "ogg"}, {r.CreateSource, "mkv"}, {r.CreateSource, "ogg"}, {r.CreateSourceBeside, "ivf"}} {
		file, err := c.create(c.ext)
		require.NoError(t, err)
		_, err = io.WriteString(file, "0123")
		require.NoError(t, err)
		_, err = file.WriteAt([]byte("ab"), 1)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	_, err = r.CreateSourceBeside("ogg")
	require.ErrorIs(t, err, os.ErrExist)
	want := []string{"source-1.ivf", "source-1.ogg", "source-2.mkv", "source-3.ogg", "source-3.ivf"}
	require.Equal(t, want, r.Info().Sources)
	require.EqualValues(t, 20, r.Info().Bytes)
	written, err := os.ReadFile(filepath.Join(r.Dir(), "source-3.ivf"))
	require.NoError(t, err)
	require.Equal(t, "0ab3", string(written))

	s.restart()
	s.Recover(t.Context())
	s.Recover(t.Context())
	require.Equal(t, want, mended, "once")
	require.Contains(t, s.log.String(), "it is hopeless")
	info, err := readInfo(r.Dir())
	require.NoError(t, err)
	require.Equal(t, StateInterrupted, info.State)
	require.Equal(t, want, info.Sources)
}

func TestSourceNames(t *testing.T) {
	valid := Info{Stream: "cam", Name: "20261120T194500Z", State: StateFinished, Started: time.Now()}
	for names, ok := range map[string]bool{
		"": true, "source-1.webm": true, "source-1.ivf source-1.ogg source-2.mkv": true,
		"source-2.webm": false, "source-1.ivf source-1.ivf": false, "source-1.exe": false, "source-01.ivf": false, "source-1.ivf source-3.ivf": false,
		"source-0.ivf": false, "source-1.ivf.ogg": false, "../source-1.ivf": false, "source-2.ivf source-1.ivf": false,
	} {
		valid.Sources = strings.Fields(names)
		require.Equal(t, ok, valid.validate() == nil, names)
	}
}

func TestNothingRecorded(t *testing.T) {
	s := newShelf(t, nil)
	r, err := s.Begin("cam")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir(), "ffmpeg-1.log"), nil, 0o600))
	r.Finish(StateFinished)
	require.NoDirExists(t, r.Dir())
	require.Empty(t, s.List())
}

func TestNames(t *testing.T) {
	s := newShelf(t, nil)
	var names []string
	for range 11 {
		r, err := s.Begin("cam")
		require.NoError(t, err)
		names = append(names, r.Info().Name)
	}
	require.Equal(t, "20261120T194500Z", names[0])
	require.Equal(t, "20261120T194500Z-11", names[10])
	list := s.List()
	require.Len(t, list, 11)
	for i, info := range list {
		require.Equal(t, names[10-i], info.Name, "the newest first, by number within a second")
	}
}

// A title is a line of text, and turns nothing around it.
func TestTitles(t *testing.T) {
	for title, good := range map[string]bool{
		"": true, "Tor! ⚽ 1:0": true, "👩\u200d👩\u200d👧 family": true, "<b>&\"/../": true, strings.Repeat("a", 200): true,
		strings.Repeat("a", 201): false, "a\nb": false, "a\x00": false, "\x1b[2J": false, "\xff": false, "a\u0085b": false, "a\u2028b": false, "a\u2029b": false,
		"gpj.\u202eexe": false, "\u2066a": false,
	} {
		require.Equal(t, good, ValidTitle(title), "%q", title)
	}
}
