package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// markName is a file in a stream's directory that says whose it is. A directory without it, and without a log of ours, is nobody's that
// this package may write to, move or delete.
const markName = ".sluice-stream"

const markText = "This directory is one live stream of sluice, which deletes it when the stream has ended.\n"

// ErrForeign says that a directory has the name of a stream, and what is in it is somebody else's.
var ErrForeign = errors.New("the stream's directory holds files that are not the service's")

// maxAside bounds how many of a name are moved aside within a second.
const maxAside = 99

// contents are the names in the stream's directory; none where there is no such directory.
func (s *Stream) contents() (names []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// occupy makes the directory of a stream of which nothing is known. What an earlier process could not delete is moved aside.
func (s *Stream) occupy() error {
	names, err := s.contents()
	switch {
	case err != nil:
		return err
	case slices.Contains(names, markName):
		if err := s.setAside(errors.New("it was left by an earlier broadcast")); err != nil {
			return err
		}
	case len(names) > 0:
		return fmt.Errorf("%s: %w", s.dir, ErrForeign)
	}
	if err := s.cfg.Files.MkdirAll(s.dir); err != nil {
		return err
	}
	return s.mark()
}

func (s *Stream) mark() error {
	return disk.WriteFile(s.cfg.Files, filepath.Join(s.dir, markName), false, []byte(markText))
}

// setAside renames the directory, so that the stream can begin anew and nothing is lost.
func (s *Stream) setAside(why error) error {
	to, err := s.aside(s.dir)
	if err == nil {
		err = s.cfg.Files.Rename(s.dir, to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("move %s aside: %w", s.dir, err), why)
	}
	s.cfg.Logger.Error("directory of a stream has been moved aside; the stream begins anew", "stream", s.name, "directory", to, "error", why)
	return nil
}

// aside is a free name for what cannot be read. No stream has such a name.
func (s *Stream) aside(path string) (string, error) {
	base := path + ".unreadable-" + s.cfg.Wall().UTC().Format("20060102T150405Z")
	for n := 1; n <= maxAside; n++ {
		to := base
		if n > 1 {
			to += "-" + strconv.Itoa(n)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, nil
		}
	}
	return "", fmt.Errorf("%s: %w", base, fs.ErrExist)
}

// recoverLog reads the log of a stream that an earlier process left; found says that there is one. What cannot be read is moved aside if
// it is ours, and left alone otherwise.
func (s *Stream) recoverLog() (records []timeline.Record, found bool, err error) {
	names, err := s.contents()
	if err != nil {
		return nil, false, err
	}
	marked := slices.Contains(names, markName)
	switch {
	case slices.Contains(names, LogName):
		records, err = s.readLog(marked, len(names) == 2)
	case !marked:
		return nil, false, fmt.Errorf("%s: %w", s.dir, ErrForeign)
	case len(names) == 1:
		return nil, false, s.cfg.Files.Remove(s.dir) // it was just being made
	default:
		err = errors.New("it has no " + LogName)
	}
	switch {
	case err != nil && marked:
		return nil, false, s.setAside(err)
	case err != nil:
		return nil, false, fmt.Errorf("%w: %w", ErrForeign, err)
	case !marked: // of an earlier version
		err = s.mark()
	}
	return records, err == nil, err
}

// readLog reads the good part of the log and cuts the rest off, so that the next record begins a line. More than a line that is not
// whole is kept under another name. Without the mark nothing is touched that does not begin as our logs do. A fresh stream has nothing but
// its mark and its log, which may be empty then.
func (s *Stream) readLog(marked, fresh bool) ([]timeline.Record, error) {
	name := filepath.Join(s.dir, LogName)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, good, damage := timeline.ReadRecords(f)
	switch {
	case len(records) == 0 && (damage != nil || !fresh):
		return nil, errors.Join(errors.New(LogName+" has no line that can be read"), damage)
	case !marked && !timeline.BeginsLog(records):
		return nil, errors.New(LogName + " is not the service's")
	case damage == nil:
		return records, f.Truncate(good)
	}
	kept, err := s.aside(name)
	if err != nil {
		return nil, err
	}
	s.cfg.Logger.Warn("timeline.log is damaged; what follows is left out", "stream", s.name, "kept", kept, "error", damage)
	return records, errors.Join(disk.Copy(s.cfg.Files, name, kept), f.Truncate(good))
}
