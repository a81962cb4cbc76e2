package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// File is a file that is being written.
type File interface {
	io.Writer
	io.WriterAt
	// Name is the path under which the file was opened.
	Name() string
	// Stat describes the file, whatever its name is by now.
	Stat() (fs.FileInfo, error)
	// Sync makes durable what was written.
	Sync() error
	// Close closes the file.
	Close() error
}

// FS are the operations on the file system that may take long.
type FS interface {
	// Append opens a file to be appended to, and makes it if it is missing.
	Append(name string) (File, error)
	// Create makes a file that must not exist.
	Create(name string) (File, error)
	// Temporary makes a file in dir that RemoveTemporary finds again.
	Temporary(dir string) (File, error)
	// Rename puts a file in the place of another.
	Rename(from, to string) error
	// Link gives a file a second name.
	Link(from, to string) error
	// MkdirAll makes a directory with its parents.
	MkdirAll(dir string) error
	// Mkdir makes a directory that must not exist.
	Mkdir(dir string) error
	// Remove deletes a file, or a directory with all that is in it. What is not there is no error.
	Remove(path string) error
	// Sync makes a file durable, or the names in a directory.
	Sync(name string) error
}

// Modes of what is made here: recordings are nobody's business but the service's and its group's.
const (
	FileMode fs.FileMode = 0o640
	DirMode  fs.FileMode = 0o750
)

// TemporaryPattern is what the names of Temporary's files match.
const TemporaryPattern = ".tmp-*"

// OS is the operating system's file system.
type OS struct{}

// Append opens a file to be appended to.
func (OS) Append(name string) (File, error) {
	return file(os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, FileMode))
}

// Create makes a file that must not exist.
func (OS) Create(name string) (File, error) {
	return file(os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, FileMode))
}

// Temporary makes a file that its group may read.
func (OS) Temporary(dir string) (File, error) {
	f, err := os.CreateTemp(dir, TemporaryPattern)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(FileMode); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// file keeps a nil *os.File from becoming a File.
func file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Rename puts a file in the place of another.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Link gives a file a second name.
func (OS) Link(from, to string) error { return os.Link(from, to) }

// MkdirAll makes a directory with its parents.
func (OS) MkdirAll(dir string) error { return os.MkdirAll(dir, DirMode) }

// Mkdir makes a directory that must not exist.
func (OS) Mkdir(dir string) error { return os.Mkdir(dir, DirMode) }

// Remove deletes a file or a directory.
func (OS) Remove(path string) error { return os.RemoveAll(path) }

// Sync makes a file durable, or the names in a directory.
func (OS) Sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// LinkOrCopy links, or copies where the two names are on different file systems.
func LinkOrCopy(files FS, from, to string) error {
	err := files.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	return Copy(files, from, to)
}

// Copy makes another file of the same bytes, in the place of what is there.
func Copy(files FS, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return Replace(files, to, false, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}
