package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockName is a file that one process at a time holds locked.
const lockName = ".sluice-lock"

// ErrLocked says that another process uses the directory.
var ErrLocked = errors.New("is in use by another sluice")

// Lock keeps other processes from using a directory, which it makes if it is missing, until the lock is closed or this process ends,
// however it does. ErrLocked: another one has it. The second answer says why a lock cannot be had on this file system, where none can.
// held, where it is not nil, is the lock that another process has handed over, which goes on if it is that of the directory.
func Lock(dir string, held *os.File) (lock *os.File, without, err error) {
	if err := os.MkdirAll(dir, DirMode); err != nil {
		return nil, nil, fmt.Errorf("make directory: %w; choose another with data, or make it writable", err)
	}
	f, err := openLock(filepath.Join(dir, lockName), held)
	if err != nil {
		return nil, nil, fmt.Errorf("write to %s: %w; choose another directory with data, or make it writable", dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, nil, errors.Join(fmt.Errorf("%s %w%s: stop that one, or choose another directory with data", dir, ErrLocked, holder(f)), f.Close())
	case err != nil: // NFS without a lock daemon, for example
		return f, err, nil
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err = f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(pid), 0) // a full disk is no reason not to start
	}
	return f, nil, nil
}

// openLock opens the file that is locked, or goes on with it where it is open already.
func openLock(name string, held *os.File) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, FileMode)
	if err != nil || held == nil {
		return f, err
	}
	one, err := held.Stat()
	if err == nil {
		var other os.FileInfo
		if other, err = f.Stat(); err == nil && os.SameFile(one, other) {
			return held, f.Close()
		}
	}
	return f, errors.Join(err, held.Close()) // the directory has been replaced
}

// holder is what the file says of who has locked it.
func holder(f *os.File) string {
	text := make([]byte, 20)
	n, _ := f.Read(text)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}
