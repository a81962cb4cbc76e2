package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// flush brings the playlists up to date. It waits longer the longer the recording is, so that writing them costs the same for ever:
// a crash leaves at most a five hundredth of it unlisted, and the next start lists that too.
//
// It also writes the end of a recording that has stopped, as often as it takes: the disk may be full.
func (r *Recording) flush() {
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.Over() {
		r.settle()
		return
	}
	files, unsafe := r.outdated()
	err := errors.Join(r.syncMedia(unsynced), r.writeFiles(files, false))
	if unsafe {
		err = errors.Join(err, r.store.opts.Files.Sync(filepath.Join(r.dir, infoFile)))
	}
	if err != nil {
		r.Fail(fmt.Errorf("write playlists: %w", err))
	}
}

const (
	// unsynced is how many segments of a rendition are not made durable while the recording runs: the kernel has written what is half a
	// minute old, so that waiting for it costs nothing.
	unsynced = 16
	// maxSynced bounds the segments that are made durable at once.
	maxSynced = 64
)

// syncMedia makes durable what was recorded, but for so many of the newest segments; with all of them, the sources too. The caller
// holds writing.
func (r *Recording) syncMedia(but int) error {
	var faults []error
	sync := func(name string) {
		if err := r.store.opts.Files.Sync(filepath.Join(r.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	r.mu.Lock()
	var all []*copied
	for _, rn := range r.runs {
		all = append(all, rn.video, rn.audio)
	}
	sources := r.info.Sources
	r.mu.Unlock()
	for _, c := range all {
		if c == nil {
			continue
		}
		r.mu.Lock()
		segments := c.segments[min(c.synced, len(c.segments)):max(len(c.segments)-but, c.synced)]
		r.mu.Unlock()
		if but > 0 {
			segments = segments[:min(len(segments), maxSynced)]
		}
		if c.synced == 0 && len(segments) > 0 {
			sync(timeline.InitName(c.id))
		}
		for _, s := range segments {
			sync(timeline.SegmentName(c.id, s.number))
		}
		if len(faults) == 0 {
			c.synced += len(segments)
		}
	}
	if but == 0 {
		for _, name := range sources {
			sync(name)
		}
	}
	return errors.Join(faults...)
}

// outdated gives the playlists when it is time to write them, and reports whether recording.json has to be made durable.
func (r *Recording) outdated() (files []namedFile, unsafe bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unsafe, r.unsafe = r.unsafe, false
	now := r.store.opts.Wall()
	if !r.stale || now.Sub(r.flushed) < r.duration()/500 {
		return nil, unsafe
	}
	r.flushed = now
	return r.playlists(false), unsafe
}

// Fail stops the recording because of the disk. It is marked on the disk a second later, or as soon as that is possible; the live
// stream does not wait for it.
func (r *Recording) Fail(cause error) {
	if r.stop(StateFailed, cause) {
		r.tellFailed("")
		r.store.opts.Logger.Error("recording has stopped; the live stream goes on", "recording", r.dir, "error", cause)
	}
}

// Finish ends the recording for good. video.mp4 follows in the background.
func (r *Recording) Finish(state string) {
	if r.stop(state, nil) {
		r.writing.Lock()
		defer r.writing.Unlock()
		r.settle()
	}
}

// stop takes nothing more; the first end counts.
func (r *Recording) stop(state string, cause error) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.stopped = true
	r.outcome = outcome{state, r.store.opts.Wall().UTC().Truncate(time.Millisecond)}
	if cause != nil {
		r.info.Error = told(cause, r.store.opts.Dir)
		r.outcome.tell(&r.info)
	}
	return true
}

// settle writes the end of a recording that has stopped, and lets go of it once that is on the disk, or once nothing of it is left
// there. The caller holds writing.
func (r *Recording) settle() {
	if r.settled {
		return
	}
	empty, err := r.writeEnd()
	if _, gone := os.Stat(r.dir); empty || errors.Is(gone, fs.ErrNotExist) {
		r.settled = true
		r.store.forget(r)
		r.store.opts.Files.Remove(r.dir)
		if !empty {
			r.tellFailed("its directory has been deleted")
		}
		return
	}
	if err == nil {
		r.settled = true
		r.store.forget(r)
		r.tellSettled()
		r.store.jobs.add(r.remux)
		return
	}
	if !r.told {
		r.told = true
		r.store.opts.Logger.Error("recording could not be finished; that is tried again every second", "recording", r.dir, "error", err)
	}
}

// bare reports whether the directory holds nothing but what says how a recording went.
func (r *Recording) bare() bool {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		log, _ := filepath.Match("ffmpeg-*.log", e.Name())
		temporary, _ := filepath.Match(disk.TemporaryPattern, e.Name())
		return e.Name() != infoFile && !log && !temporary
	})
}

// writeEnd writes the final playlists and recording.json; empty says that nothing was recorded.
func (r *Recording) writeEnd() (empty bool, err error) {
	r.order.Lock() // what is being kept is whole then; nothing more is begun
	//lint:ignore SA2001 nothing is done in between
	r.order.Unlock()
	r.mu.Lock()
	empty = len(r.runs) == 0 && len(r.info.Sources) == 0
	files := r.playlists(true)
	r.mu.Unlock()
	if empty && r.bare() {
		return true, nil
	}
	// What recording.json says is on the disk, under its names, before it says so.
	// What could not be made durable once is lost: it is of no use to try again.
	if err := r.syncMedia(0); err != nil && r.outcome.state != StateFailed {
		r.store.opts.Logger.Error("recording has lost media", "recording", r.dir, "error", err)
		r.mu.Lock()
		r.outcome.state, r.info.Error = StateFailed, told(err, r.store.opts.Dir)
		r.mu.Unlock()
	}
	if err := errors.Join(r.writeFiles(files, true), r.store.opts.Files.Sync(r.dir)); err != nil {
		return false, err
	}
	size := disk.Size(r.dir)
	r.mu.Lock()
	r.info.Bytes = size
	told := r.info
	r.mu.Unlock()
	r.outcome.tell(&told)
	if err := errors.Join(r.writeFiles([]namedFile{told.text()}, true), r.store.opts.Files.Sync(r.dir)); err != nil {
		return false, err
	}
	r.mu.Lock()
	r.outcome.tell(&r.info)
	r.mu.Unlock()
	return false, nil
}
