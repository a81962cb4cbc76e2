package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/room"
	"github.com/stretchr/testify/require"
)

// far is a server in a process of its own, whose CPU and memory are its alone.
type far struct {
	*fixture
	name       string
	whip, whep string // paths, %s being the stream
	process    int
}

// with is the server for a benchmark within the one that started it.
func (f *far) with(b *testing.B) *far {
	copied := *f
	copied.fixture = &fixture{TB: b, url: f.url, client: f.client}
	return &copied
}

// processTime is the CPU time that the server has used (proc_pid_stat(5)), in hundredths of a second.
func (f *far) processTime() time.Duration {
	f.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.process))
	require.NoError(f, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	var ticks int64
	for _, field := range fields[12:14] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(f, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what the server has of its own in memory, in MiB (proc_pid_status(5)).
func (f *far) memory() float64 {
	f.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.process))
	require.NoError(f, err)
	_, rest, found := strings.Cut(string(text), "RssAnon:")
	require.True(f, found)
	var kilobytes float64
	_, err = fmt.Sscan(rest, &kilobytes)
	require.NoError(f, err)
	return kilobytes / 1024
}

// farServer in the environment makes this program a server that newFar talks to.
const farServer = "INGEST_FAR_SERVER"

// newFar starts a server that ends with its standard input.
func newFar(b *testing.B) *far {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), farServer+"=1")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(b, err)
	output, err := command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		require.NoError(b, input.Close())
		require.NoError(b, command.Wait())
	})
	url, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(b, err)
	return &far{&fixture{TB: b, url: strings.TrimSpace(url), client: http.DefaultClient}, "sluice", "/whip/%s", "/whep/%s", command.Process.Pid}
}

// serveFar is the server's side of newFar.
func serveFar() error {
	s, err := New(Options{MaxSessionsPerAddress: 1000, MaxViewers: 1000, RequestsPerSecond: 10000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", s.WHIP())
	mux.Handle("/whip/{stream}/{session}", s.WHIP())
	mux.Handle("/whep/{stream}", s.WHEP())
	mux.Handle("/whep/{stream}/{session}", s.WHEP())
	for _, transport := range room.Transports {
		mux.Handle("/rooms/{room}/"+transport, s.Rooms().Signalling(transport, func(*http.Request) string { return "" }))
	}
	web := httptest.NewServer(mux)
	defer web.Close()
	fmt.Println(web.URL)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return s.Run(ctx)
}

// newMediaMTX starts the MediaMTX at a path, with WebRTC alone.
func newMediaMTX(b *testing.B, path string) *far {
	b.Helper()
	free := func(network string) string {
		if network == "udp" {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(b, err)
			defer conn.Close()
			return conn.LocalAddr().String()
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		defer listener.Close()
		return listener.Addr().String()
	}
	address := free("tcp")
	settings := strings.Join([]string{
		"logLevel: error", "rtsp: no", "rtmp: no", "hls: no", "srt: no", "webrtcIPsFromInterfaces: no", "webrtcAdditionalHosts: [127.0.0.1]",
		"webrtcAddress: " + address, "webrtcLocalUDPAddress: " + free("udp"), "paths: {all_others: }",
	}, "\n")
	file := filepath.Join(b.TempDir(), "mediamtx.yml")
	require.NoError(b, os.WriteFile(file, []byte(settings), 0o600))
	command := exec.Command(path, file)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	require.Eventually(b, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	return &far{&fixture{TB: b, url: "http://" + address, client: http.DefaultClient}, "mediamtx", "/%s/whip", "/%s/whep", command.Process.Pid}
}
