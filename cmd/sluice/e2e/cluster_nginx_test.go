package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deafListener is an address that answers no attempt to connect, as that of a machine that has lost power.
func deafListener(t *testing.T) (address string) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	address = freeAddress(t)
	at, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}))
	require.NoError(t, syscall.Listen(socket, 0))
	eventually(t, func() bool { // until no more fit
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return err != nil
	})
	return address
}

// nginx goes on to another node soon where one does not answer at all.
func TestNginxPassesOverNodes(t *testing.T) {
	alongside(t, light)
	there := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer there.Close()
	directory, address := cacheDirectory(t), freeAddress(t)
	me, err := user.Current()
	require.NoError(t, err)
	base := startCache(t, address, "nginx", "-p", directory, "-c", fill(t, "nginx-cluster.conf", directory, map[string]string{
		"user www-data;": "user " + me.Username + ";", "listen 80;": "listen " + address + ";", "/run/nginx.pid": directory + "/nginx.pid", "/var/log/nginx": directory,
		"10.0.0.1:8080": deafListener(t), "10.0.0.2:8080": deafListener(t), "10.0.0.3:8080": strings.TrimPrefix(there.URL, "http://"),
	}), "-g", "daemon off;")
	client := &http.Client{Timeout: patience / 2} // nginx itself waits for a minute at each
	for _, stream := range []string{"a", "b", "c", "d", "e", "f"} {
		answer, err := client.Get(base + "/live/" + stream + "/index.m3u8")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
}
