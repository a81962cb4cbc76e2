package public

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/public/prefix"
)

// bundle is a small dist: every page, a script and a style with their gzipped twins, an icon without.
func bundle(t testing.TB) fstest.MapFS {
	files := fstest.MapFS{"assets/icon-ABCD1234.svg": {Data: []byte("<svg/>")}}
	for name, body := range map[string]string{
		"pages/home.html": "<h1>home</h1>", "pages/publish.html": "<h1>publish</h1>", "pages/watch.html": "<head></head><h1>watch</h1>", "pages/embed.html": "<h1>embed</h1>", "player/sluice-player.js": `x="/y"`,
		"pages/echo.html": "<h1>echo</h1>", "pages/frames.html": "<h1>frames</h1>", "pages/room.html": "<h1>room</h1>", "pages/dashboard.html": "<h1>dashboard</h1>", "pages/logs.html": "<h1>logs</h1>", "pages/links.html": "<h1>links</h1>", "pages/recordings.html": "<h1>recordings</h1>",
		"pages/licenses.html": "<h1>licences</h1>", "assets/licenses-ABCD1234.json": "[]",
		"assets/home-ABCD1234.js": "let script", "assets/style-ABCD1234.css": "a{}", "assets/some_model-ABCD1234.bin": "weights",
		"assets/some-ABCD1234.wasm": "code", "assets/finding-ABCD1234.js": "find()",
	} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := io.WriteString(w, body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		files[name] = &fstest.MapFile{Data: []byte(body)}
		files[name+".gz"] = &fstest.MapFile{Data: packed.Bytes()}
	}
	return files
}

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRoutes(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	tests := []struct {
		name, path string
		status     int
		kind, body string
	}{
		{"home", "/", 200, "text/html; charset=utf-8", "<h1>home</h1>"},
		{"publish", "/publish?stream=x", 200, "text/html; charset=utf-8", "<h1>publish</h1>"},
		{"watch", "/watch/demo", 200, "text/html; charset=utf-8", "<h1>watch</h1>"},
		{"embed", "/embed/demo?autoplay=0", 200, "text/html; charset=utf-8", "<h1>embed</h1>"},
		{"embed with a bad name", "/embed/-demo", 400, "text/html; charset=utf-8", "<h1>embed</h1>"},
		{"element", "/sluice-player.js", 200, "text/javascript; charset=utf-8", `x="/y"`},
		{"echo", "/echo", 200, "text/html; charset=utf-8", "<h1>echo</h1>"},
		{"rooms", "/rooms", 200, "text/html; charset=utf-8", "<h1>room</h1>"},
		{"room", "/rooms/den", 200, "text/html; charset=utf-8", "<h1>room</h1>"},
		{"room of no name", "/rooms/-", 400, "text/html; charset=utf-8", "<h1>room</h1>"},
		{"recordings", "/recordings", 200, "text/html; charset=utf-8", "<h1>recordings</h1>"},
		{"script", "/assets/home-ABCD1234.js", 200, "text/javascript; charset=utf-8", "let script"},
		{"style", "/assets/style-ABCD1234.css", 200, "text/css; charset=utf-8", "a{}"},
		{"model", "/assets/some_model-ABCD1234.bin", 200, "application/octet-stream", "weights"},
		{"WebAssembly", "/assets/some-ABCD1234.wasm", 200, "application/wasm", "code"},
		{"icon", "/assets/icon-ABCD1234.svg", 200, "image/svg+xml", "<svg/>"},
		{"watch with a bad name", "/watch/-demo", 400, "text/html; charset=utf-8", "<h1>watch</h1>"},
		{"watch with a long name", "/watch/" + strings.Repeat("a", 65), 400, "text/html; charset=utf-8", "<h1>watch</h1>"},
		{"watch with a script", "/watch/%3Cscript%3E", 400, "text/html; charset=utf-8", "<h1>watch</h1>"},
		{"licences", "/licenses", 200, "text/html; charset=utf-8", "<h1>licences</h1>"},
		{"list of licences", "/assets/licenses-ABCD1234.json", 200, "application/json", "[]"},
		{"no asset", "/assets/home-00000000.js", 404, "application/problem+json", "reload the page"},
		{"the twin itself", "/assets/home-ABCD1234.js.gz", 404, "application/problem+json", "reload the page"},
		{"out of the directory", "/assets/..%2Fpages%2Fhome.html", 404, "application/problem+json", "reload the page"},
		{"no page", "/elsewhere", 404, "text/plain; charset=utf-8", "not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(h, "GET", tt.path)
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, tt.kind, w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), tt.body)
			policy := contentPolicy
			if strings.HasPrefix(tt.path, "/watch/") || strings.HasPrefix(tt.path, "/embed/") {
				policy = playerPolicy
			}
			require.Equal(t, policy, w.Header().Get("Content-Security-Policy"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"))
			require.Equal(t, permissions, w.Header().Get("Permissions-Policy"))
		})
	}
}

func TestContentPolicyAllowsNoInlineCode(t *testing.T) {
	require.Contains(t, contentPolicy, "default-src 'self'")
	require.Contains(t, contentPolicy, "media-src 'self' blob:")
	require.NotContains(t, contentPolicy, "unsafe")
	require.NotContains(t, contentPolicy, "script-src")
}

// Only the player alone may be framed by other sites, and only by those that are named: what can be clicked elsewhere publishes, ends and removes.
func TestContentPolicyOfFrames(t *testing.T) {
	for _, tt := range []struct {
		origins []string
		want    string
	}{
		{nil, "frame-ancestors 'self'"},
		{[]string{"https://a.example", "https://*.b.example:8443"}, "frame-ancestors 'self' https://a.example https://*.b.example:8443"},
		{[]string{"*"}, "frame-ancestors 'self' *"},
	} {
		h := newHandler(bundle(t), Options{EmbedOrigins: tt.origins})
		require.True(t, strings.HasSuffix(ask(h, "GET", "/embed/demo").Header().Get("Content-Security-Policy"), "; "+tt.want))
		for _, path := range []string{"/", "/publish", "/watch/demo", "/echo", "/rooms/den", "/dashboard", "/logs", "/links", "/recordings"} {
			require.True(t, strings.HasSuffix(ask(h, "GET", path).Header().Get("Content-Security-Policy"), "; frame-ancestors 'self'"), path)
		}
	}
	for _, path := range []string{"/", "/publish", "/rooms/den", "/links"} {
		require.NotContains(t, ask(newHandler(bundle(t), Options{}), "GET", path).Header().Get("Content-Security-Policy"), "unsafe", path)
	}
	require.NotContains(t, playerPolicy, "script-src")
}

// The head of a watch page has what is told of its stream, and is another page by its entity tag for that.
func TestHeadOfTheWatchPage(t *testing.T) {
	said, private := "<meta>", false
	h := newHandler(bundle(t), Options{Head: func(*http.Request) ([]byte, bool) { return []byte(said), private }})
	first := ask(h, "GET", "/watch/demo")
	require.Equal(t, "<head><meta></head><h1>watch</h1>", first.Body.String())
	require.Equal(t, "no-cache", first.Header().Get("Cache-Control"))
	tag := first.Header().Get("ETag")
	require.Equal(t, http.StatusNotModified, ask(h, "GET", "/watch/demo", "If-None-Match", tag).Code)
	require.Equal(t, "<head></head><h1>watch</h1>", ask(h, "GET", "/watch/-").Body.String(), "it is no stream's")
	require.NotContains(t, ask(h, "GET", "/embed/demo").Body.String(), said)

	private, said = true, "<meta other>"
	second := ask(h, "GET", "/watch/demo", "If-None-Match", tag)
	require.Equal(t, "<head><meta other></head><h1>watch</h1>", second.Body.String())
	require.Equal(t, "private, no-cache", second.Header().Get("Cache-Control"))
	said = ""
	nothing := ask(h, "GET", "/watch/demo")
	require.Equal(t, "<head></head><h1>watch</h1>", nothing.Body.String())
	require.Equal(t, "private, no-cache", nothing.Header().Get("Cache-Control"))
}

// Only the worker that finds faces may compile WebAssembly, and it may load nothing from elsewhere either.
func TestContentPolicyOfTheWorkerWithWebAssembly(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	got := ask(h, "GET", "/assets/finding-ABCD1234.js").Header().Get("Content-Security-Policy")
	require.Equal(t, contentPolicy+"; script-src 'self' 'wasm-unsafe-eval'", got)
	for _, path := range []string{"/", "/publish", "/assets/home-ABCD1234.js", "/assets/finding-00000000.js"} {
		require.Equal(t, contentPolicy, ask(h, "GET", path).Header().Get("Content-Security-Policy"), path)
	}
}

func TestCaching(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	require.Equal(t, "no-cache", ask(h, "GET", "/").Header().Get("Cache-Control"))
	require.Equal(t, "public, max-age=31536000, immutable", ask(h, "GET", "/assets/home-ABCD1234.js").Header().Get("Cache-Control"))
	require.Equal(t, "no-store", ask(h, "GET", "/assets/none.js").Header().Get("Cache-Control"))

	for _, path := range []string{"/", "/assets/home-ABCD1234.js"} {
		for _, coding := range []string{"", "gzip"} {
			tag := ask(h, "GET", path, "Accept-Encoding", coding).Header().Get("ETag")
			require.Regexp(t, `^"[^"]+"$`, tag)
			w := ask(h, "GET", path, "Accept-Encoding", coding, "If-None-Match", tag)
			require.Equal(t, http.StatusNotModified, w.Code)
			require.Zero(t, w.Body.Len())
		}
	}
	other := bundle(t)
	other["pages/home.html"].Data = []byte("<h1>new</h1>")
	require.NotEqual(t, ask(h, "GET", "/").Header().Get("ETag"), ask(newHandler(other, Options{}), "GET", "/").Header().Get("ETag"))
}

// Below a prefix every address of a page begins with it, and the page is another one for caches.
func TestPagesBelowAPrefix(t *testing.T) {
	files := bundle(t)
	files["pages/home.html"].Data = []byte(`<a href="/publish">x="y"</a><script src="/assets/home-ABCD1234.js"></script><a href="https://a.example/">=</a>`)
	h := newHandler(files, Options{})
	below := func(path string, header ...string) *httptest.ResponseRecorder {
		r := prefix.With(httptest.NewRequest("GET", path, nil), "/media")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := below("/", "Accept-Encoding", "gzip")
	require.Equal(t, 200, w.Code)
	require.Equal(t, `<a href="/media/publish">x="y"</a><script src="/media/assets/home-ABCD1234.js"></script><a href="https://a.example/">=</a>`, w.Body.String())
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotEqual(t, ask(h, "GET", "/").Header().Get("ETag"), w.Header().Get("ETag"))
	require.Equal(t, 304, below("/", "If-None-Match", w.Header().Get("ETag")).Code)
	require.Equal(t, 200, below("/", "If-None-Match", ask(h, "GET", "/").Header().Get("ETag")).Code)
	require.Equal(t, 400, below("/watch/-demo").Code)
	require.Equal(t, "let script", below("/assets/home-ABCD1234.js").Body.String())
	require.Equal(t, `x="/y"`, below("/sluice-player.js").Body.String(), "a script has addresses of its own")
}

func TestBadNameIsNeverAnsweredFromTheCache(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	tag := ask(h, "GET", "/watch/demo").Header().Get("ETag")
	require.Equal(t, http.StatusBadRequest, ask(h, "GET", "/watch/-", "If-None-Match", tag, "Range", "bytes=0-1").Code)
}

func TestGzip(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	for _, path := range []string{"/", "/assets/home-ABCD1234.js"} {
		plain, packed := ask(h, "GET", path), ask(h, "GET", path, "Accept-Encoding", "br, gzip;q=0.8")
		require.Equal(t, "Accept-Encoding", plain.Header().Get("Vary"))
		require.Equal(t, "Accept-Encoding", packed.Header().Get("Vary"))
		require.Empty(t, plain.Header().Get("Content-Encoding"))
		require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
		require.Equal(t, plain.Header().Get("Content-Type"), packed.Header().Get("Content-Type"))
		require.NotEqual(t, plain.Header().Get("ETag"), packed.Header().Get("ETag"))
		r, err := gzip.NewReader(packed.Body)
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, plain.Body.String(), string(body))
	}
	require.Empty(t, ask(h, "GET", "/assets/icon-ABCD1234.svg", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"))
}

func TestAcceptsGzip(t *testing.T) {
	tests := map[string]bool{
		"": false, "gzip": true, "gzip, deflate, br": true, "br": false, "GZIP": true, "*": true, "gzip;q=0": false,
		"gzip;q=0.0": false, "gzip;q=0.001": true, "deflate, gzip;q=1.0": true, "x-gzip": false, "gzip;": true, ";;,": false,
	}
	for header, want := range tests {
		require.Equal(t, want, acceptsGzip(header), "%q", header)
	}
}

func TestMethods(t *testing.T) {
	h := newHandler(bundle(t), Options{})
	head := ask(h, "HEAD", "/publish")
	require.Equal(t, http.StatusOK, head.Code)
	require.Zero(t, head.Body.Len())
	require.Equal(t, http.StatusMethodNotAllowed, ask(h, "POST", "/publish").Code)
}

func TestUnbuilt(t *testing.T) {
	h := newHandler(fstest.MapFS{".gitignore": {Data: []byte("*")}}, Options{})
	for _, path := range []string{"/", "/publish", "/watch/demo", "/embed/demo", "/sluice-player.js", "/echo", "/frames", "/rooms", "/dashboard", "/logs", "/links", "/recordings", "/licenses"} {
		w := ask(h, "GET", path)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, path)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Contains(t, w.Body.String(), "scripts/run")
		require.Contains(t, w.Body.String(), "npm ci --prefix public")
		require.Contains(t, w.Body.String(), "go run ./public/bundle")
	}
}

// TestEmbedded serves whatever this program was compiled with: pages, or how to build them.
func TestEmbedded(t *testing.T) {
	w := ask(Handler(Options{}), "GET", "/")
	require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, w.Code)
	require.Contains(t, w.Body.String(), "<title>")
}

func FuzzAcceptsGzip(f *testing.F) {
	for _, seed := range []string{"gzip", "gzip;q=0, *", ";q=", "a;b;c=\"", ",,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if acceptsGzip(header) && !strings.Contains(strings.ToLower(header), "gzip") && !strings.Contains(header, "*") {
			t.Fatalf("gzip for %q", header)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	h := newHandler(bundle(b), Options{})
	r := httptest.NewRequest("GET", "/watch/demo", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
