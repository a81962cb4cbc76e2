package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// origin serves the fixture as it stands after it has ended, and counts requests.
type origin struct {
	mu    sync.Mutex
	asked map[string]int
	done  func() // called once every file was asked for
	files map[string][]byte
}

func newOrigin(done func()) *origin {
	o := &origin{asked: make(map[string]int), files: make(map[string][]byte), done: done}
	for _, v := range fixture() {
		o.files[strings.TrimPrefix(v.URL, base)] = v.Body
	}
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/live/cam/")
	body, ok := o.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	for key, values := range headers(path.Base(name)) {
		w.Header()[key] = values
	}
	if w.Header().Get("Content-Encoding") == "gzip" {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		body = b.Bytes()
	}
	_, _ = w.Write(body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[name]++
	if len(o.asked) == len(o.files) && o.asked["index.m3u8"] > 2 && o.asked["manifest.mpd"] > 2 {
		o.done()
	}
}

func TestCollector(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	o := newOrigin(cancel)
	server := httptest.NewServer(o)
	defer server.Close()
	c := &Collector{Base: server.URL + "/live/cam/", Client: server.Client(), Every: time.Millisecond}
	require.NoError(t, c.Run(ctx))
	server.Close() // waits for the handlers
	require.ErrorIs(t, ctx.Err(), context.Canceled, "everything was asked for")

	visits := c.Visits()
	require.True(t, slices.IsSortedFunc(visits, func(a, b Visit) int { return a.At.Compare(b.At) }))
	for name, times := range o.asked {
		if v := (Visit{URL: name}); v.media() {
			require.Equal(t, 1, times, name)
		}
	}
	require.Empty(t, CheckHLS(visits, Options{}))
}

func TestCollectorSaysWhyItHasNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := &Collector{Base: server.URL + "/live/cam/", Every: time.Millisecond}
	require.ErrorContains(t, c.Run(ctx), "collect "+c.Base)
}

func TestCollectorKeepsRefusals(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 10 {
			cancel()
		}
		if r.URL.Path == "/live/cam/index.m3u8" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	c := &Collector{Base: server.URL + "/live/cam/", Client: server.Client(), Every: time.Millisecond}
	require.NoError(t, c.Run(ctx))
	rules := make(map[string]bool)
	for _, v := range append(CheckHLS(c.Visits(), Options{}), CheckDASH(c.Visits(), Options{})...) {
		require.NotContains(t, v.URL, "elsewhere")
		rules[v.Rule] = true
	}
	require.True(t, rules["HLS authoring 8.18 no redirects"])
	require.True(t, rules["Fetch §3.3.3 cross-origin access"])
}
