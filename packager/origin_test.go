package packager

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// How long requests wait, and what caches are told.
const (
	startWait = 9 * time.Second
	edgeWait  = 2 * time.Second
	immutable = "public, max-age=31536000, immutable"
	thumbnail = "thumbnail.jpg"
)

func TestAnswers(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, os.WriteFile(filepath.Join(e.Dir(), thumbnail), []byte("jpeg"), 0o644))
	media := "/live/cam/" + e.Name() + "/"
	const forever, none = "public, max-age=31536000, immutable", "no-store"
	for _, test := range []struct {
		name, path       string
		status           int
		mime, caching    string
		retry, mediaFile bool
	}{
		{name: "manifest.MultivariantName", path: "/live/cam/index.m3u8", status: 200, mime: manifest.MIMEHLS, caching: "public, max-age=1"},
		{name: "media", path: "/live/cam/audio.m3u8", status: 200, mime: manifest.MIMEHLS, caching: "public, max-age=1"},
		{name: "mpd", path: "/live/cam/manifest.mpd", status: 200, mime: manifest.MIMEDASH, caching: "public, max-age=1"},
		{name: "init", path: media + "180p-init.mp4", status: 200, mime: "video/mp4", caching: forever},
		{name: "segment", path: media + "180p-1.m4s", status: 200, mime: "video/iso.segment", caching: forever},
		{name: "thumbnail", path: "/live/cam/thumbnail.jpg", status: 200, mime: "image/jpeg", caching: "public, max-age=2"},
		{name: "unknown stream", path: "/live/nobody/index.m3u8", status: 404, caching: none, retry: true},
		{name: "bad stream", path: "/live/-cam/index.m3u8", status: 400, caching: none},
		{name: "unknown rendition", path: "/live/cam/1080p.m3u8", status: 404, caching: none, retry: true},
		{name: "unknown epoch", path: "/live/cam/X/180p-1.m4s", status: 404, caching: none, retry: true},
		{name: "too far ahead", path: media + "180p-9.m4s", status: 404, caching: none, retry: true},
		{name: "ffmpeg's own names", path: media + "seg-0-00001.m4s", status: 404, caching: none, retry: true},
		{name: "leading zero", path: media + "180p-01.m4s", status: 404, caching: none, retry: true},
		{name: "ffmpeg's manifest", path: media + "manifest.mpd", status: 404, caching: none, retry: true},
		{name: "log", path: "/live/cam/timeline.log", status: 404, caching: none, retry: true},
		{name: "traversal", path: "/live/cam/..%2f..%2fcam/timeline.log", status: 404, caching: none, retry: true},
		{name: "deep traversal", path: media + "..%2f180p-1.m4s", status: 404, caching: none, retry: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := b.request(method, test.path)
				require.Equal(t, test.status, w.Code, w.Body)
				require.Equal(t, test.caching, w.Header().Get("Cache-Control"))
				require.Equal(t, test.retry, w.Header().Get("Retry-After") != "")
				if test.status != 200 {
					require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
					continue
				}
				require.Equal(t, test.mime, w.Header().Get("Content-Type"))
				if test.name != "thumbnail" {
					require.NotEmpty(t, w.Header().Get("Etag"))
				}
			}
		})
	}
}

func TestConditionsAndCodings(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	const url = "/live/cam/180p.m3u8"
	plain := b.get(url)
	packed := b.get(url, "Accept-Encoding", "br, gzip;q=0.8")
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", plain.Header().Get("Vary"))
	require.NotEqual(t, plain.Header().Get("Etag"), packed.Header().Get("Etag"))
	z, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, plain.Body.String(), string(text))

	tag := plain.Header().Get("Etag")
	require.Equal(t, 304, b.get(url, "If-None-Match", `"x", W/`+tag).Code)
	require.Equal(t, 200, b.get(url, "If-None-Match", `"x"`).Code)
	require.Empty(t, b.get(url, "Accept-Encoding", "gzip;q=0, identity").Header().Get("Content-Encoding"))
	b.run(e, enc, 1)
	require.Equal(t, 200, b.get(url, "If-None-Match", tag).Code)

	segment := "/live/cam/" + e.Name() + "/180p-1.m4s"
	part := b.get(segment, "Range", "bytes=24-99")
	require.Equal(t, 206, part.Code)
	require.Equal(t, string(clip.reps["0"][0].bytes[24:100]), part.Body.String())
	require.Equal(t, 304, b.get(segment, "If-None-Match", part.Header().Get("Etag")).Code)
}

func TestManifestWaitsForTheStart(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	enc.segment("0")
	enc.segment("1")
	b.take(e, "")
	require.Equal(t, timeline.StateStarting, tl.Info().State)
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		begin := time.Now()
		w := b.get("/live/cam/index.m3u8")
		require.Equal(t, 503, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, startWait, time.Since(begin))
		got := make(chan int)
		go func() { got <- b.get("/live/cam/manifest.mpd").Code }()
		synctest.Wait()
		enc.segment("2")
		b.take(e, "2")
		require.Equal(t, 200, <-got)
	})
	<-tl.Playable()
	require.Equal(t, timeline.StateLive, tl.Info().State)
}

func TestSegmentAtTheEdgeIsWaitedFor(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	url := "/live/cam/" + e.Name() + "/90p-2.m4s"
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		begin := time.Now()
		require.Equal(t, 404, b.get(url).Code)
		require.Equal(t, edgeWait, time.Since(begin))
		got := make(chan int)
		go func() { got <- b.get(url).Code }()
		synctest.Wait()
		enc.segment("1")
		b.take(e, "1")
		require.Equal(t, 200, <-got)
		require.Equal(t, edgeWait, time.Since(begin))

		require.NoError(t, e.End()) // between two epochs a player still counts on
		require.Equal(t, 404, b.get("/live/cam/"+e.Name()+"/90p-3.m4s").Code)
		require.Equal(t, 2*edgeWait, time.Since(begin))
	})
}

// A player that has not read yet that the MPD begins anew after a hole asks for one more segment of the Period before: refused at once,
// again and again, dash.js gives the whole Period up.
func TestSegmentBeyondAnEpochIsHeld(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	b.clock.Advance(time.Minute)
	next, enc := b.next(tl)
	b.run(next, enc, 2)
	for _, c := range []struct {
		name, path string
		held       time.Duration
	}{
		{"one more than the epoch has", e.Name() + "/180p-3.m4s", edgeWait},
		{"two more", e.Name() + "/180p-4.m4s", 0},
		{"one that the epoch before had", next.Name() + "/180p-2.m4s", 0},
		{"of nobody", "X/180p-3.m4s", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				require.Equal(t, 404, b.get("/live/cam/"+c.path).Code)
				require.Equal(t, c.held, time.Since(begin))
			})
		})
	}
}

func TestRequestThatGoesAwayStopsWaiting(t *testing.T) {
	b := newBench(t, nil)
	b.epoch("cam")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	b.mux().ServeHTTP(w, httptest.NewRequest("GET", "/live/cam/index.m3u8", nil).WithContext(ctx))
	require.Equal(t, 503, w.Code)
}

func TestStreamThatEndsBeforeItBegan(t *testing.T) {
	b := newBench(t, nil)
	tl, _, _ := b.epoch("cam")
	require.NoError(t, tl.End())
	require.Equal(t, 404, b.get("/live/cam/index.m3u8").Code)
	require.Equal(t, timeline.StateEnded, b.Streams()[0].State)
}

func TestNamesThatAreRefused(t *testing.T) {
	b := newBench(t, nil)
	for _, name := range []string{"", "-x", "_x", "a/b", "..", "a.b", "ü", strings.Repeat("x", 65)} {
		_, err := b.Open(name)
		require.ErrorIs(t, err, ErrName, "%q", name)
	}
	tl, err := b.Open("cam")
	require.NoError(t, err)
	for name, renditions := range map[string][]timeline.Rendition{
		"none":        nil,
		"twice":       {ladder[0], ladder[0]},
		"reserved":    {{ID: "index", Rep: "0", Bitrate: 1}},
		"no picture":  {{ID: "720p", Rep: "0", Video: true, Bitrate: 1}},
		"no bitrate":  {{ID: "audio", Rep: "0"}},
		"traversal":   {{ID: "audio", Rep: "../0", Bitrate: 1}},
		"bad id":      {{ID: "a/b", Rep: "0", Bitrate: 1}},
		"too many":    make([]timeline.Rendition, 17),
		"bad picture": {{ID: "720p", Rep: "0", Video: true, Width: 1, Height: 1, FPS: -1, Bitrate: 1}},
	} {
		_, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: renditions})
		require.Error(t, err, name)
	}
}
