// Package etcdtest runs etcd for tests, by the program of that name. It starts no goroutine.
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
	name         string
	cluster      string // names and addresses of all members
	data         string
	tls          *Authority
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
	e := newMember(t, "default", client, peer)
	e.cluster = "default=http://" + peer
	e.Start()
	return e
}

// StartWithTLS runs one that takes requests over TLS alone, from those who have a certificate of the authority.
func StartWithTLS(t testing.TB, authority *Authority) *Etcd {
	t.Helper()
	e := newMember(t, "default", free(t), free(t))
	e.URL, e.tls, e.cluster = "https://"+e.client, authority, "default=http://"+e.peer
	e.Start()
	return e
}

func newMember(t testing.TB, name, client, peer string) *Etcd {
	t.Helper()
	_, err := exec.LookPath("etcd")
	require.NoError(t, err, "install etcd: apt-get install etcd-server")
	e := &Etcd{t: t, URL: "http://" + client, client: client, peer: peer, name: name, data: directory(t)}
	t.Cleanup(e.Stop)
	return e
}

// Start has it run again, with what it has kept, and returns when it answers.
func (e *Etcd) Start() {
	e.t.Helper()
	e.Launch()
	e.Await()
}

// Launch has it run again, with what it has kept.
func (e *Etcd) Launch() {
	e.t.Helper()
	peer := "http://" + e.peer
	args := []string{
		"--name", e.name, "--data-dir", e.data, "--listen-client-urls", e.URL, "--advertise-client-urls", e.URL, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", e.cluster, "--logger", "zap", "--log-level", "error",
	}
	if e.tls != nil {
		args = append(args, "--client-cert-auth", "--trusted-ca-file", e.tls.CA, "--cert-file", e.tls.Cert, "--key-file", e.tls.Key)
	}
	e.cmd = exec.Command("etcd", args...)
	require.NoError(e.t, e.cmd.Start())
}

// Await returns when it answers, which it does once it has a leader.
func (e *Etcd) Await() {
	e.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	if e.tls != nil {
		client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: e.tls.Client(e.t)}
	}
	require.Eventually(e.t, func() bool {
		answer, err := client.Get(e.URL + "/health")
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

// Running reports whether it has been started and not stopped.
func (e *Etcd) Running() bool { return e.cmd != nil }

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
