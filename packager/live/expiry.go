package live

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// expiry is a queue of files and directories that are deleted at a certain time. Its lock is held for no I/O.
type expiry struct {
	mu    sync.Mutex
	queue []expiring
}

// expiring is a file or directory that goes at a certain time.
type expiring struct {
	path    string
	encoder string // ffmpeg's name of the same bytes, empty when there is none; ffmpeg itself deletes it in time
	at      time.Time
}

func (x *expiry) add(e ...expiring) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.queue = append(x.queue, e...)
}

func (x *expiry) drain() []expiring {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.queue
	x.queue = nil
	return all
}

// due takes out what is to go now: what is due, or with need everything.
func (x *expiry) due(now time.Time, need bool) (due []expiring) {
	x.mu.Lock()
	defer x.mu.Unlock()
	left := x.queue[:0]
	for _, e := range x.queue {
		if need || !now.Before(e.at) {
			due = append(due, e)
		} else {
			left = append(left, e)
		}
	}
	x.queue = left
	return due
}

// expiring says where the files are of what has left the playlists.
func (s *Stream) expiring(e timeline.Expired) expiring {
	dir := filepath.Join(s.dir, e.Epoch)
	if e.ID == "" {
		return expiring{path: dir, at: e.At}
	}
	gone := expiring{path: filepath.Join(dir, timeline.PublicDir, timeline.SegmentName(e.ID, e.MSN)), at: e.At}
	if e.Rep != "" {
		gone.encoder = filepath.Join(dir, encoderSegment(e.Rep, e.Number))
	}
	return gone
}

// reapAgain is how long after a failure something is tried to be deleted again.
const reapAgain = 30 * time.Second

// Reap deletes what nobody can ask for any more. In need of space everything that has left the playlists goes, with ffmpeg's names of the
// same bytes. It holds no lock while it waits for the disk.
func (s *Stream) Reap(now time.Time, need bool) error {
	var faults []error
	for _, e := range s.expiry.due(now, need) {
		if need && e.encoder != "" {
			s.cfg.Files.Remove(e.encoder) // an error says that ffmpeg has done it
		}
		if err := s.cfg.Files.Remove(e.path); err != nil {
			faults = append(faults, err)
			e.at = now.Add(reapAgain)
			s.expiry.add(e)
		}
	}
	return errors.Join(faults...)
}

// Shorten lets the older half leave the playlists of a stream that lists everything, for want of space. What has left goes with the next
// Reap.
func (s *Stream) Shorten() {
	if !s.order.TryLock() {
		return // the disk is busy; the next second tries again
	}
	defer s.order.Unlock()
	stale, shorter := s.stale, false
	s.commit(func(t *timeline.Timeline) { shorter = t.Shorten() })
	if s.stale = stale || shorter; shorter {
		s.publish()
		s.cfg.Logger.Warn("the disk is full: the older half of the stream has left its playlists", "stream", s.name)
	}
}

// Keep does the rest of the housekeeping of one second: it compacts the log and makes it durable. While it waits for the disk it holds
// no lock that anybody else takes but Delete, and the order for the rename of a compacted log.
func (s *Stream) Keep() error {
	if !s.keeping.TryLock() {
		return nil // it is being deleted
	}
	defer s.keeping.Unlock()
	err := s.compact()
	s.mu.Lock()
	log := s.log
	s.mu.Unlock()
	return errors.Join(err, log.sync())
}

// Delete removes the stream's directory, log and all. Nothing but Keep, which does nothing then, may be called afterwards.
func (s *Stream) Delete() error {
	s.keeping.Lock() // for good: a compaction would make the directory again
	s.mu.Lock()
	log := s.log
	s.mu.Unlock()
	return errors.Join(log.close(), s.cfg.Files.Remove(s.dir))
}
