package packager

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
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

// link gives from a second name. A name that is there already is what an interrupted run left of the same file.
func link(from, to string) error {
	if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("publish segment: %w", err)
	}
	return nil
}

// linkOrCopy links, or copies where the two names are on different file systems.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeAtomic(to, false, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// writeAtomic replaces the file name at once by what write produces; with sync it is on the disk when this returns.
func writeAtomic(name string, sync bool, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = errors.Join(f.Chmod(0o644), write(f))
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func writeFile(name string, sync bool, b []byte) error {
	return writeAtomic(name, sync, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// diskBlock is what every file takes at least, in bytes.
const diskBlock = 4096

// makeDir makes a directory and proves that files can be made in it.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w; choose another with data, or make it writable", err)
	}
	f, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w; choose another directory with data, or make it writable", dir, err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(make([]byte, diskBlock)); err != nil {
		f.Close()
		return fmt.Errorf("write to %s: %w", dir, err)
	}
	return f.Close()
}

// syncFile makes a file durable, or the renames in a directory.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
