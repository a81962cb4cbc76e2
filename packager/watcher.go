package packager

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-live/sluice/packager/live"
)

const (
	// safetyPoll is how often everything is looked at even if no event came.
	safetyPoll = time.Second
	// blindPoll takes the place of events where the system gives us none.
	blindPoll = 50 * time.Millisecond
	// sightAgain is how often events are tried to be had again: somebody may have raised the limit, or others given theirs back.
	sightAgain = 10 * time.Second
)

// watcher hands the events of the files of all running epochs on.
type watcher struct {
	logger *slog.Logger
	open   func() (*fsnotify.Watcher, error) // fsnotify.NewWatcher
	blind  atomic.Bool                       // there are no file events

	mu     sync.Mutex             // held for no I/O: an event of one stream never waits for the disk of another
	epochs map[string]*live.Epoch // running, by directory
	events *fsnotify.Watcher      // while run runs
}

func newWatcher(logger *slog.Logger) *watcher {
	return &watcher{logger: logger, open: fsnotify.NewWatcher, epochs: make(map[string]*live.Epoch)}
}

// watch follows the epoch's directory from now on. It is called before ffmpeg starts, so no file can be missed.
func (w *watcher) watch(e *live.Epoch) {
	w.mu.Lock()
	w.epochs[e.Dir()] = e
	events := w.events
	w.mu.Unlock()
	if events == nil {
		return // run adds it
	}
	if err := events.Add(e.Dir()); err != nil && !errors.Is(err, fsnotify.ErrClosed) {
		w.goBlind(err)
	}
}

func (w *watcher) unwatch(e *live.Epoch) {
	w.mu.Lock()
	running := w.epochs[e.Dir()] == e
	delete(w.epochs, e.Dir())
	events := w.events
	w.mu.Unlock()
	if running && events != nil {
		events.Remove(e.Dir()) // an error says that it was not watched
	}
}

// goBlind falls back to looking at the directories all the time, and says how to mend it.
func (w *watcher) goBlind(err error) {
	advice := "see fsnotify's error"
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = "raise it: sysctl -w fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "raise it: sysctl -w fs.inotify.max_user_instances=1024, or the limit of open files"
	}
	if !w.blind.Swap(true) {
		w.logger.Warn("no file events: looking at the segments every 50 ms instead", "error", err, "advice", advice)
	}
}

// run follows the files of all epochs until ctx ends. It begins by looking at everything, so that it may be called again after a panic.
func (w *watcher) run(ctx context.Context) {
	events, faults := w.start()
	defer w.stop()
	poll, sight := time.NewTimer(0), time.NewTicker(sightAgain)
	defer poll.Stop()
	defer sight.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-events:
			w.dispatch(ev)
		case err := <-faults:
			w.missed(err)
		case <-poll.C:
			w.rescan()
			poll.Reset(w.pollInterval())
		case <-sight.C:
			if w.blind.Load() {
				w.stop()
				events, faults = w.start()
			}
		}
	}
}

// missed looks at everything, since an event may have been lost: the kernel's queue was full, or it could not be read.
func (w *watcher) missed(err error) {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.logger.Error("segments could not be watched", "error", err)
	}
	w.rescan()
}

func (w *watcher) pollInterval() time.Duration {
	if w.blind.Load() {
		return blindPoll
	}
	return safetyPoll
}

// start watches the directories of all running epochs. It returns channels that stay silent where the system gives no watcher.
func (w *watcher) start() (<-chan fsnotify.Event, <-chan error) {
	events, err := w.open()
	if err != nil {
		w.goBlind(err)
		return nil, nil
	}
	w.mu.Lock()
	w.events = events
	w.mu.Unlock()
	for _, e := range w.running() {
		err = errors.Join(err, events.Add(e.Dir()))
	}
	if err != nil {
		w.goBlind(err)
	} else if w.blind.Swap(false) {
		w.logger.Info("file events again")
	}
	return events.Events, events.Errors
}

func (w *watcher) stop() {
	w.mu.Lock()
	events := w.events
	w.events = nil
	w.mu.Unlock()
	if events != nil {
		events.Close()
	}
}

func (w *watcher) running() []*live.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	epochs := make([]*live.Epoch, 0, len(w.epochs))
	for _, e := range w.epochs {
		epochs = append(epochs, e)
	}
	return epochs
}

// dispatch wakes the stream whose file an event is about.
func (w *watcher) dispatch(ev fsnotify.Event) {
	if !ev.Has(fsnotify.Create) && !ev.Has(fsnotify.Write) {
		return
	}
	w.mu.Lock()
	e := w.epochs[filepath.Dir(ev.Name)]
	w.mu.Unlock()
	if e != nil {
		e.Wake(filepath.Base(ev.Name))
	}
}

// rescan lets all streams look at everything.
func (w *watcher) rescan() {
	for _, e := range w.running() {
		e.Wake("")
	}
}
