package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the service and its children make is for its group and nobody else, whatever modes they ask for.
func TestKeepToGroup(t *testing.T) {
	before := syscall.Umask(0o022)
	defer syscall.Umask(before)
	for _, own := range []int{0o022, 0o077} {
		syscall.Umask(own)
		keepToGroup()
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "ours"), 0o777))
		require.NoError(t, exec.Command("touch", filepath.Join(dir, "childs")).Run())
		for name, want := range map[string]os.FileMode{"ours": 0o750, "childs": 0o640} {
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, want&^os.FileMode(own), info.Mode().Perm(), "what was stricter before stays so")
		}
	}
}
