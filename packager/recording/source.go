package recording

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/packager/disk"
)

// maxSources bounds the numbers of one recording's sources.
const maxSources = 999

// sourceTypes are the endings of sources' names.
var sourceTypes = [...]string{"webm", "mkv", "ivf", "ogg"}

// sourceName is the name of the source of that number, from 1.
func sourceName(number int, ext string) string { return "source-" + strconv.Itoa(number) + "." + ext }

// sourceNumber is the number of a source of that name, 0 for a name that none has.
func sourceNumber(name string) int {
	stem, ext, _ := strings.Cut(name, ".")
	number, err := strconv.Atoi(strings.TrimPrefix(stem, "source-"))
	if err != nil || number < 1 || number > maxSources || !slices.Contains(sourceTypes[:], ext) || sourceName(number, ext) != name {
		return 0
	}
	return number
}

// Source is a source that is being written. Writes fail with ErrEnded once the recording has stopped, at its end or because of the disk.
type Source interface {
	io.Writer
	io.WriterAt // for what is known at the end only
	io.Closer
}

// CreateSource opens source-1.EXT, source-2.EXT and so on for the frames as received; ext is "webm", "mkv", "ivf" or "ogg".
func (r *Recording) CreateSource(ext string) (Source, error) { return r.createSource(ext, 1) }

// CreateSourceBeside opens another file under the number of the last one: what one file cannot hold.
func (r *Recording) CreateSourceBeside(ext string) (Source, error) { return r.createSource(ext, 0) }

func (r *Recording) createSource(ext string, step int) (Source, error) {
	if !slices.Contains(sourceTypes[:], ext) {
		return nil, fmt.Errorf("create source: extension %q is none of %s", ext, strings.Join(sourceTypes[:], ", "))
	}
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	stopped, number := r.stopped, step
	if n := len(r.info.Sources); n > 0 {
		number += sourceNumber(r.info.Sources[n-1])
	}
	r.mu.Unlock()
	if stopped || number > maxSources {
		return nil, fmt.Errorf("create source: recording %w", ErrEnded)
	}
	name := sourceName(number, ext)
	f, err := r.store.opts.Files.Create(filepath.Join(r.dir, name))
	if err != nil {
		return nil, fmt.Errorf("create source: %w", err)
	}
	r.mu.Lock()
	r.info.Sources = append(r.info.Sources[:len(r.info.Sources):len(r.info.Sources)], name)
	r.mu.Unlock()
	if err := r.rewrite(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.tellBegun()
	return &sourceFile{recording: r, file: f}, nil
}

// sourceFile is a source that fails its recording when the disk fails it.
type sourceFile struct {
	recording *Recording
	file      disk.File
}

func (s *sourceFile) Write(b []byte) (int, error) {
	if err := s.admit(len(b)); err != nil {
		return 0, err
	}
	n, err := s.file.Write(b)
	return n, s.check(err)
}

func (s *sourceFile) WriteAt(b []byte, at int64) (int, error) {
	if err := s.admit(0); err != nil {
		return 0, err
	}
	n, err := s.file.WriteAt(b, at)
	return n, s.check(err)
}

// admit counts bytes that the file gets.
func (s *sourceFile) admit(bytes int) error {
	r := s.recording
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Bytes += int64(bytes)
	if r.stopped {
		return fmt.Errorf("write source: recording %w", ErrEnded)
	}
	return nil
}

// check fails the recording for what the disk says of a write.
func (s *sourceFile) check(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write source: %w", err)
	s.recording.Fail(err)
	return fmt.Errorf("recording %w: %w", ErrEnded, err)
}

func (s *sourceFile) Close() error { return s.file.Close() }

// NoteHole marks the recording: frames are missing from its sources.
func (r *Recording) NoteHole() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Holes++
}

// mendSources makes whole the sources that a crash has cut.
func (r *Recording) mendSources() {
	for _, name := range r.info.Sources {
		if r.store.opts.MendSource == nil {
			return
		}
		if err := r.store.opts.MendSource(filepath.Join(r.dir, name)); err != nil {
			r.store.opts.Logger.Warn("source has been cut and stays so", "recording", r.dir, "source", name, "error", err)
		}
	}
}
