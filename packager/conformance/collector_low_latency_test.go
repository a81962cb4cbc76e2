package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// edge serves the low-latency fixture, which goes on as far as it is asked for.
type edge struct {
	start time.Time
	done  func() // called once everything has ended

	mu    sync.Mutex
	count int64 // parts
	ended map[string]bool
	whole bool // a DASH segment was asked for
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/live/cam/")
	body := e.body(name, r)
	if body == nil {
		w.Header().Set("Cache-Control", "no-store")
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
	if len(e.ended) == 2 && e.whole {
		e.done()
	}
}

func (e *edge) body(name string, r *http.Request) []byte {
	switch name {
	case "index.m3u8":
		return multivariant()
	case "manifest.mpd":
		return bytes.ReplaceAll(lowLatencyMPD(), []byte(`availabilityStartTime="2026-11-20T19:45:00Z"`), fmt.Appendf(nil, "availabilityStartTime=%q", e.start.Format(time.RFC3339Nano)))
	}
	for _, rendition := range []rendition{video, audio} {
		var n, k int64
		switch {
		case name == rendition.id+".m3u8":
			return e.playlist(rendition, r)
		case name == rendition.initName(0):
			return rendition.init()
		case scans(name, "aaaa/"+rendition.id+"-%d.%d.m4s", &n, &k):
			e.reach(n*perSegment + k + 1)
			chunks, _ := rendition.parts(n)
			return chunks[k]
		case scans(name, "aaaa/"+rendition.id+"-%d.m4s", &n):
			e.whole = true
			chunks, _ := rendition.parts(n)
			return bytes.Join(chunks, nil)
		}
	}
	return nil
}

func scans(name, format string, values ...any) bool {
	n, _ := fmt.Sscanf(name, format, values...)
	return n == len(values) && strings.Count(name, ".") == strings.Count(format, ".")
}

func (e *edge) playlist(rendition rendition, r *http.Request) []byte {
	var n, k int64
	if scans(r.URL.Query().Get("_HLS_msn")+" "+r.URL.Query().Get("_HLS_part"), "%d %d", &n, &k) {
		e.reach(n*perSegment + k + 1)
	}
	if e.count == versions {
		e.ended[rendition.id] = true
	}
	if r.URL.Query().Get("_HLS_skip") != "" && e.count < versions && e.count > 90 {
		return rendition.delta(e.count)
	}
	p := rendition.listed(e.count, e.count == versions)
	return p.Append(nil)
}

func (e *edge) reach(count int64) { e.count = max(e.count, min(count, versions)) }

func TestCollectorFollows(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e := &edge{start: time.Now().Add(-1900 * time.Millisecond).UTC(), done: cancel, count: 5, ended: map[string]bool{}}
	server := httptest.NewServer(e)
	defer server.Close()
	c := &Collector{Base: server.URL + "/live/cam/", Client: server.Client(), Every: 20 * time.Millisecond, LowLatency: true}
	require.NoError(t, c.Run(ctx))
	server.Close()
	require.ErrorIs(t, ctx.Err(), context.Canceled, "the end was seen")

	seen := map[string]int{}
	for _, v := range c.Visits() {
		require.Equal(t, http.StatusOK, v.Status, v.URL)
		seen[path.Base(v.path())]++
		if v.query("_HLS_skip") != "" {
			seen["skip"]++
		}
	}
	require.NotZero(t, seen["skip"])
	require.Equal(t, 1, seen["180p-4.7.m4s"])
	require.Equal(t, 1, seen["180p-0.m4s"])
	require.Equal(t, 1, seen["180p-init.mp4"])
	require.Empty(t, CheckHLS(c.Visits(), Options{Tolerance: time.Minute}))
}
