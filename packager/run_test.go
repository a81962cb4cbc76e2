package packager

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// start runs the Packager until the test ends.
func (b *bench) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		require.NoError(b.t, <-done)
	})
}

// until waits for a snapshot that satisfies the condition.
func (t *Timeline) until(tb testing.TB, condition func(*snapshot) bool) *snapshot {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	s := t.await(httptest.NewRequestWithContext(ctx, "GET", "/", nil), time.Minute, condition)
	require.True(tb, condition(s), "nothing came")
	return s
}

func TestEventsFindSegments(t *testing.T) {
	for _, test := range []struct {
		name  string
		early bool // the epoch begins before Run
		blind bool
	}{{name: "watched"}, {name: "begun before", early: true}, {name: "without events", blind: true}} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			var tl *Timeline
			var enc *encoder
			if test.early {
				tl, _, enc = b.epoch("cam")
				enc.segments(1)
				b.start()
			} else {
				if test.blind {
					b.newWatcher = noWatcher
				}
				b.start()
				tl, _, enc = b.epoch("cam")
				enc.segments(1)
			}
			<-tl.Playable()
			enc.segments(1)
			tl.until(t, func(s *snapshot) bool { return s.newestOf(s.epoch, "180p") == 2 && s.newestOf(s.epoch, "audio") == 2 })
			require.NoError(t, tl.End())
		})
	}
}

func noWatcher() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }

// A queue of events that has overflown is made up for by a look at everything.
func TestEventsOverflow(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	enc.segments(2)
	require.Nil(t, tl.snap.Load().views["180p"])
	b.missed(fsnotify.ErrEventOverflow)
	require.EqualValues(t, 2, tl.snap.Load().newestOf(e.Name(), "180p"))
}

// Without file events the operator is told once what to raise; they are used again once there are some.
func TestSightIsRegained(t *testing.T) {
	for _, test := range []struct {
		fault  error
		advice string
	}{{syscall.EMFILE, "max_user_instances"}, {syscall.ENOSPC, "max_user_watches"}} {
		t.Run(test.advice, func(t *testing.T) {
			var log bytes.Buffer
			b := newBench(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			b.epoch("cam")
			working := b.newWatcher
			b.newWatcher = func() (*fsnotify.Watcher, error) { return nil, test.fault }
			for range 3 {
				b.startWatcher()
			}
			require.Equal(t, blindPoll, b.pollInterval())
			require.Equal(t, 1, strings.Count(log.String(), test.advice), log.String())
			b.newWatcher = working
			b.startWatcher()
			defer b.stopWatcher()
			require.Equal(t, safetyPoll, b.pollInterval())
			require.Len(t, b.watcher.WatchList(), 1)
		})
	}
}

// TestLiveEncoder lets a viewer that takes everything watch two runs of a real encoder and the end of the stream.
func TestLiveEncoder(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Record, o.Wall = true, time.Now })
	b.start()
	server := httptest.NewServer(b.mux())
	defer server.Close()
	tl, err := b.Open("cam")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	viewer := &conformance.Collector{Base: server.URL + "/live/cam/", Client: server.Client()}
	watched := make(chan error, 1)
	go func() { watched <- viewer.Run(ctx) }()
	for _, seconds := range []int{5, 3} {
		e, err := tl.BeginEpoch(EpochOptions{Renditions: ladder, KeyFrames: time.Second})
		require.NoError(t, err)
		e.SetZero(time.Now())
		out, err := exec.Command(ffmpegPath(t), encoderArgs(e.Dir(), seconds, true)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NoError(t, e.End())
	}
	require.NoError(t, tl.End())
	require.Eventually(t, func() bool { return seenEnd(viewer.Visits()) }, 30*time.Second, 100*time.Millisecond)
	cancel()
	require.NoError(t, <-watched)

	visits := viewer.Visits()
	require.NotEmpty(t, visits)
	require.Empty(t, conformance.CheckHLS(visits, conformance.Options{Tolerance: 20 * time.Second}))
	require.Empty(t, conformance.CheckDASH(visits, conformance.Options{Tolerance: 20 * time.Second}))
	info := tl.Info()
	require.EqualValues(t, 15, info.Segments)
	require.EqualValues(t, 0, info.Gaps)
	require.InDelta(t, 8, tl.Recording().Info().Duration, 0.1)
}

// seenEnd reports whether the viewer has the last playlist of each rendition and the last MPD.
func seenEnd(visits []conformance.Visit) bool {
	seen := make(map[string]bool)
	for _, v := range visits {
		body := string(v.Body)
		if strings.Contains(body, "#EXT-X-ENDLIST") || strings.Contains(body, `type="static"`) {
			seen[v.URL] = true
		}
	}
	return len(seen) == len(ladder)+1
}

func TestCyclesLeaveNothingOpen(t *testing.T) {
	b := recordBench(t, nil)
	b.start()
	cycle := func() {
		tl, _, enc := b.epoch("cam")
		enc.segments(1)
		<-tl.Playable()
		enc.fragments("0", 2)
		require.NoError(t, tl.End())
	}
	cycle()
	before := openFiles(t)
	for range 10 {
		cycle()
	}
	require.LessOrEqual(t, openFiles(t), before)
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

func newFrame(t testing.TB, parts int) (*Epoch, *encoder, *bench) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	enc.fragments("0", parts)
	e.take("0")
	return e, enc, b
}

// BenchmarkFragment is one file event: a fragment more in the segment in progress.
func BenchmarkFragment(b *testing.B) {
	e, _, bn := newFrame(b, 9)
	k := e.tracks[0]
	ev := fsnotify.Event{Name: k.path + ".tmp", Op: fsnotify.Write}
	b.ReportAllocs()
	for b.Loop() {
		k.parts = k.parts[:0]
		k.scanner.Reset()
		bn.dispatch(ev)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/9, "ns/fragment")
}

// BenchmarkQuietEvent is an event that brings nothing new.
func BenchmarkQuietEvent(b *testing.B) {
	e, _, bn := newFrame(b, 9)
	ev := fsnotify.Event{Name: e.tracks[0].path + ".tmp", Op: fsnotify.Write}
	b.ReportAllocs()
	for b.Loop() {
		bn.dispatch(ev)
	}
}

func window(b *testing.B) (*bench, *Timeline) {
	bn := newBench(b, func(o *Options) { o.Window = time.Minute })
	tl, e, enc := bn.epoch("cam")
	bn.run(e, enc, 1)
	k := e.tracks[0]
	s := tl.listing(k.ID).segments[0]
	for range 40 {
		s.MSN++
		s.Start += s.Duration
		tl.push(tl.listing(k.ID), s)
		tl.trim()
	}
	tl.publish()
	return bn, tl
}

// BenchmarkRender is a media playlist of 60 s, rendered and compressed: once per segment.
func BenchmarkRender(b *testing.B) {
	_, tl := window(b)
	for _, packed := range []string{"plain", "gzip"} {
		b.Run(packed, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := tl.view(tl.listings[0]).full
				d.identity()
				if packed == "gzip" {
					d.gzip()
				}
			}
		})
	}
}

// BenchmarkPlaylistRequest is what every viewer does every second or two.
func BenchmarkPlaylistRequest(b *testing.B) {
	bn, _ := window(b)
	r := httptest.NewRequest("GET", "/live/cam/180p.m3u8", nil)
	r.SetPathValue("stream", "cam")
	r.SetPathValue("file", "180p.m3u8")
	r.Header.Set("Accept-Encoding", "gzip")
	w := &sink{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		bn.ServeLive(w, r)
	}
}

// sink is a ResponseWriter that keeps nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
