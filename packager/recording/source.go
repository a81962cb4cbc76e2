package recording

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/sluice-live/sluice/packager/disk"
)

// maxSources bounds the sources of one recording.
const maxSources = 999

// sourceName is the name of the source of that number, from 1.
func sourceName(number int, ext string) string { return "source-" + strconv.Itoa(number) + "." + ext }

// CreateSource opens source-1.EXT, source-2.EXT and so on for the frames as received; ext is "webm" or "mkv". Writes fail
// with ErrEnded once the recording has stopped, at its end or because of the disk.
func (r *Recording) CreateSource(ext string) (io.WriteCloser, error) {
	if ext != "webm" && ext != "mkv" {
		return nil, fmt.Errorf("create source: extension %q is not webm or mkv", ext)
	}
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	stopped, number := r.stopped, len(r.info.Sources)+1
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
	return &sourceFile{recording: r, file: f}, nil
}

// sourceFile is a source that fails its recording when the disk fails it.
type sourceFile struct {
	recording *Recording
	file      disk.File
}

func (s *sourceFile) Write(b []byte) (int, error) {
	r := s.recording
	r.mu.Lock()
	stopped := r.stopped
	r.info.Bytes += int64(len(b))
	r.mu.Unlock()
	if stopped {
		return 0, fmt.Errorf("write source: recording %w", ErrEnded)
	}
	n, err := s.file.Write(b)
	if err != nil {
		err = fmt.Errorf("write source: %w", err)
		r.Fail(err)
		return n, fmt.Errorf("recording %w: %w", ErrEnded, err)
	}
	return n, nil
}

func (s *sourceFile) Close() error { return s.file.Close() }

// NoteHole marks the recording: frames are missing from its sources.
func (r *Recording) NoteHole() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Holes++
}
