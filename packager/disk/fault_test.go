package disk

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFault(t *testing.T) {
	for err, told := range map[error]string{
		syscall.ENOSPC: "the disk is full", syscall.EDQUOT: "the disk is full", syscall.EROFS: "the disk is read-only",
		syscall.EACCES: "the data directory may not be written", syscall.EIO: "the data directory cannot be written",
	} {
		require.Equal(t, told, Fault(&fs.PathError{Op: "open", Path: "/data", Err: err}))
	}
}
