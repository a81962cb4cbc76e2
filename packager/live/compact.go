package live

import (
	"errors"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// compactSlack is how many lines more than needed timeline.log may have.
const compactSlack = 16384

// compact rewrites timeline.log once most of it is about segments that have left, when it lacks what could not be written, or when
// somebody has deleted it. The new file is written and made durable with no lock held, while the old one is appended to as ever;
// with the order held, what came meanwhile is added and the new one takes the name. A crash leaves either.
func (s *Stream) compact() error {
	s.mu.Lock()
	log, least := s.log, s.state.LeastRecords()
	s.mu.Unlock()
	if log == nil || !log.lost() && !log.incomplete.Load() && log.lines.Load() < int64(2*least+compactSlack) {
		return nil
	}
	if !s.order.TryLock() {
		return nil // the disk is busy; the next second tries again
	}
	s.mu.Lock()
	records := s.state.Records()
	s.mu.Unlock()
	log.tail = []byte{}
	s.order.Unlock()
	return s.rewrite(log, records)
}

// rewrite puts a log of these records, and of those that are appended meanwhile, in the place of the log.
func (s *Stream) rewrite(log *logFile, records []timeline.Record) error {
	next, err := writeLog(s.cfg.Files, s.dir, records)
	s.order.Lock()
	switch {
	case s.log != log:
		err = errors.Join(err, discard(s.cfg.Files, next)) // a successor has it
	case err == nil:
		err = log.swap(next, len(records))
	}
	if s.log == log {
		log.tail = nil
	}
	s.order.Unlock()
	if err != nil {
		return err
	}
	return s.cfg.Files.Sync(s.dir)
}

// writeLog writes a log under a temporary name and makes it durable.
func writeLog(files disk.FS, dir string, records []timeline.Record) (f disk.File, err error) {
	if err := files.MkdirAll(dir); err != nil {
		return nil, err
	}
	if f, err = files.Temporary(dir); err != nil {
		return nil, err
	}
	var lines []byte
	for i := range records {
		if lines, err = timeline.AppendRecord(lines, &records[i]); err != nil {
			break
		}
	}
	if err == nil {
		_, err = f.Write(lines)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, discard(files, f))
	}
	return f, nil
}

// swap adds what was appended meanwhile to the new log, which takes the place of the old one.
func (l *logFile) swap(next disk.File, lines int) error {
	for _, b := range l.tail {
		if b == '\n' {
			lines++
		}
	}
	_, err := next.Write(l.tail)
	if err == nil {
		err = l.files.Rename(next.Name(), l.name)
	}
	if err != nil {
		return errors.Join(err, discard(l.files, next))
	}
	l.dirty.Store(len(l.tail) > 0)
	l.incomplete.Store(false)
	l.lines.Store(int64(lines))
	old := *l.file.Swap(&next)
	return old.Close()
}

func discard(files disk.FS, f disk.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(f.Close(), files.Remove(f.Name()))
}
