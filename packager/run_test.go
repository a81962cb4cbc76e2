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
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
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

// runWatched is run for a bench that was started: the clock never goes by more than a second without something new, else its streams
// list gaps in between.
func (b *bench) runWatched(e *live.Epoch, enc *encoder, n int) {
	for range n {
		b.clock.Advance(time.Second)
		for _, r := range ladder {
			enc.fragments(r.Rep, len(clip.reps[r.Rep][enc.next[r.Rep]].fragments)/2)
		}
		b.take(e, "")
		b.clock.Advance(time.Second)
		enc.segments(1)
		b.take(e, "")
	}
}

func TestEventsFindSegments(t *testing.T) {
	for _, test := range []struct {
		name  string
		early bool // the epoch begins before Run
		blind bool
	}{{name: "watched"}, {name: "begun before", early: true}, {name: "without events", blind: true}} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			var tl *Stream
			var enc *encoder
			if test.early {
				tl, _, enc = b.epoch("cam")
				enc.segments(1)
				b.start()
			} else {
				if test.blind {
					b.watcher.open = noWatcher
				}
				b.start()
				tl, _, enc = b.epoch("cam")
				enc.segments(1)
			}
			<-tl.Playable()
			enc.segments(1)
			for _, id := range []string{"180p", "audio"} {
				playlist := "/live/cam/" + id + ".m3u8?_HLS_msn=2"
				for limit := time.Now().Add(2 * time.Minute); b.get(playlist).Code != http.StatusOK; { // it waits itself
					require.True(t, time.Now().Before(limit), "nothing came")
				}
			}
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
	require.Nil(t, tl.playlist("180p"))
	b.watcher.missed(fsnotify.ErrEventOverflow)
	tl.live.Follow()
	require.EqualValues(t, 2, tl.snapshot().NewestOf(e.Name(), "180p"))
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
			working := b.watcher.open
			b.watcher.open = func() (*fsnotify.Watcher, error) { return nil, test.fault }
			for range 3 {
				b.watcher.start()
			}
			require.Equal(t, blindPoll, b.watcher.pollInterval())
			require.Equal(t, 1, strings.Count(log.String(), test.advice), log.String())
			b.watcher.open = working
			b.watcher.start()
			defer b.watcher.stop()
			require.Equal(t, safetyPoll, b.watcher.pollInterval())
			require.Len(t, b.watcher.events.WatchList(), 1)
		})
	}
}

// TestLiveEncoder lets a viewer that takes everything watch two runs of a real encoder and the end of the stream, of which all is listed.
func TestLiveEncoder(t *testing.T) {
	tl, watched := watchLive(t)
	for _, seconds := range []int{5, 3} {
		e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, KeyFrames: time.Second})
		require.NoError(t, err)
		e.SetZero(time.Now())
		out, err := exec.Command(ffmpegPath(t), encoderArgs(e.Dir(), e.Offset(), seconds, true)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NoError(t, e.End())
	}
	require.NoError(t, tl.End())
	watched(len(ladder))
	info := tl.Info()
	require.EqualValues(t, 15, info.Segments)
	require.EqualValues(t, 0, info.Gaps)
	require.InDelta(t, 8, tl.Recording().Info().Duration, 0.1)
}

// watchLive opens a stream, which a viewer watches who takes everything. What it returns waits until that has seen the end of so many
// renditions, and requires all that it saw to keep the rules of HLS and DASH.
func watchLive(t *testing.T) (tl *Stream, watched func(renditions int) []conformance.Visit) {
	t.Helper()
	b := newBench(t, func(o *Options) { o.Record, o.Event, o.Wall = true, true, time.Now })
	b.start()
	server := httptest.NewServer(conformance.CrossOrigin(b.mux()))
	t.Cleanup(server.Close)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	viewer := &conformance.Collector{Base: server.URL + "/live/cam/", Client: server.Client()}
	ended := make(chan error, 1)
	go func() { ended <- viewer.Run(ctx) }()
	return tl, func(renditions int) []conformance.Visit {
		t.Helper()
		require.Eventually(t, func() bool { return seenEnd(viewer.Visits(), renditions) }, 2*time.Minute, 100*time.Millisecond)
		cancel()
		require.NoError(t, <-ended)
		visits := viewer.Visits()
		require.NotEmpty(t, visits)
		require.Empty(t, conformance.CheckHLS(visits, conformance.Options{Tolerance: 20 * time.Second}))
		require.Empty(t, conformance.CheckDASH(visits, conformance.Options{Tolerance: 20 * time.Second}))
		return visits
	}
}

// seenEnd tells whether the viewer has the last playlist of each of so many renditions and the last MPD.
func seenEnd(visits []conformance.Visit, renditions int) bool {
	seen := make(map[string]bool)
	for _, v := range visits {
		body := string(v.Body)
		if strings.Contains(body, "#EXT-X-ENDLIST") || strings.Contains(body, `type="static"`) {
			seen[v.URL] = true
		}
	}
	return len(seen) == renditions+1
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
	require.Eventually(t, func() bool { return openFiles(t) <= before }, time.Minute, 5*time.Millisecond) // what looks for news has some for a moment
}

// openIn are the files below dir that are open.
func openIn(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, entry := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(name, dir) {
			names = append(names, name)
		}
	}
	return names
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// BenchmarkFragment is one file event: a fragment more in the segment in progress, from the event until it is published.
func BenchmarkFragment(b *testing.B) {
	bn := newBench(b, nil)
	tl, e, enc := bn.epoch("cam")
	bn.run(e, enc, 1)
	ev := fsnotify.Event{Name: enc.path("0") + ".tmp", Op: fsnotify.Write}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if n++; n == 9 { // the last of a segment lists it too
			enc.segment("0")
			bn.take(e, "")
			if enc.next["0"] == clipSegments-1 {
				require.NoError(b, e.End())
				e, enc = bn.next(tl)
			}
			ev.Name, n = enc.path("0")+".tmp", 1
		}
		enc.fragments("0", n)
		b.StartTimer()
		bn.watcher.dispatch(ev)
		tl.live.Follow()
	}
}

// BenchmarkQuietEvent is an event that brings nothing new.
func BenchmarkQuietEvent(b *testing.B) {
	bn := newBench(b, nil)
	tl, e, enc := bn.epoch("cam")
	bn.run(e, enc, 1)
	enc.fragments("0", 9)
	bn.take(e, "0")
	ev := fsnotify.Event{Name: enc.path("0") + ".tmp", Op: fsnotify.Write}
	b.ReportAllocs()
	for b.Loop() {
		bn.watcher.dispatch(ev)
		tl.live.Follow()
	}
}

// BenchmarkPlaylistRequest is what every viewer does every second or two.
func BenchmarkPlaylistRequest(b *testing.B) {
	bn := newBench(b, func(o *Options) { o.Window = time.Minute })
	_, e, enc := bn.epoch("cam")
	bn.run(e, enc, clipSegments-1)
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
