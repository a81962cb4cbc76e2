package packager

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/recording"
)

// stalled is a disk on which one operation, on paths that have some text in them, takes until the test says so.
type stalled struct {
	disk.OS
	operation, path string

	mu    sync.Mutex
	gate  chan struct{} // nil while the disk is quick
	stuck chan struct{} // gets a value when somebody begins to wait
}

func newStalled(operation, path string) *stalled {
	return &stalled{operation: operation, path: path, stuck: make(chan struct{}, 1024)}
}

// stall lets the operation wait from now on, until the returned function is called.
func (d *stalled) stall() (goOn func()) {
	gate := make(chan struct{})
	d.mu.Lock()
	d.gate = gate
	d.mu.Unlock()
	return sync.OnceFunc(func() {
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate)
	})
}

func (d *stalled) wait(operation, path string) {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate == nil || operation != d.operation || !strings.Contains(path, d.path) {
		return
	}
	d.stuck <- struct{}{}
	<-gate
}

func (d *stalled) Append(name string) (disk.File, error) { return d.file(d.OS.Append(name)) }

func (d *stalled) Temporary(dir string) (disk.File, error) { return d.file(d.OS.Temporary(dir)) }

func (d *stalled) file(f disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	return stalledFile{f, d}, nil
}

func (d *stalled) Link(from, to string) error {
	d.wait("link", to)
	return d.OS.Link(from, to)
}

func (d *stalled) Rename(from, to string) error {
	d.wait("rename", to)
	return d.OS.Rename(from, to)
}

func (d *stalled) MkdirAll(dir string) error {
	d.wait("mkdir", dir)
	return d.OS.MkdirAll(dir)
}

func (d *stalled) Remove(path string) error {
	d.wait("remove", path)
	return d.OS.Remove(path)
}

func (d *stalled) Sync(name string) error {
	d.wait("sync", name)
	return d.OS.Sync(name)
}

type stalledFile struct {
	disk.File
	disk *stalled
}

func (f stalledFile) Write(b []byte) (int, error) {
	f.disk.wait("write", f.Name())
	return f.File.Write(b)
}

func (f stalledFile) Sync() error {
	f.disk.wait("sync", f.Name())
	return f.File.Sync()
}

// generous is how long what nobody holds up may take on a busy machine.
const generous = 60 * time.Second

// soon requires that something is done, and does not wait for the disk.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(generous):
		t.Fatal(what + " waits for the disk")
	}
}

// TestDiskThatStalls lets one operation of one stream's files stall: other streams' parts are listed all the same, the playlists and the
// state of the stream itself are answered, and all goes on when the disk is back.
func TestDiskThatStalls(t *testing.T) {
	expire := func(b *bench, _ *Stream) { b.clock.Advance(b.Packager.opts.timing().Grace() + 3*time.Second) }
	rewrite := func(b *bench, s *Stream) { require.NoError(b.t, os.Remove(filepath.Join(s.live.Dir(), live.LogName))) }
	nothing := func(*bench, *Stream) {}
	for _, test := range []struct {
		name, operation, path string
		provoke               func(*bench, *Stream) // what lets the housekeeping do the operation
		follows               bool                  // the stream itself is followed meanwhile
	}{
		{"record in the log", "write", "/slow/" + live.LogName, nothing, false},
		{"name of a segment", "link", "/live/slow/", nothing, false},
		{"copy for the recording", "link", "/recordings/slow/", nothing, false},
		{"fsync of the log", "sync", "/slow/" + live.LogName, nothing, true},
		{"compacted log", "write", "/slow/.tmp-", rewrite, true},
		{"fsync of the compacted log", "sync", "/slow/.tmp-", rewrite, true},
		{"deletion", "remove", "/live/slow/", expire, true},
		{"playlists of the recording", "rename", "/recordings/slow/", nothing, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := newStalled(test.operation, test.path)
			b := recordBench(t, nil)
			b.files = files
			b.restart()
			slow, e, enc := b.epoch("slow")
			b.run(e, enc, 8) // some have left the playlists
			b.start()
			other, otherEpoch, otherEnc := b.epoch("other")
			otherEnc.segments(1)
			soon(t, "the other stream's start", func() { <-other.Playable() })

			goOn := files.stall()
			defer goOn()
			test.provoke(b, slow)
			if !test.follows {
				enc.segments(1)
			}
			soon(t, "the stall", func() { <-files.stuck })

			listed := func(stream, rendition string, e *live.Epoch, msn int64) {
				for s := b.Stream(stream); s.snapshot().NewestOf(e.Name(), rendition) < msn; {
					<-time.After(time.Millisecond)
				}
			}
			soon(t, "another stream's segment", func() {
				otherEnc.segments(2)
				for _, r := range ladder {
					listed("other", r.ID, otherEpoch, 3)
				}
			})
			soon(t, "the API", func() {
				require.Len(t, b.Streams(), 2)
				require.NotNil(t, slow.Info().Recording)
				require.False(t, e.Lossy())
				slow.LateKeyFrames()
				require.NotNil(t, b.Stream("slow"))
			})
			soon(t, "a playlist of the stream itself", func() {
				for _, file := range []string{"index.m3u8", "180p.m3u8", "manifest.mpd", e.Name() + "/180p-8.m4s"} {
					require.Equal(t, http.StatusOK, b.get("/live/slow/"+file).Code, file)
				}
			})
			soon(t, "a third stream", func() {
				third, err := b.Open("third")
				require.NoError(t, err)
				require.NoError(t, third.End())
			})
			if test.follows {
				enc.segments(1)
				soon(t, "the stream itself", func() { listed("slow", "180p", e, 9) })
			} else {
				require.EqualValues(t, 8, slow.snapshot().NewestOf(e.Name(), "180p"), "nothing is listed before it is in the log")
			}

			if test.operation == "remove" {
				soon(t, "the housekeeping", func() {
					kept := filepath.Join(b.Stream("other").Recording().Dir(), "video.m3u8")
					for text := []byte(nil); strings.Count(string(text), "#EXTINF") < 3; text, _ = os.ReadFile(kept) {
						<-time.After(time.Millisecond)
						b.clock.Advance(time.Millisecond) // playlists are not written twice at one instant
					}
				})
				require.Empty(t, b.Disk().Fault, "slow deletions are no fault of the disk")
			}

			goOn()
			soon(t, "the stream after the stall", func() {
				listed("slow", "audio", e, 9)
				require.NoError(t, slow.End())
			})
			require.Equal(t, recording.StateFinished, slow.Info().Recording.State)
			require.Contains(t, b.body("/live/slow/180p.m3u8"), "#EXT-X-ENDLIST\n")
		})
	}
}

// Who waits for the disk at the opening of a name holds up nobody who opens another.
func TestOpeningThatStalls(t *testing.T) {
	files := newStalled("mkdir", "/live/slow")
	b := newBench(t, nil)
	b.files = files
	b.restart()
	goOn := files.stall()
	defer goOn()
	opened := make(chan error, 1)
	go func() {
		_, err := b.Open("slow")
		opened <- err
	}()
	<-files.stuck
	soon(t, "another name", func() {
		_, err := b.Open("other")
		require.NoError(t, err)
		require.Len(t, b.Streams(), 1)
		require.Equal(t, http.StatusNotFound, b.get("/live/slow/index.m3u8").Code)
	})
	goOn()
	require.NoError(t, <-opened)
}

// What a stalled disk holds up does not hold up the end of the process for longer than that.
func TestStopWhileTheDiskStalls(t *testing.T) {
	files := newStalled("write", "/slow/"+live.LogName)
	b := newBench(t, nil)
	b.files = files
	b.restart()
	_, e, enc := b.epoch("slow")
	b.run(e, enc, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	goOn := files.stall()
	enc.segments(1)
	soon(t, "the stall", func() { <-files.stuck })
	cancel()
	goOn()
	soon(t, "the end", func() { require.NoError(t, <-done) })
}
