package recording

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// finished is a recording that may be deleted.
type finished struct {
	dir  string
	info Info
}

// Retain deletes finished recordings that are too old, too much, or in the way of a disk that fills up. Of what is too much the oldest
// of the stream that takes most go first: nobody's flood deletes the recordings of others.
func (s *Store) Retain() { s.retain() }

// retain does it, and reports whether a running recording had to stop so that those of others can stay.
func (s *Store) retain() (stopped bool) {
	if s.opts.Dir == "" {
		return false
	}
	s.retaining.Lock()
	defer s.retaining.Unlock()
	s.seen()
	if s.opts.Keep == 0 && s.opts.MaxBytes == 0 && s.opts.MinFree == 0 {
		return false
	}
	shares := s.shares()
	s.dropOld(shares)
	stopped = s.dropWhile(shares, "more bytes than allowed", func(total int64) bool { return s.opts.MaxBytes > 0 && total > s.opts.MaxBytes })
	return s.dropWhile(shares, "disk is filling up", func(int64) bool { return s.opts.MinFree > 0 && s.Low(1) != nil }) || stopped
}

// share is what a stream has of the disk.
type share struct {
	stream  string
	bytes   int64      // of all its recordings
	oldest  []finished // those that may be deleted, the oldest first
	running []*Recording
}

// shares are those of all streams.
func (s *Store) shares() map[string]*share {
	shares := make(map[string]*share)
	of := func(stream string) *share {
		if shares[stream] == nil {
			shares[stream] = &share{stream: stream}
		}
		return shares[stream]
	}
	for _, r := range s.all() {
		mine := of(r.Info().Stream)
		mine.bytes += r.Info().Bytes
		mine.running = append(mine.running, r)
	}
	for _, dir := range slices.Backward(s.dirs()) {
		info, err := readInfo(dir)
		if err != nil || s.IsRunning(dir) {
			continue
		}
		mine := of(info.Stream)
		mine.bytes += info.Bytes
		if info.State != StateRecording {
			mine.oldest = append(mine.oldest, finished{dir, info})
		}
	}
	return shares
}

// dropOld deletes what is older than allowed.
func (s *Store) dropOld(shares map[string]*share) {
	now := s.opts.Wall()
	for _, mine := range shares {
		mine.oldest = slices.DeleteFunc(mine.oldest, func(f finished) bool {
			old := s.opts.Keep > 0 && s.age.of(latest(f.info.Started, f.info.Ended), now) > s.opts.Keep
			if old {
				s.drop(mine, f, "older than allowed")
			}
			return old
		})
	}
}

// drop deletes a recording.
func (s *Store) drop(mine *share, f finished, why string) {
	if err := s.remove(f.dir); err != nil {
		s.opts.Logger.Error("recording could not be deleted", "recording", f.dir, "error", err)
		return
	}
	s.opts.Logger.Info("recording has been deleted", "recording", f.dir, "why", why, "bytes", f.info.Bytes)
	mine.bytes -= f.info.Bytes
}

// dropWhile deletes the oldest of whoever has most, as long as all together are too much. Where that is one whose recording still runs
// and who has no other, that one stops if the recordings of others would have to go for it: it is as old as theirs a moment later.
func (s *Store) dropWhile(shares map[string]*share, why string, tooMuch func(total int64) bool) (stopped bool) {
	for {
		var most *share
		total, deletable := int64(0), 0
		for _, mine := range shares {
			total += mine.bytes
			deletable += len(mine.oldest)
			if most == nil || mine.bytes > most.bytes || mine.bytes == most.bytes && mine.stream < most.stream {
				most = mine
			}
		}
		switch {
		case deletable == 0 || !tooMuch(total):
			return false
		case len(most.oldest) > 0:
			s.drop(most, most.oldest[0], why)
			most.oldest = most.oldest[1:]
			if len(most.oldest) == 0 && len(most.running) == 0 {
				delete(shares, most.stream) // what could not be deleted is nobody's who can give something
			}
		case len(most.running) == 0:
			delete(shares, most.stream)
		default:
			for _, r := range most.running {
				r.Fail(fmt.Errorf("%s: %s takes most, with %d bytes", why, most.stream, most.bytes))
			}
			return true
		}
	}
}

// remove takes recording.json away first: what a crash leaves of the rest is no recording any more.
func (s *Store) remove(dir string) error {
	files := s.opts.Files
	err := errors.Join(files.Remove(filepath.Join(dir, infoFile)), files.Remove(dir))
	os.Remove(filepath.Dir(dir)) // the stream's directory, if this was its last
	return err
}

// Spare keeps recordings from filling the disk up: some go, as Options.MinFree says, and when that does not help the running ones stop.
func (s *Store) Spare() {
	running := s.all()
	if len(running) == 0 || s.Low(1) == nil {
		return
	}
	if s.retain() {
		return // what has stopped can be deleted within a second
	}
	if err := s.Low(1); err != nil {
		for _, r := range running {
			r.Fail(err)
		}
	}
}
