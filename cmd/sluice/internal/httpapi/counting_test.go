package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// cache is what stands between viewers and the service: it asks for each address of live media once, and passes on all else.
type cache struct {
	origin http.Handler
	mu     sync.Mutex
	kept   map[string]*httptest.ResponseRecorder
}

func (c *cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client, _ := netip.ParseAddrPort(r.RemoteAddr)
	r.Header.Set("X-Forwarded-For", client.Addr().String())
	r.RemoteAddr = "198.51.100.7:80"
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/live/") {
		c.origin.ServeHTTP(w, r)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.kept[r.URL.Path]
	if answer == nil {
		answer = httptest.NewRecorder()
		c.origin.ServeHTTP(answer, r)
		c.kept[r.URL.Path] = answer
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// countingService is one with a live stream "cam" that counts its viewers.
func countingService(t testing.TB, proxies ...netip.Prefix) *testService {
	t.Helper()
	cfg := testConfig(t, config.Auth{})
	cfg.HTTP.TrustedProxies = proxies
	cutLiveStream(t, cfg, "cam", 10)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Viewers().Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return s
}

func (s *testService) audience(t *testing.T) api.Audience {
	t.Helper()
	var stream api.Stream
	require.NoError(t, json.Unmarshal(ask(s.handler, "GET", "/api/v1/streams/cam").Body.Bytes(), &stream))
	return stream.Audience
}

// from asks as a player elsewhere does.
func from(handler http.Handler, n int, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = fmt.Sprintf("192.0.2.%d:5000", n)
	r.Header.Set("User-Agent", fmt.Sprint("Browser/", n%5))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

// Behind a cache that collapses requests for playlists, those who report are counted each, whether or not the cache is known as a proxy.
func TestPlayersBehindACache(t *testing.T) {
	const players = 50
	for name, proxies := range map[string][]netip.Prefix{"known": {netip.MustParsePrefix("198.51.100.0/24")}, "unknown": nil} {
		t.Run(name, func(t *testing.T) {
			s := countingService(t, proxies...)
			c := &cache{origin: s.handler, kept: map[string]*httptest.ResponseRecorder{}}
			for n := range players {
				format, manifest := "h", "index.m3u8"
				if n%5 == 0 {
					format, manifest = "d", "manifest.mpd"
				}
				require.Equal(t, 200, from(c, n, "GET", "/live/cam/"+manifest, "").Code)
				report := fmt.Sprintf(`bl=(1200),br=(%d),bsa=(1),bsda=(0),cid="cam",e=t,ltc=%d,msd=700,sf=%s,sid="session-%d",sn=0,st=ll,sta=p,ts=1796011226924,v=2`, 1000+n, 1000+n, format, n)
				require.Equal(t, 204, from(c, n, "POST", "/collect", report).Code)
				require.Equal(t, 200, from(c, n, "GET", "/live/cam/"+manifest, "").Code)
			}
			eventually(t, func() bool { return s.audience(t).Reporting == players }, "the players are not counted")
			a := s.audience(t)
			require.InDelta(t, players, a.Viewers, 1)
			require.InDelta(t, players/5, a.DASH, 1)
			require.Equal(t, a.HLS+a.DASH, a.Viewers)
			require.Equal(t, players, a.Rebuffering.Count)
			require.InDelta(t, 1.0245, a.Latency, 0.001)
			require.InDelta(t, 1.047, a.LatencyP95, 0.001)
			require.InDelta(t, 0.7, a.StartupTime, 0)
			require.InDelta(t, 1.0245e6, a.VideoBitrate, 1)
		})
	}
}

// A query of CMCD changes nothing of what is answered, and counts who sends it; those who do not tell count by address.
func TestPlayersThatAskDirectly(t *testing.T) {
	s := countingService(t)
	for _, file := range []string{"index.m3u8", "audio.m3u8", "manifest.mpd"} {
		plain := from(s.handler, 1, "GET", "/live/cam/"+file, "")
		told := from(s.handler, 2, "GET", "/live/cam/"+file+"?CMCD="+url.QueryEscape(`br=128,cid="x",sf=h,sid="one",su`), "")
		require.Equal(t, []int{200, 200}, []int{plain.Code, told.Code}, file)
		require.NotContains(t, told.Body.String(), "CMCD")
		require.Equal(t, plain.Header().Get("Cache-Control"), told.Header().Get("Cache-Control"))
		require.Equal(t, plain.Header().Get("ETag"), told.Header().Get("ETag"), file)
	}
	eventually(t, func() bool {
		a := s.audience(t)
		return a.HLS == 2 && a.DASH == 1 && a.Reporting == 1 && a.VideoBitrate == 128_000 && s.Viewers().Counts().Reports == 3
	}, "the players are not counted")
	require.Equal(t, 204, from(s.handler, 2, "POST", "/collect", `sid="one",sta=e`).Code)
	eventually(t, func() bool { return s.audience(t).Viewers == 2 }, "who has gone is counted")
}

// eventually waits for a condition, for as long as only a defect takes.
func eventually(t *testing.T, condition func() bool, why string) {
	t.Helper()
	require.Eventually(t, condition, 2*time.Minute, 50*time.Millisecond, why)
}

// What it costs to serve a playlist, with the counting of who asks.
func BenchmarkPlaylist(b *testing.B) {
	handler := countingService(b).handler
	request := httptest.NewRequest("GET", "/live/cam/audio.m3u8", nil)
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36")
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(blank{http.Header{}}, request)
	}
}
