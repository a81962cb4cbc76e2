package recording

import (
	"errors"
	"os"
	"path/filepath"
)

// finished is a recording that may be deleted.
type finished struct {
	dir  string
	info Info
}

// Retain deletes finished recordings, oldest first, that are too old, too much, or in the way of a disk that fills up.
func (s *Store) Retain() {
	if s.opts.Dir == "" || s.opts.Keep == 0 && s.opts.MaxBytes == 0 && s.opts.MinFree == 0 {
		return
	}
	oldest, total := s.finished()
	oldest, total = s.dropWhile(oldest, total, "older than allowed", func(k finished, _ int64) bool {
		return s.opts.Keep > 0 && s.opts.Wall().Sub(k.info.Ended) > s.opts.Keep
	})
	oldest, total = s.dropWhile(oldest, total, "more bytes than allowed", func(_ finished, total int64) bool {
		return s.opts.MaxBytes > 0 && total > s.opts.MaxBytes
	})
	s.dropWhile(oldest, total, "disk is filling up", func(finished, int64) bool { return s.opts.MinFree > 0 && s.Low(1) != nil })
}

// finished lists the recordings that have ended, oldest first, and the bytes of all recordings.
func (s *Store) finished() (oldest []finished, total int64) {
	for _, r := range s.all() {
		total += r.Info().Bytes
	}
	dirs := s.dirs()
	for i := len(dirs) - 1; i >= 0; i-- {
		info, err := readInfo(dirs[i])
		total += info.Bytes
		if err == nil && info.State != StateRecording && !s.IsRunning(dirs[i]) {
			oldest = append(oldest, finished{dirs[i], info})
		}
	}
	return oldest, total
}

// dropWhile deletes from the oldest on while the condition holds, and returns what is left.
func (s *Store) dropWhile(oldest []finished, total int64, why string, condition func(finished, int64) bool) ([]finished, int64) {
	for len(oldest) > 0 && condition(oldest[0], total) {
		size := oldest[0].info.Bytes
		if err := removeRecording(oldest[0].dir); err != nil {
			s.opts.Logger.Error("recording could not be deleted", "recording", oldest[0].dir, "error", err)
		} else {
			s.opts.Logger.Info("recording has been deleted", "recording", oldest[0].dir, "why", why, "bytes", size)
			total -= size
		}
		oldest = oldest[1:]
	}
	return oldest, total
}

// removeRecording takes recording.json away first: what a crash leaves of the rest is no recording any more.
func removeRecording(dir string) error {
	err := errors.Join(os.Remove(filepath.Join(dir, infoFile)), os.RemoveAll(dir))
	os.Remove(filepath.Dir(dir)) // the stream's directory, if this was its last
	return err
}

// Spare keeps recordings from filling the disk up: the oldest go, as Options.MinFree says, and when that does not help the running
// ones stop.
func (s *Store) Spare() {
	running := s.all()
	if len(running) == 0 || s.Low(1) == nil {
		return
	}
	s.Retain()
	if err := s.Low(1); err != nil {
		for _, r := range running {
			r.Fail(err)
		}
	}
}
