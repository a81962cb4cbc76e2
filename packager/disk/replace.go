package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Replace puts what write produces in the place of the file name at once; with sync it is on the disk by then.
func Replace(files FS, name string, sync bool, write func(io.Writer) error) (err error) {
	f, err := files.Temporary(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			files.Remove(f.Name())
		}
	}()
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return files.Rename(f.Name(), name)
}

// WriteFile is Replace with bytes.
func WriteFile(files FS, name string, sync bool, b []byte) error {
	return Replace(files, name, sync, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// ReadBounded reads a file of at most limit bytes.
func ReadBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return b, err
}

// RemoveTemporary deletes what was being replaced in the directory when the process ended.
func RemoveTemporary(dir string) {
	names, err := fs.Glob(os.DirFS(dir), TemporaryPattern)
	if err != nil {
		return // the pattern is right
	}
	for _, name := range names {
		os.Remove(filepath.Join(dir, name))
	}
}

// Size is the sum of the sizes of a directory's files, bytes.
func Size(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// block is what every file takes at least, in bytes.
const block = 4096

// Prove makes a directory if it is missing, and proves that files can be made in it.
func Prove(dir string) error {
	if err := os.MkdirAll(dir, DirMode); err != nil {
		return fmt.Errorf("make directory: %w; choose another with data, or make it writable", err)
	}
	f, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w; choose another directory with data, or make it writable", dir, err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(make([]byte, block)); err != nil {
		f.Close()
		return fmt.Errorf("write to %s: %w", dir, err)
	}
	return f.Close()
}

// Free is the free space of the directory's disk, bytes; -1 when nobody can tell.
func Free(dir string) int64 {
	var stat syscall.Statfs_t
	if syscall.Statfs(dir, &stat) != nil {
		return -1
	}
	return int64(stat.Bavail) * stat.Bsize
}

// Full is what Fault says of a disk without space.
const Full = "the disk is full"

// Fault is an error in words without the machine's paths.
func Fault(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Full
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only"
	case errors.Is(err, fs.ErrPermission):
		return "the data directory may not be written"
	}
	return "the data directory cannot be written"
}
