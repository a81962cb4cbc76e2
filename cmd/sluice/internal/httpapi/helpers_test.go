package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/packager"
)

// testService is a service without ffmpeg, with what serves it.
type testService struct {
	*service.Service
	cfg     config.Config
	handler http.Handler
}

// newTestService is one that nobody runs: it answers, and has no streams.
func newTestService(t testing.TB, auth config.Auth) *testService {
	t.Helper()
	s := serviceOf(t, testConfig(t, auth), slog.New(slog.DiscardHandler))
	s.release(t)
	return s
}

func testConfig(t testing.TB, auth config.Auth) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Auth, cfg.ICE.UDP, cfg.ICE.TCP = t.TempDir(), auth, "127.0.0.1:0", config.ICEOff
	cfg.HTTP.Hosts = []string{"example.com"} // what httptest asks for
	cfg.ICE.Servers = []config.ICEServer{{URL: "turn:turn.example.org", Username: "user", Credential: "turn-secret"}}
	return cfg
}

// serviceOf is one that the test runs or releases.
func serviceOf(t testing.TB, cfg config.Config, log *slog.Logger) *testService {
	t.Helper()
	s, err := service.New(t.Context(), cfg, service.Encoding{}, log)
	require.NoError(t, err)
	return &testService{s, cfg, New(s, cfg, "of a test", logs.New(nil))}
}

// cutStream leaves a stream behind as a service does that has been killed: nobody else holds the data directory.
func cutStream(t testing.TB, cfg config.Config, name string) *packager.Stream {
	t.Helper()
	options := cfg.Packager()
	options.Logger = slog.New(slog.DiscardHandler)
	p, err := packager.New(options)
	require.NoError(t, err)
	timeline, err := p.Open(name)
	require.NoError(t, err)
	return timeline
}

// release gives the sockets back at the end of the test.
func (s *testService) release(t testing.TB) {
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, s.Ingest().Run(ctx))
	})
}

// ask sends a request; headers come in pairs.
func ask(handler http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}
