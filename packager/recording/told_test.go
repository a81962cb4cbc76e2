package recording

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What everybody may read names files, and not where they lie.
func TestTold(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "open", Path: "/var/lib/sluice/recordings/cam/20261120T194500Z/index.m3u8", Err: syscall.ENOSPC}, "open index.m3u8: no space left on device"},
		{&os.PathError{Op: "open", Path: "data/recordings/cam/20261120T194500Z/source-1.webm", Err: syscall.EIO}, "open source-1.webm: input/output error"},
		{&os.PathError{Op: "open", Path: "/my data/recordings/cam/x/source-1.webm", Err: syscall.EROFS}, "open source-1.webm: read-only file system"},
		{&os.LinkError{Op: "link", Old: "./data/live/cam/E/720p-1.m4s", New: "data/recordings/cam/x/720p-1.m4s", Err: syscall.EDQUOT}, "link 720p-1.m4s 720p-1.m4s: disk quota exceeded"},
		{errors.New(`ffmpeg: exit status 1: "/srv/a/b/video.mp4": Invalid argument`), `ffmpeg: exit status 1: "video.mp4": Invalid argument`},
		{errors.New("statfs /: permission denied"), "statfs : permission denied"},
		{errors.New("holes: 3 of 40"), "holes: 3 of 40"},
	} {
		require.Equal(t, tc.want, told(tc.err, "/my data/recordings"))
	}
}
