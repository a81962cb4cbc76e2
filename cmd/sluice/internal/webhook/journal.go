package webhook

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
)

const (
	journalSuffix = ".events"
	// maxPending is how many records wait for the disk. More are forgotten: the whole queue is written instead.
	maxPending = 4096
	// compactAfter is how many records more than twice those that are needed a journal has before it is written anew.
	compactAfter = 1024
	// keepAgain is how long after a failure of the disk it is tried again, and syncWithin how soon records are on the disk.
	keepAgain, syncWithin = 5 * time.Second, time.Second
)

// journal keeps a queue on the disk. A record is in the page cache at once, so that it survives the end of the process, and on the disk
// within a second. What is written does not wait for the disk: run does.
type journal struct {
	files    disk.FS
	name     string
	log      *slog.Logger
	messages func() []*message // of the queue
	failing  atomic.Bool       // which has been logged
	wake     chan struct{}     // capacity 1

	mu      sync.Mutex // held for no I/O
	pending []record
	whole   bool // everything is to be written, instead of what is pending

	file    disk.File // of run; nil: none is open
	records int       // in it
	needed  int       // of them, those of messages that are in the queue
	buffer  []byte
	dirty   bool // not synced
}

func newJournal(files disk.FS, name string, log *slog.Logger, messages func() []*message) *journal {
	return &journal{files: files, name: name, log: log, messages: messages, wake: make(chan struct{}, 1)}
}

// add notes that a message is in the queue.
func (j *journal) add(m *message) { j.note(record{Add: m}) }

// done notes that a message is in the queue no more.
func (j *journal) done(id string) { j.note(record{Done: id}) }

// rewrite has the whole queue written.
func (j *journal) rewrite() {
	j.mu.Lock()
	j.pending, j.whole = nil, true
	j.mu.Unlock()
	j.rouse()
}

func (j *journal) note(r record) {
	j.mu.Lock()
	if !j.whole {
		j.pending = append(j.pending, r)
	}
	if len(j.pending) > maxPending {
		j.pending, j.whole = nil, true
	}
	j.mu.Unlock()
	j.rouse()
}

func (j *journal) rouse() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run writes what is noted, until ctx ends.
func (j *journal) run(ctx context.Context) {
	var again, sync <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		case <-again:
		case <-sync:
			sync = nil
			j.sync()
			continue
		}
		again = nil
		if !j.write() {
			again = time.After(keepAgain)
		}
		if j.dirty && sync == nil {
			sync = time.After(syncWithin)
		}
	}
}

// close writes what is left.
func (j *journal) close() {
	j.write()
	j.sync()
	if j.file != nil {
		_ = j.file.Close() // it has been synced
		j.file = nil
	}
}

// write writes what is pending, and reports whether the disk has taken it. It logs when it begins to fail, and when it does no more.
func (j *journal) write() bool {
	err := j.writeOut()
	switch failing := err != nil; {
	case j.failing.Swap(failing) == failing:
	case failing:
		j.log.Error("events for a webhook cannot be kept on the disk; a restart would lose them", "error", err)
	default:
		j.log.Info("events for a webhook are kept on the disk again")
	}
	if err != nil {
		j.mu.Lock()
		j.pending, j.whole = nil, true // half a line may be there
		j.mu.Unlock()
	}
	return err == nil
}

func (j *journal) writeOut() error {
	j.mu.Lock()
	pending, whole := j.pending, j.whole
	j.pending, j.whole = nil, false
	j.mu.Unlock()
	if len(pending) == 0 && !whole {
		return nil
	}
	if whole || j.lost() {
		return j.replace()
	}
	j.buffer = j.buffer[:0]
	for _, r := range pending {
		j.buffer = r.append(j.buffer)
	}
	if _, err := j.file.Write(j.buffer); err != nil {
		return err
	}
	j.dirty = true
	for _, r := range pending {
		if j.records++; r.Add != nil {
			j.needed++
		} else {
			j.needed--
		}
	}
	if j.records > 2*j.needed+compactAfter {
		return j.replace()
	}
	return nil
}

// lost reports whether there is no file, or it has been deleted.
func (j *journal) lost() bool {
	if j.file == nil {
		return true
	}
	own, err := j.file.Stat()
	there, missing := os.Stat(j.name)
	return err != nil || missing != nil || !os.SameFile(own, there)
}

// replace writes a file of what is in the queue in the place of the one that is there, and opens it.
func (j *journal) replace() error {
	if j.file != nil {
		_ = j.file.Close() // it is replaced
		j.file = nil
	}
	messages := j.messages() // and what is added meanwhile, again
	if err := j.files.MkdirAll(filepath.Dir(j.name)); err != nil {
		return err
	}
	err := disk.Replace(j.files, j.name, false, func(w io.Writer) error {
		var buffer []byte
		for _, m := range messages {
			buffer = record{Add: m}.append(buffer)
		}
		_, err := w.Write(buffer)
		return err
	})
	if err != nil {
		return err
	}
	if j.file, err = j.files.Append(j.name); err != nil {
		return fmt.Errorf("open the file of events: %w", err)
	}
	j.records, j.needed, j.dirty = len(messages), len(messages), true
	return nil
}

// sync puts on the disk what is in the page cache.
func (j *journal) sync() {
	if j.dirty && j.file != nil && j.file.Sync() == nil {
		j.dirty = false
	}
}
