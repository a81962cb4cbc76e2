package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Sockets are taken by their names, or without any in their order, and what cannot be served on is refused with what to change.
func TestSockets(t *testing.T) {
	tcp := func() *os.File {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		return file
	}
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	require.NoError(t, err)
	defer local.Close()
	unixFile, err := local.(*net.UnixListener).File()
	require.NoError(t, err)
	defer unixFile.Close()
	pipe, _, err := os.Pipe()
	require.NoError(t, err)
	defer pipe.Close()

	m := &Manager{listeners: map[string]*net.TCPListener{}}
	defer func() {
		for _, listener := range m.Listeners() {
			listener.Close()
		}
	}()
	require.NoError(t, m.takeOne(0, "https", tcp()))
	require.NoError(t, m.takeOne(2, "", tcp()))
	require.ErrorContains(t, m.takeOne(1, "unknown", tcp()), "another one for https.listen")
	require.NoError(t, m.takeOne(0, "", tcp()))
	require.ErrorContains(t, m.takeOne(0, "http", tcp()), "leave one ListenStream=")
	require.ErrorContains(t, m.takeOne(0, "sluice.socket", tcp()), "set FileDescriptorName=")
	require.ErrorContains(t, m.takeOne(3, "", tcp()), "set FileDescriptorName=")
	require.Len(t, m.Listeners(), 3)

	m.listeners["http.listen"].Close()
	delete(m.listeners, "http.listen")
	require.ErrorContains(t, m.takeOne(0, "http", unixFile), "no TCP address")
	require.ErrorContains(t, m.takeOne(0, "http", pipe), "has to be a ListenStream=")
}

// What is meant for another process, or not there, is nothing to this one.
func TestNoManager(t *testing.T) {
	other := strconv.Itoa(os.Getpid() + 1)
	for name, environ := range map[string][]string{
		"none":          nil,
		"for the shell": {"LISTEN_FDS=1", "LISTEN_PID=" + other, "WATCHDOG_USEC=1", "WATCHDOG_PID=" + other},
		"for nobody":    {"LISTEN_FDS=1", "WATCHDOG_USEC=x"},
	} {
		m, err := New(environ)
		require.NoError(t, err, name)
		require.Empty(t, m.Listeners(), name)
		m.Watch(t.Context(), func() { t.Error(name) }, nil)
		require.NoError(t, m.Ready("is here"))
	}
	_, err := New([]string{"LISTEN_FDS=1000", "LISTEN_PID=" + strconv.Itoa(os.Getpid())})
	require.ErrorContains(t, err, "1000 sockets are handed over")
}

// The manager hears each message as it is defined, and that the service lives only after it has shown that.
func TestMessages(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@sluice-test-%d", os.Getpid())} {
		socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		require.NoError(t, err)
		defer socket.Close()
		heard := func() string {
			message := make([]byte, 4096)
			n, err := socket.Read(message)
			require.NoError(t, err)
			return string(message[:n])
		}
		m, err := New([]string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=2000", "WATCHDOG_PID=" + strconv.Itoa(os.Getpid())})
		require.NoError(t, err)
		require.NoError(t, m.Ready("serves\nhere"))
		require.Equal(t, "READY=1\nSTATUS=serves here", heard())
		require.NoError(t, m.Reloading())
		require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*$`, heard())
		require.NoError(t, m.Stopping())
		require.Contains(t, heard(), "STOPPING=1")

		ctx, stop := context.WithCancel(t.Context())
		asked, answer, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			m.Watch(ctx, func() {
				asked <- struct{}{}
				<-answer
			}, func(err error) { t.Error(err) })
		}()
		<-asked
		require.NoError(t, socket.SetReadDeadline(time.Now()))
		_, err = socket.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it has not shown that it lives")
		require.NoError(t, socket.SetReadDeadline(time.Time{}))
		answer <- struct{}{}
		require.Equal(t, "WATCHDOG=1", heard())
		<-asked
		stop()
		close(answer)
		for open := true; open; { // it may ask once more
			select {
			case <-asked:
			case <-ended:
				open = false
			}
		}
	}
	gone, err := New([]string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "none")})
	require.NoError(t, err)
	require.ErrorContains(t, gone.Ready("is here"), "tell the service manager")
}

// A message that does not arrive is said, and the next is sent: a manager that hears nothing more would end a service that lives.
func TestWatchGoesOnAfterAFailure(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	m, err := New([]string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=2000"})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	failed, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		m.Watch(ctx, func() {}, func(err error) {
			select {
			case failed <- err:
			default:
			}
		})
	}()
	require.ErrorContains(t, <-failed, "tell the service manager")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	message := make([]byte, 4096)
	n, err := socket.Read(message)
	require.NoError(t, err)
	require.Equal(t, "WATCHDOG=1", string(message[:n]))
	stop()
	<-ended
}
