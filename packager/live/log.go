package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// logFile appends to a timeline.log. Its records are appended with the stream's order held; the rest may run beside that.
type logFile struct {
	name       string
	files      disk.FS
	file       atomic.Pointer[disk.File]
	lines      atomic.Int64
	dirty      atomic.Bool // written, not yet synced
	incomplete atomic.Bool // a record is missing, and may have left half a line

	buffer []byte // of the lines of one append
	tail   []byte // lines that were appended while the log is being compacted; nil while it is not
}

func openLog(files disk.FS, name string) (*logFile, error) {
	f, err := files.Append(name)
	if err != nil {
		return nil, fmt.Errorf("open timeline.log: %w", err)
	}
	l := &logFile{name: name, files: files}
	l.file.Store(&f)
	return l, nil
}

// append writes records at once, by one write. They are in the page cache then, so they survive the end of the process; sync makes
// them survive more.
func (l *logFile) append(records []timeline.Record) (err error) {
	l.buffer = l.buffer[:0]
	for i := range records {
		if l.buffer, err = timeline.AppendRecord(l.buffer, &records[i]); err != nil {
			return err
		}
	}
	if l.tail != nil {
		l.tail = append(l.tail, l.buffer...)
	}
	l.lines.Add(int64(len(records)))
	l.dirty.Store(true)
	if _, err = (*l.file.Load()).Write(l.buffer); err != nil {
		l.incomplete.Store(true)
	}
	return err
}

// sync makes the records so far durable. The disk may be slow: no lock may be held.
func (l *logFile) sync() error {
	if l == nil || !l.dirty.Swap(false) {
		return nil
	}
	return (*l.file.Load()).Sync()
}

// lost reports whether the file has been deleted, or replaced by somebody else.
func (l *logFile) lost() bool {
	there, err := os.Stat(l.name)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	own, err := (*l.file.Load()).Stat()
	return err == nil && !os.SameFile(own, there)
}

func (l *logFile) close() error { return errors.Join(l.sync(), (*l.file.Load()).Close()) }
