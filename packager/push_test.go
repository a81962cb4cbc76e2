package packager

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/push"
)

// store is a server that keeps what is put there, while it is up.
func store(t *testing.T, dir string, up *atomic.Bool) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		name := filepath.Join(dir, filepath.Clean(r.URL.Path))
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o750)
		}
		if err == nil {
			err = os.WriteFile(name, body, 0o600)
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(server.Close)
	return server
}

// What is pushed plays there, over a discontinuity and although the server was away for a while.
func TestPushedStreamPlays(t *testing.T) {
	var up atomic.Bool
	up.Store(true)
	dir := t.TempDir()
	server := store(t, dir, &up)
	b := newBench(t, func(o *Options) { o.Push, o.Window = push.Target{URL: server.URL + "/in"}, time.Minute })
	b.start()
	until := func(what string, condition func(push.State) bool) {
		t.Helper()
		require.Eventually(t, func() bool { return condition(*b.Streams()[0].Push) }, time.Minute, 10*time.Millisecond, what)
	}
	tl, e, enc := b.epoch("cam")
	b.runWatched(e, enc, 3)
	until("it is there", func(s push.State) bool { return s.Files > 0 && s.Behind == 0 && s.Error == "" })
	up.Store(false)
	b.runWatched(e, enc, 3)
	until("it fails", func(s push.State) bool { return s.Failures > 0 && s.Error != "" })
	up.Store(true)
	until("it goes on", func(s push.State) bool { return s.Behind == 0 && s.Error == "" })
	require.NoError(t, e.End())
	e, enc = b.next(tl)
	b.runWatched(e, enc, 3)
	require.NoError(t, tl.End())
	pushed := filepath.Join(dir, "in", "cam")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v", tl.Info().Push)
		}
	})
	require.Eventually(t, func() bool {
		for name, end := range map[string]string{manifest.MPDName: `type="static"`, "180p.m3u8": "#EXT-X-ENDLIST", "audio.m3u8": "#EXT-X-ENDLIST"} {
			if body, _ := os.ReadFile(filepath.Join(pushed, name)); !strings.Contains(string(body), end) {
				return false
			}
		}
		return tl.Info().Push.Behind == 0
	}, time.Minute, 10*time.Millisecond)
	require.InDelta(t, 18, decode(t, filepath.Join(pushed, manifest.MultivariantName)), 0.3)
	require.InDelta(t, 12, decode(t, filepath.Join(pushed, manifest.MPDName)), 0.3, "ffmpeg plays the longest Period only")
	body, err := os.ReadFile(filepath.Join(pushed, manifest.MPDName))
	require.NoError(t, err)
	mpd, err := dash.Parse(body)
	require.NoError(t, err)
	for _, set := range mpd.Periods[1].AdaptationSets {
		template := set.Representations[0].Template
		require.EqualValues(t, template.Timescale*97/8, template.Timeline[0].T, "after 12 s and the rest of a frame of sound")
		require.Equal(t, template.Timeline[0].T, template.PresentationTimeOffset)
	}
	require.Zero(t, tl.Info().Push.Dropped)
}
