package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
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
	s, err := service.New(t.Context(), cfg, service.Encoding{}, nil, service.Own{}, log)
	require.NoError(t, err)
	return &testService{s, cfg, asDescribed(t, New(s, cfg, "of a test", logs.New(nil)))}
}

// cutStream leaves a stream behind as a service does that has been killed: nobody else holds the data directory.
func cutStream(t testing.TB, cfg config.Config, name string) *packager.Stream {
	t.Helper()
	options := cfg.Packager()
	options.Logger = slog.New(slog.DiscardHandler)
	p, err := packager.New(options)
	require.NoError(t, err)
	stream, err := p.Open(name)
	require.NoError(t, err)
	return stream
}

// cutLiveStream does so with a stream that has sound: so many segments of 2 s, each in parts of 0.2 s.
func cutLiveStream(t testing.TB, cfg config.Config, name string, segments uint32) {
	t.Helper()
	const timescale, frame, frames = 48000, 1024, 94
	epoch, err := cutStream(t, cfg, name).BeginEpoch(timeline.EpochOptions{Renditions: []timeline.Rendition{{ID: "audio", Rep: "0", Bitrate: 128_000}}})
	require.NoError(t, err)
	write := func(file string, content interface{ Encode(io.Writer) error }) {
		var bytes bytes.Buffer
		require.NoError(t, content.Encode(&bytes))
		require.NoError(t, os.WriteFile(filepath.Join(epoch.Dir(), file), bytes.Bytes(), 0o600))
	}
	init := mp4.CreateEmptyInit()
	require.NoError(t, init.AddEmptyTrack(timescale, "audio", "und").SetAACDescriptor(aac.AAClc, timescale))
	write("init-0.mp4", init)
	for n := range segments {
		segment := mp4.NewMediaSegment()
		for i := range uint32(frames) {
			if i%10 == 0 {
				fragment, err := mp4.CreateFragment(10*n+i/10+1, 1)
				require.NoError(t, err)
				segment.AddFragment(fragment)
			}
			sample := mp4.Sample{Flags: mp4.SyncSampleFlags, Dur: frame, Size: 8}
			segment.LastFragment().AddFullSample(mp4.FullSample{Sample: sample, DecodeTime: uint64(n*frames+i) * frame, Data: make([]byte, 8)})
		}
		write(fmt.Sprintf("seg-0-%05d.m4s", n+1), segment)
	}
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
