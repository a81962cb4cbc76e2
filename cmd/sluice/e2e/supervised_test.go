package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The service takes the socket of a service manager in place of its own, tells it when it is ready, lives, reloads, goes on in another process and
// stops, and answers who had connected before it was started.
func TestServiceManager(t *testing.T) {
	alongside(t, light)
	notify := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	require.NoError(t, err)
	defer told.Close()
	heard := func(want string) {
		t.Helper()
		for message := make([]byte, 4096); ; {
			n, err := told.Read(message)
			require.NoError(t, err)
			if strings.HasPrefix(string(message[:n]), want) {
				return
			}
			require.Equal(t, "WATCHDOG=1", string(message[:n]), "waiting for %s", want)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inherited, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	address := listener.Addr().String()
	early, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer early.Close()
	_, err = io.WriteString(early, "GET /healthz HTTP/1.0\r\nHost: "+address+"\r\n\r\n")
	require.NoError(t, err)

	data := t.TempDir()
	cmd := exec.Command("sh", "-c", byManager, program, "serve", "--http-listen", "192.0.2.1:1", "--ice-udp", "127.0.0.1:0", "--ladder", smallRung, "--data", data)
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify, "WATCHDOG_USEC=400000")
	s := startCommand(t, cmd, data)
	require.NoError(t, inherited.Close())
	require.NoError(t, listener.Close())
	require.Equal(t, "http://"+address, s.base)
	heard("READY=1\nSTATUS=serves http://" + address)
	answer, err := io.ReadAll(early)
	require.NoError(t, err)
	require.Contains(t, string(answer), "200 OK")
	status, _, _ := s.get("/readyz")
	require.Equal(t, http.StatusOK, status)
	heard("WATCHDOG=1")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	heard("RELOADING=1\nMONOTONIC_USEC=")
	heard("READY=1\nSTATUS=serves")
	t.Cleanup(s.stopHolder)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR2))
	heard("MAINPID=")
	heard("READY=1\nSTATUS=serves http://" + address)
	next := s.holder()
	require.NotEqual(t, s.cmd.Process.Pid, next)
	heard("WATCHDOG=1")
	require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
	heard("STOPPING=1")
	require.NoError(t, <-s.exited)
}
