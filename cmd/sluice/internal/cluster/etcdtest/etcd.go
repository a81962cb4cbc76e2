// Package etcdtest runs an etcd for tests, by the program of that name. It starts no goroutine.
package etcdtest

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	patience  = time.Minute
	leastRoom = 512 << 20 // bytes; a log begins with 64 MiB
)

// Etcd is one that runs until the end of the test.
type Etcd struct {
	t            testing.TB
	URL          string
	client, peer string // host:port
	data         string
	cmd          *exec.Cmd // nil while it is stopped
}

// Start runs one at addresses that are free.
func Start(t testing.TB) *Etcd {
	t.Helper()
	return StartAt(t, free(t), free(t))
}

// StartAt runs one that serves clients and peers at these addresses, host:port.
func StartAt(t testing.TB, client, peer string) *Etcd {
	t.Helper()
	_, err := exec.LookPath("etcd")
	require.NoError(t, err, "install etcd: apt-get install etcd-server")
	e := &Etcd{t: t, URL: "http://" + client, client: client, peer: peer, data: directory(t)}
	t.Cleanup(e.Stop)
	e.Start()
	return e
}

// Start has it run again, with what it has kept.
func (e *Etcd) Start() {
	e.t.Helper()
	peer := "http://" + e.peer
	e.cmd = exec.Command("etcd", "--data-dir", e.data, "--listen-client-urls", e.URL, "--advertise-client-urls", e.URL, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--logger", "zap", "--log-level", "error")
	require.NoError(e.t, e.cmd.Start())
	require.Eventually(e.t, func() bool {
		answer, err := http.Get(e.URL + "/health")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond, "etcd does not answer")
}

// Stop ends it.
func (e *Etcd) Stop() {
	if e.cmd == nil {
		return
	}
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
	e.cmd = nil
}

// inMemory is where Linux has a file system in memory.
const inMemory = "/dev/shm"

// directory is in memory, where there is room: etcd has each change on the disk before it answers, and other tests may keep that busy for longer
// than a lease lasts.
func directory(t testing.TB) string {
	t.Helper()
	var room unix.Statfs_t
	if unix.Statfs(inMemory, &room) != nil || room.Bavail*uint64(room.Bsize) < leastRoom {
		return t.TempDir()
	}
	directory, err := os.MkdirTemp(inMemory, "etcd-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(directory)) })
	return directory
}

func free(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
