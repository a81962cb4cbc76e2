package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is an origin that does what its paths say and remembers what it was asked.
type script struct {
	mu     sync.Mutex
	asked  []string // URLs
	finish chan struct{}
}

func startScript(t *testing.T) (address string, s *script) {
	t.Helper()
	s = &script{finish: make(chan struct{})}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	n := len(s.asked)
	s.mu.Unlock()
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Vary", "Accept-Encoding")
	switch path.Base(r.URL.Path) {
	case "missing-1.m4s":
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
	case "growing-1.m4s":
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Accel-Buffering", "no")
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		<-s.finish
		_, _ = io.WriteString(w, "last")
	case "slow.m3u8":
		lapse(300 * time.Millisecond)
		fallthrough
	case "index.m3u8": // of who shows a token it is for nobody else
		if r.URL.Query().Has("token") {
			w.Header().Set("Cache-Control", "private, max-age=1")
			break
		}
		fallthrough
	default:
		w.Header().Set("Cache-Control", "public, max-age=0, s-maxage=60") // what a shared cache may keep, and a browser may not
		_, _ = fmt.Fprintf(w, "answer %d", n)
	}
}

// patient is a client that gives up in time.
func patient() *http.Client { return &http.Client{Timeout: patience} }

// take forgets what was asked and returns it.
func (s *script) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// forEachCache runs a test behind nginx and behind Varnish.
func forEachCache(t *testing.T, test func(t *testing.T, name, base string, s *script)) {
	for name, start := range map[string]func(*testing.T, string) string{
		"nginx":   func(t *testing.T, origin string) string { base, _ := startNginx(t, origin, nil); return base },
		"varnish": startVarnish,
	} {
		t.Run(name, func(t *testing.T) {
			origin, s := startScript(t)
			test(t, name, start(t, origin)+"/live/cam/", s)
		})
	}
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := patient().Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, []string{"*"}, response.Header.Values("Access-Control-Allow-Origin"))
	return response.StatusCode, string(text)
}

// A delivery directive makes another resource (rfc8216bis §6.2.5), nothing else in a query does.
func TestCacheKey(t *testing.T) {
	alongside(t, light)
	forEachCache(t, func(t *testing.T, _, base string, s *script) {
		for _, tt := range []struct{ query, passed string }{ // passed: what the origin is asked; empty: nothing, the answer is there
			{"?token=one", "?token=one"},
			{"", ""},
			{"?token=two", ""},
			{"?x=1&token=two", ""},
			{"?%5FHLS_msn=7", ""},
			{"?CMCD=bl%3D2000%2Csid%3D%22one%22", ""},
			{"?_HLS_msn=", ""},
			{"?_HLS_msn=7", "?_HLS_msn=7&"},
			{"?_HLS_msn=7&_HLS_part=1&token=two", "?_HLS_msn=7&_HLS_part=1&token=two"},
			{"?_HLS_part=1&token=one&_HLS_msn=7", ""},
			{"?_HLS_msn=7&_HLS_part=2", "?_HLS_msn=7&_HLS_part=2&"},
			{"?_HLS_msn=7&_HLS_part=2&_HLS_skip=YES", "?_HLS_msn=7&_HLS_part=2&_HLS_skip=YES&"},
			{"?_HLS_msn=7%26_HLS_part=3", "?_HLS_msn=7%26_HLS_part=3&"},
			{"?_HLS_msn=7", ""},
		} {
			status, _ := fetch(t, base+"low.m3u8"+tt.query)
			require.Equal(t, http.StatusOK, status)
			var want []string
			if tt.passed != "" {
				want = []string{"/live/cam/low.m3u8" + tt.passed}
			}
			require.Equal(t, want, s.take(), tt.query)
		}
		for _, query := range []string{"?_DASH_after=7&", "?_DASH_after=8&"} {
			fetch(t, base+"manifest.mpd"+query)
			fetch(t, base+"manifest.mpd?x=1&"+query[1:])
			require.Equal(t, []string{"/live/cam/manifest.mpd" + query}, s.take())
		}
		for _, query := range []string{"?_DASH_after=7&token=one", "?_DASH_after=7&token=two", "?token=one", "?token=two"} {
			fetch(t, base+"manifest.mpd"+query)
			require.Equal(t, []string{"/live/cam/manifest.mpd" + query}, s.take(), "it names the token")
		}
		for _, signed := range []string{"low~t5-mac.m3u8?_HLS_msn=7&", "manifest~t5-mac.mpd?_DASH_after=7&", "manifest~t5-mac.mpd"} {
			for range 3 {
				fetch(t, base+signed)
			}
			require.Equal(t, []string{"/live/cam/" + signed}, s.take(), "what is signed is the same for all who have it")
		}
		for _, name := range []string{"aaaa/low-1.m4s", "aaaa/low-1.0.m4s", "aaaa/low-init.mp4", "manifest.mpd", "thumbnail.jpg"} {
			fetch(t, base+name)
			fetch(t, base+name+"?x=1")
			require.Equal(t, []string{"/live/cam/" + name}, s.take())
		}
		for range 2 { // reports of players are passed on, each of them
			response, err := patient().Post(strings.TrimSuffix(base, "/live/cam/")+"/collect", "text/plain", strings.NewReader(`cid="cam",sid="one"`))
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, []string{"/collect"}, s.take())
		}
	})
}

// What is not there yet is asked for again.
func TestCacheErrors(t *testing.T) {
	alongside(t, light)
	forEachCache(t, func(t *testing.T, _, base string, s *script) {
		for range 3 {
			status, _ := fetch(t, base+"aaaa/missing-1.m4s")
			require.Equal(t, http.StatusNotFound, status)
		}
		require.Len(t, s.take(), 3)
	})
}

// The segment in progress reaches every reader chunk by chunk, while it grows.
func TestCacheGrowing(t *testing.T) {
	alongside(t, light)
	forEachCache(t, func(t *testing.T, name, base string, s *script) {
		const readers = 3
		var first, reading sync.WaitGroup
		texts := make([]string, readers)
		first.Add(readers)
		for i := range readers {
			reading.Go(func() {
				response, err := patient().Get(base + "aaaa/growing-1.m4s")
				if err != nil {
					texts[i] = err.Error()
					first.Done()
					return
				}
				defer response.Body.Close()
				head := make([]byte, len("first "))
				_, err = io.ReadFull(response.Body, head)
				first.Done()
				rest, _ := io.ReadAll(response.Body)
				texts[i] = fmt.Sprint(string(head), string(rest), err)
			})
		}
		first.Wait() // before the origin has written the rest
		close(s.finish)
		reading.Wait()
		require.Equal(t, []string{"first last<nil>", "first last<nil>", "first last<nil>"}, texts)
		if name == "varnish" {
			require.Len(t, s.take(), 1)
		}
	})
}

// Varnish makes one of all that wait for the same.
func TestVarnishCollapses(t *testing.T) {
	alongside(t, light)
	origin, s := startScript(t)
	base := startVarnish(t, origin)
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			if response, err := patient().Get(base + "/live/cam/slow.m3u8?_HLS_msn=1"); err == nil {
				_ = response.Body.Close()
			}
		})
	}
	waiting.Wait()
	require.Len(t, s.take(), 1)
}

// With the path set and the commented line, Sluice is told where it is shown; what clients say of themselves does not pass.
func TestNginxBelowAPath(t *testing.T) {
	alongside(t, light)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		h := r.Header
		_, _ = fmt.Fprint(w, r.URL, " ", h["X-Forwarded-Prefix"], h["X-Forwarded-For"], h["X-Forwarded-Host"], h["Forwarded"])
	}))
	defer origin.Close()
	base, _ := startNginx(t, strings.TrimPrefix(origin.URL, "http://"), map[string]string{
		`$sluice_path { default ""; }`: `$sluice_path { default "/media"; }`, "# rewrite ^/media": "rewrite ^/media",
	})
	for path, want := range map[string]string{
		"/media/":                                "/",
		"/media/watch/cam?protocol=dash":         "/watch/cam?protocol=dash",
		"/media/live/cam/low.m3u8?_HLS_msn=7":    "/live/cam/low.m3u8?_HLS_msn=7&",
		"/media/live/cam/aaaa/low-1.m4s?x=1":     "/live/cam/aaaa/low-1.m4s",
		"/media/upload/cam/ws":                   "/upload/cam/ws",
		"/media/rooms/den/events?seat=secret%20": "/rooms/den/events?seat=secret%20",
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
		require.NoError(t, err)
		for _, name := range []string{"X-Forwarded-Prefix", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded"} {
			request.Header.Set(name, "/forged")
		}
		response, err := patient().Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want+" [/media] [127.0.0.1] [] []", string(text))
	}
}

// The commented lines for HTTP/2 with TLS work once they are none.
func TestNginxHTTP2(t *testing.T) {
	alongside(t, light)
	origin, _ := startScript(t)
	peer := httptest.NewUnstartedServer(http.NotFoundHandler()) // for its certificate and a client that trusts it
	peer.EnableHTTP2 = true
	peer.StartTLS()
	defer peer.Close()
	pair := peer.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	directory, address := t.TempDir(), freeAddress(t)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600))
	}
	startNginx(t, origin, map[string]string{
		"# listen 443 ssl http2;": "listen " + address + " ssl http2;",
		"# ssl_":                  "ssl_",
		"/etc/ssl/sluice.pem":     directory + "/cert.pem",
		"/etc/ssl/sluice.key":     directory + "/key.pem",
	})
	response, err := peer.Client().Get("https://" + address + "/live/cam/low.m3u8")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, 2, response.ProtoMajor)
}
