package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/web"
	"github.com/sluice-live/sluice/ingest/footprint"
	"github.com/sluice-live/sluice/ingest/quota"
)

// serve serves over HTTP and HTTPS, and returns where.
func (s *testService) serve(t *testing.T, connections, share int) (plain, secure string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	servers, err := web.Listen(s.handler, web.Options{
		HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Certificate: certificate.Source{Directory: t.TempDir()}, Logger: log,
		Connections: quota.NewConnections(connections, share, nil, log),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- servers.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	return servers.URLs()[0], servers.URLs()[1]
}

// clientFrom comes from an address of the loopback network, over connections of its own: one of HTTP/2 where it may speak that.
func clientFrom(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// attack is what one client asks for all that it can get at once, and what becomes of that.
type attack struct {
	base  string
	paths []string // each is asked for until it is refused
	under sync.WaitGroup

	mu  sync.Mutex
	got map[string][]string // statuses by path, or noRoom
}

const (
	noRoom  = "no room" // the request is refused for want of places; what is waited for in vain has the same status
	granted = "granted" // the answer has begun
)

// outcome reads what a request is answered.
func outcome(answer *http.Response) string {
	defer answer.Body.Close()
	if answer.StatusCode < 400 {
		_, _ = io.Copy(io.Discard, answer.Body)
		return strconv.Itoa(answer.StatusCode)
	}
	text, _ := io.ReadAll(answer.Body) // of a connection that breaks there is nothing to say
	if bytes.Contains(text, []byte("limits.requests")) {
		return noRoom
	}
	return strconv.Itoa(answer.StatusCode)
}

// begin asks over a connection of the client, or several, so often at once, and keeps what it gets until ctx ends.
func (a *attack) begin(ctx context.Context, client *http.Client, atOnce int) {
	for range atOnce {
		a.under.Go(func() {
			for _, path := range a.paths {
				answer, err := askFor(ctx, client, a.base+path)
				if err != nil {
					return // the attack is over, or it may have no more connections
				}
				if answer.StatusCode == http.StatusOK {
					a.note(path, granted)
				}
				a.note(path, outcome(answer))
			}
		})
	}
}

func (a *attack) note(path, what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[path] = append(a.got[path], what)
}

// count is how often that has become of a path so far.
func (a *attack) count(path, what string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, got := range a.got[path] {
		if got == what {
			n++
		}
	}
	return n
}

func askFor(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// One client takes all that it can of a live stream, events and playlists that are waited for: others get those, media and manifests all the
// same, and when it has gone nothing of it stays.
func TestGreedyClient(t *testing.T) {
	for name, test := range map[string]struct{ protocol, clients, atOnce int }{
		"HTTP/1.1": {1, 30, 1}, // each has a connection
		"HTTP/2":   {2, 10, 15},
	} {
		t.Run(name, func(t *testing.T) { testGreedyClient(t, test.protocol, test.clients, test.atOnce) })
	}
}

func testGreedyClient(t *testing.T, protocol, clients, atOnce int) {
	const (
		connections, share, requests, requestShare = 80, 20, 60, 6
		events, next                               = "/api/v1/streams/cut/events", "/live/cut/audio.m3u8?_HLS_msn=4&_HLS_part=0"
	)
	cfg := testConfig(t, config.Auth{})
	cfg.Limits.Requests, cfg.Limits.RequestsPerAddress = requests, requestShare
	cutLiveStream(t, cfg, "cut", 3)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	base, secure := s.serve(t, connections, share)
	if protocol == 2 {
		base = secure
	}
	other := clientFrom(t, "127.0.0.1")
	media := regexp.MustCompile(`(?m)^\S+\.m4s$`)
	watch := func() {
		t.Helper()
		ctx, done := context.WithCancel(t.Context())
		defer done()
		get := func(path string) string {
			answer, err := askFor(ctx, other, base+path)
			require.NoError(t, err)
			defer answer.Body.Close()
			require.Equal(t, protocol, answer.ProtoMajor)
			require.Equal(t, http.StatusOK, answer.StatusCode, path)
			if path == events {
				return ""
			}
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			return string(body)
		}
		get(events)
		get("/live/cut/manifest.mpd")
		require.Contains(t, get("/live/cut/index.m3u8"), "audio.m3u8")
		get("/live/cut/" + media.FindString(get("/live/cut/audio.m3u8?_HLS_msn=3")))
	}
	watch()
	before := footprint.Take(t)

	ctx, cancel := context.WithCancel(t.Context())
	a := &attack{base: base, paths: []string{events, next}, got: map[string][]string{}}
	var greedy []*http.Client
	for range clients {
		client := clientFrom(t, "127.0.0.2")
		greedy = append(greedy, client)
		a.begin(ctx, client, atOnce)
	}
	for _, path := range a.paths {
		require.Eventually(t, func() bool { return a.count(path, noRoom) > 0 }, 2*time.Minute, time.Millisecond)
	}
	waited := make(chan string, 1)
	go func() {
		for {
			answer, err := askFor(t.Context(), other, base+next)
			if err != nil {
				waited <- err.Error()
				return
			}
			if got := outcome(answer); got != "503" { // as soon as the next part is overdue
				waited <- got
				return
			}
		}
	}()
	watch()
	require.LessOrEqual(t, a.count(events, granted), requestShare)
	require.NoError(t, s.Packager().Stream("cut").End()) // which is what both wait for
	require.Equal(t, "200", <-waited)
	cancel()
	a.under.Wait()
	for _, client := range append(greedy, other) {
		client.CloseIdleConnections()
	}
	before.RequireBack(t, 0)
}
