package packager

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/panics"
)

// faulty is a disk whose operations panic on paths that have some text in them.
type faulty struct {
	disk.OS
	link, remove string
}

func (d *faulty) Link(from, to string) error {
	if d.link != "" && strings.Contains(to, d.link) {
		panic("a link like no other")
	}
	return d.OS.Link(from, to)
}

func (d *faulty) Remove(path string) error {
	if d.remove != "" && strings.Contains(path, d.remove) {
		panic("a file like no other")
	}
	return d.OS.Remove(path)
}

// A panic of the recording of one stream stops that, and neither the stream nor the recording of another.
func TestPanicStopsOneRecording(t *testing.T) {
	b := recordBench(t, nil)
	b.files = &faulty{link: "/recordings/bad/"}
	b.restart()
	before := panics.Count()
	bad, badEpoch, badEnc := b.epoch("bad")
	good, goodEpoch, goodEnc := b.epoch("good")
	b.run(badEpoch, badEnc, 2)
	b.run(goodEpoch, goodEnc, 2)
	b.keep()
	require.Equal(t, before+1, panics.Count())
	require.Equal(t, recording.StateFailed, bad.Info().Recording.State)
	require.Equal(t, recording.StateRecording, good.Info().Recording.State)
	require.EqualValues(t, 2, bad.snapshot().NewestOf(badEpoch.Name(), "180p"))
}

// A panic of the housekeeping of one stream leaves the others theirs, and that stream its pictures; it is tried again a minute later.
func TestPanicInHousekeeping(t *testing.T) {
	files := &faulty{}
	b := newBench(t, nil)
	b.files = files
	b.restart()
	_, badEpoch, badEnc := b.epoch("bad")
	_, goodEpoch, goodEnc := b.epoch("good")
	b.run(badEpoch, badEnc, 9)
	b.run(goodEpoch, goodEnc, 9)
	old := func(e interface{ Dir() string }) string { return filepath.Join(e.Dir(), "out", "180p-1.m4s") }
	before := panics.Count()
	files.remove = "/live/bad/"
	b.clock.Advance(b.Packager.opts.timing().Grace() + 3*time.Second)
	b.keep()
	b.keep()
	require.Equal(t, before+1, panics.Count(), "it rests")
	require.NoFileExists(t, old(goodEpoch))
	require.FileExists(t, old(badEpoch))
	require.Equal(t, http.StatusOK, b.get("/live/bad/180p.m3u8").Code)

	files.remove = ""
	clear(b.unswept)
	b.run(badEpoch, badEnc, 3)
	b.clock.Advance(b.Packager.opts.timing().Grace() + 3*time.Second)
	b.keep()
	require.NoFileExists(t, filepath.Join(badEpoch.Dir(), "out", "180p-5.m4s"))
}

// Whatever runs as long as the service goes on after a panic: here what watches files, which begins anew by looking at them.
func TestPanicOfTheWatcher(t *testing.T) {
	b := newBench(t, nil)
	before := panics.Count()
	b.watcher.open = func() (*fsnotify.Watcher, error) {
		b.watcher.open = noWatcher
		panic("an event like no other")
	}
	tl, _, enc := b.epoch("cam")
	enc.segments(1)
	b.start()
	select {
	case <-tl.Playable():
	case <-time.After(generous):
		t.Fatal("nobody looks at the files")
	}
	require.Equal(t, before+1, panics.Count())
}
