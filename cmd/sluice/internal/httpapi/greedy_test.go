package httpapi

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
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

// serveSecure serves over HTTPS, and returns where.
func (s *testService) serveSecure(t *testing.T, connections, share int) (base string) {
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
	return servers.URLs()[1]
}

// clientFrom speaks HTTP/2 from an address of the loopback network, over a connection of its own.
func clientFrom(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// One client takes all that it can over many connections of HTTP/2: others get playlists and events all the same, and when it has gone
// nothing of it stays.
func TestGreedyClient(t *testing.T) {
	const (
		connections, share, requests, requestShare = 40, 10, 60, 6
		events, playlists, waiting                 = "/api/v1/streams/cut/events", "/live/cut/index.m3u8", "/live/cut/240p.m3u8?_HLS_msn=1"
	)
	cfg := testConfig(t, config.Auth{})
	cfg.Limits.Requests, cfg.Limits.RequestsPerAddress = requests, requestShare
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	stream, err := s.Packager().Open("cut")
	require.NoError(t, err)
	base := s.serveSecure(t, connections, share)
	other := clientFrom(t, "127.0.0.1")
	ask := func(ctx context.Context, client *http.Client, path string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
		require.NoError(t, err)
		return client.Do(request)
	}
	watch := func() {
		t.Helper()
		for path, want := range map[string]int{events: 200, "/live/none/index.m3u8": 404, "/live/none/240p.m3u8?_HLS_msn=1": 404} {
			ctx, done := context.WithCancel(t.Context())
			answer, err := ask(ctx, other, path)
			require.NoError(t, err)
			require.Equal(t, 2, answer.ProtoMajor)
			require.Equal(t, want, answer.StatusCode, path)
			done()
			_ = answer.Body.Close()
		}
	}
	watch()
	before := footprint.Take(t)

	ctx, cancel := context.WithCancel(t.Context())
	var (
		greedy []*http.Client
		attack sync.WaitGroup
		mu     sync.Mutex
		got    = map[string][]int{}
	)
	for n := range 2 * share {
		client := clientFrom(t, "127.0.0.2")
		answer, err := ask(ctx, client, "/time")
		require.Equal(t, n < share, err == nil, "it has %d connections", n)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		greedy = append(greedy, client)
		for _, path := range []string{events, playlists, waiting} {
			for range 5 {
				attack.Go(func() {
					answer, err := ask(ctx, client, path)
					if err != nil {
						return // the attack is over
					}
					mu.Lock()
					got[path] = append(got[path], answer.StatusCode)
					mu.Unlock()
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				})
			}
		}
	}
	refused := func(path string, status int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(got[path], status)
		}
	}
	require.Eventually(t, refused(events, http.StatusTooManyRequests), 2*time.Minute, time.Millisecond)
	require.Eventually(t, refused(playlists, http.StatusServiceUnavailable), 2*time.Minute, time.Millisecond)
	watch()
	mu.Lock()
	require.LessOrEqual(t, len(slices.DeleteFunc(slices.Clone(got[events]), func(status int) bool { return status != 200 })), requestShare)
	mu.Unlock()
	cancel()
	attack.Wait()
	for _, client := range greedy {
		client.CloseIdleConnections()
	}
	watch()
	before.RequireBack(t, 0)
	require.NoError(t, stream.End())
}
