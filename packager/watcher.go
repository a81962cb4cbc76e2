package packager

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// safetyPoll is how often everything is looked at even if no event came.
	safetyPoll = time.Second
	// blindPoll takes the place of events where the system gives us none.
	blindPoll = 50 * time.Millisecond
	// sightAgain is how often events are tried to be had again: somebody may have raised the limit, or others given theirs back.
	sightAgain = 10 * time.Second
)

// watch follows the epoch's directory from now on. It is called before ffmpeg starts, so no file can be missed.
func (p *Packager) watch(e *Epoch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epochs[e.dir] = e
	p.addWatch(e.dir)
}

func (p *Packager) addWatch(dir string) {
	if p.watcher == nil {
		return // Run adds it
	}
	if err := p.watcher.Add(dir); err != nil {
		p.goBlind(err)
	}
}

func (p *Packager) unwatch(e *Epoch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epochs[e.dir] == e {
		delete(p.epochs, e.dir)
		if p.watcher != nil {
			p.watcher.Remove(e.dir) // an error says that it was not watched
		}
	}
}

// goBlind falls back to looking at the directories all the time, and says how to mend it.
func (p *Packager) goBlind(err error) {
	advice := "see fsnotify's error"
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = "raise it: sysctl -w fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "raise it: sysctl -w fs.inotify.max_user_instances=1024, or the limit of open files"
	}
	if !p.blind.Swap(true) {
		p.opts.Logger.Warn("no file events: looking at the segments every 50 ms instead", "error", err, "advice", advice)
	}
}

// runWatcher follows the files of all epochs until ctx ends.
func (p *Packager) runWatcher(ctx context.Context) error {
	events, faults := p.startWatcher()
	defer p.stopWatcher()
	poll, sight := time.NewTimer(0), time.NewTicker(sightAgain)
	defer poll.Stop()
	defer sight.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-events:
			p.dispatch(ev)
		case err := <-faults:
			p.missed(err)
		case <-poll.C:
			p.rescan()
			poll.Reset(p.pollInterval())
		case <-sight.C:
			if p.blind.Load() {
				p.stopWatcher()
				events, faults = p.startWatcher()
			}
		}
	}
}

// missed looks at everything, since an event may have been lost: the kernel's queue was full, or it could not be read.
func (p *Packager) missed(err error) {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		p.opts.Logger.Error("segments could not be watched", "error", err)
	}
	p.rescan()
}

func (p *Packager) pollInterval() time.Duration {
	if p.blind.Load() {
		return blindPoll
	}
	return safetyPoll
}

// startWatcher watches the directories of all running epochs. It returns channels that stay silent where the system gives no
// watcher.
func (p *Packager) startWatcher() (<-chan fsnotify.Event, <-chan error) {
	w, err := p.newWatcher()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.goBlind(err)
		return nil, nil
	}
	p.watcher = w
	for dir := range p.epochs {
		err = errors.Join(err, w.Add(dir))
	}
	if err != nil {
		p.goBlind(err)
	} else if p.blind.Swap(false) {
		p.opts.Logger.Info("file events again")
	}
	return w.Events, w.Errors
}

func (p *Packager) stopWatcher() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watcher != nil {
		p.watcher.Close()
		p.watcher = nil
	}
}

// dispatch hands an event to the track whose file it is about. Initialization segments and ffmpeg's own manifests concern all
// tracks: the first manifest tells that the initialization segments are whole.
func (p *Packager) dispatch(ev fsnotify.Event) {
	if !ev.Has(fsnotify.Create) && !ev.Has(fsnotify.Write) {
		return
	}
	name := filepath.Base(ev.Name)
	p.mu.Lock()
	e := p.epochs[filepath.Dir(ev.Name)]
	p.mu.Unlock()
	if e == nil {
		return
	}
	if rep, ok := encoderRep(name); ok {
		e.take(rep)
	} else if strings.HasPrefix(name, "init-") || name == manifest {
		e.take("")
	}
}

// rescan looks at everything.
func (p *Packager) rescan() {
	p.mu.Lock()
	epochs := make([]*Epoch, 0, len(p.epochs))
	for _, e := range p.epochs {
		epochs = append(epochs, e)
	}
	p.mu.Unlock()
	for _, e := range epochs {
		e.take("")
	}
}

// take takes in what is new in one representation, or in all when rep is empty.
func (e *Epoch) take(rep string) {
	e.timeline.mu.Lock()
	defer e.timeline.mu.Unlock()
	if e.ended {
		return
	}
	for _, k := range e.tracks {
		if rep != "" && k.Rep != rep {
			continue
		}
		if err := k.follow(false); err != nil {
			e.timeline.p.opts.Logger.Error("segments could not be followed", "stream", e.timeline.stream, "rendition", k.ID, "error", err)
		}
	}
}
