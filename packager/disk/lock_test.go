package disk

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLockGoesWithItsProcess has a child lock the directory, and kills it.
func TestLockGoesWithItsProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	child := exec.Command("flock", filepath.Join(dir, lockName), "cat")
	require.NoError(t, os.MkdirAll(dir, DirMode))
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = in.Write([]byte("x"))
	require.NoError(t, err)
	_, err = out.Read(make([]byte, 1)) // it has the lock by now
	require.NoError(t, err)
	_, _, err = Lock(dir, nil)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, child.Process.Kill())
	require.NoError(t, in.Close())
	require.Error(t, child.Wait())
	var lock io.Closer
	require.Eventually(t, func() bool { // once cat, which has inherited the lock, has ended too
		var without error
		lock, without, err = Lock(dir, nil)
		require.NoError(t, without)
		return err == nil
	}, 2*time.Minute, time.Millisecond)

	_, _, err = Lock(dir, nil)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir+" is in use by another sluice (process "+strconv.Itoa(os.Getpid())+"): stop that one")
	require.NoError(t, lock.Close())
	lock, _, err = Lock(dir, nil)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, OS{}.MkdirAll(filepath.Join(dir, "a/b")))
	require.NoError(t, OS{}.Mkdir(filepath.Join(dir, "a/c")))
	require.NoError(t, Prove(filepath.Join(dir, "a/d")))
	require.NoError(t, WriteFile(OS{}, filepath.Join(dir, "a/e"), false, []byte("x")))
	for name, open := range map[string]func(string) (File, error){"a/f": OS{}.Append, "a/g": OS{}.Create} {
		f, err := open(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "a"), func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		if want := FileMode; e.IsDir() {
			require.Equal(t, DirMode, info.Mode().Perm(), path)
		} else {
			require.Equal(t, want, info.Mode().Perm(), path)
		}
		return nil
	}))
}
