package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

// writes knows when ffmpeg wrote which bytes of a rendition's segments: the kernel's time of the last change, looked at after
// each. That time may be a few milliseconds early, never late, so what is measured from it is rather too long.
type writes struct {
	prefix string // of the segments' public names

	mu   sync.Mutex
	seen map[uint64][]written // by inode: a segment has two names
}

type written struct {
	size int64
	at   time.Time
}

// segmentType is the length of the box that ffmpeg writes ahead of a segment's first chunk: with nothing to play, nobody waits for it.
const segmentType = 24

// watchWrites follows the epoch's directory until the end of the test.
func watchWrites(t testing.TB, directory, rendition string) *writes {
	t.Helper()
	w := &writes{prefix: filepath.Join(directory, "out", rendition+"-"), seen: map[uint64][]written{}}
	watcher, err := fsnotify.NewWatcher()
	require.NoError(t, err)
	require.NoError(t, watcher.Add(directory))
	var running sync.WaitGroup
	running.Go(func() {
		for event := range watcher.Events {
			w.look(strings.TrimSuffix(event.Name, ".tmp"))
		}
	})
	t.Cleanup(func() {
		_ = watcher.Close()
		running.Wait()
	})
	return w
}

func (w *writes) look(name string) {
	info, err := os.Stat(name + ".tmp")
	if err != nil {
		info, err = os.Stat(name)
	}
	if err != nil || info.Size() <= segmentType {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	segment := info.Sys().(*syscall.Stat_t).Ino
	if n := len(w.seen[segment]); n == 0 || w.seen[segment][n-1].size < info.Size() {
		w.seen[segment] = append(w.seen[segment], written{info.Size(), info.ModTime()})
	}
}

// of lists the writes of a segment, which is still listed.
func (w *writes) of(msn int64) []written {
	info, err := os.Stat(fmt.Sprintf("%s%d.m4s", w.prefix, msn))
	if err != nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[info.Sys().(*syscall.Stat_t).Ino]
}

// at is when so many bytes of a segment were there; false where nobody looked.
func (w *writes) at(msn, size int64) (at time.Time, ok bool) {
	for _, write := range w.of(msn) {
		if write.size >= size {
			return write.at, true
		}
	}
	return at, false
}
