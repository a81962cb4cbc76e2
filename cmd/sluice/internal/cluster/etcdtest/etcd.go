// Package etcdtest runs an etcd for tests, by the program of that name. It starts no goroutine.
package etcdtest

import (
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = time.Minute

// Etcd is one that runs until the end of the test.
type Etcd struct {
	t            testing.TB
	URL          string
	client, peer string // host:port
	data         string
	cmd          *exec.Cmd // nil while it is stopped
}

// Start runs one.
func Start(t testing.TB) *Etcd {
	t.Helper()
	_, err := exec.LookPath("etcd")
	require.NoError(t, err, "install etcd: apt-get install etcd-server")
	client, peer := free(t), free(t)
	e := &Etcd{t: t, URL: "http://" + client, client: client, peer: peer, data: t.TempDir()}
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

func free(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
