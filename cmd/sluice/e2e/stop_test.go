package e2e

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who watches while the service is stopped gets the ending of the stream, and its last segments.
func TestViewersSeeTheEnd(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung)
	p := newPublisher(t, s, "ending")
	p.send()
	s.waitState("ending", "live")
	playlists := []string{"/live/ending/240p.m3u8", "/live/ending/audio.m3u8", "/live/ending/manifest.mpd"}
	for _, path := range playlists {
		require.False(t, hasEnding(t, s, path), path)
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	for _, path := range playlists {
		eventually(t, func() bool { return hasEnding(t, s, path) }, path)
	}
	status, _, playlist := s.get(playlists[0])
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(playlist), "#EXT-X-ENDLIST\n")
	segments := segmentURI.FindAllString(string(playlist), -1)
	require.NotEmpty(t, segments)
	last := segments[len(segments)-1]
	status, _, _ = s.get("/live/ending/" + last)
	require.Equal(t, http.StatusOK, status, last)
	status, _, _ = s.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	p.vanish()
	require.NoError(t, <-s.exited, "the service must exit with 0")
}

// A second signal does not wait for the viewers, nor for ffmpeg, which ends with the service.
func TestSecondSignal(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung)
	p := newPublisher(t, s, "cut")
	p.send()
	s.waitState("cut", "live")
	ffmpegs := children(s.cmd.Process.Pid)
	require.NotEmpty(t, ffmpegs)
	for _, pid := range ffmpegs {
		if err := syscall.Kill(pid, syscall.SIGSTOP); !errors.Is(err, syscall.ESRCH) { // so that stopping takes long; that of a thumbnail may have ended
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM)) // SIGINT is ignored in what a shell starts in the background
	eventually(t, func() bool { return strings.Contains(s.output.String(), "stopping") })
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.exited
	require.Equal(t, syscall.SIGTERM, s.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
	for _, pid := range ffmpegs {
		eventually(t, func() bool { return gone(pid) })
	}
	p.vanish()
}

func hasEnding(t *testing.T, s *service, path string) bool {
	response, err := http.Get(s.base + path)
	if err != nil {
		t.Errorf("the service is gone before it has said that the stream has ended: %v", err)
		return true
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return strings.Contains(string(body), "#EXT-X-ENDLIST") || strings.Contains(string(body), `type="static"`)
}
