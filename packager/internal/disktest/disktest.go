// Package disktest has what fuzz targets of directories need. Only tests import it.
package disktest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
)

// maxFiles bounds what one input makes.
const maxFiles = 8

// PutFiles makes files of those names, one a line, below a directory as far as they are local, and returns them.
func PutFiles(t *testing.T, dir, names string, content []byte) (made []string) {
	t.Helper()
	for name := range strings.SplitSeq(names, "\n") {
		if len(made) == maxFiles || !filepath.IsLocal(name) || name == "." {
			continue
		}
		path := filepath.Join(dir, name)
		if os.MkdirAll(filepath.Dir(path), 0o750) == nil && os.WriteFile(path, content, 0o600) == nil {
			made = append(made, name)
		}
	}
	return made
}

// ShortLived is a directory in memory, where there is one: an input takes less than a millisecond there.
func ShortLived(f *testing.F) string {
	f.Helper()
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	root, err := os.MkdirTemp(base, "fuzz-*")
	require.NoError(f, err)
	f.Cleanup(func() { os.RemoveAll(root) })
	return root
}

// NoSync is a disk that nobody waits for.
type NoSync struct{ disk.OS }

// Sync implements disk.FS.
func (NoSync) Sync(string) error { return nil }
