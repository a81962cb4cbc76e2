package push

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

// stage is a stream whose segments are made by the test, and a server without a network.
type stage struct {
	*Stream
	t        *testing.T
	dir      string
	timeline *timeline.Timeline
	track    *timeline.Track
	count    int64

	mu     sync.Mutex
	answer func(*http.Request) int // the status; see respond
	there  map[string]string       // by path
	log    []string                // of what was put there, in order
}

func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	status := answer(r)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status < 300 && r.Method == http.MethodPut {
		s.there[r.URL.Path] = string(body)
		s.log = append(s.log, r.URL.Path)
		s.requireNamed(string(body))
	}
	if status < 300 && r.Method == http.MethodDelete {
		delete(s.there, r.URL.Path)
	}
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	return w.Result(), nil
}

// respond changes the answers.
func (s *stage) respond(answer func(*http.Request) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// requireNamed wants everything that a manifest names to be there before it.
func (s *stage) requireNamed(manifest string) {
	for name := range strings.FieldsSeq(strings.TrimPrefix(manifest, "manifest")) {
		if strings.HasPrefix(manifest, "manifest") {
			require.Contains(s.t, s.there, "/live/cam/"+name)
		}
	}
}

func newStage(t *testing.T, target Target) *stage {
	s := &stage{t: t, dir: t.TempDir(), there: map[string]string{}, answer: func(*http.Request) int { return http.StatusCreated }}
	timing := timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 12 * time.Second}
	s.timeline = timeline.New(timeline.Config{Timing: timing, Wall: time.Now})
	e, err := s.timeline.Prepare(timeline.EpochOptions{Renditions: []timeline.Rendition{{ID: "180p", Rep: "0", Video: true, Width: 320, Height: 180, FPS: 30, Bitrate: 600_000}}})
	require.NoError(t, err)
	s.timeline.Enter(e)
	s.track = e.Tracks()[0]
	s.track.SetInit(cmaf.Init{Timescale: 1000, Video: true})
	s.write(timeline.InitName("180p"), "init")
	target.URL = "https://ingest.example.org/live/"
	s.Stream = New(target, Source{
		Open: func(_, name string) (*os.File, error) { return os.Open(filepath.Join(s.dir, name)) },
		Manifests: func(now *timeline.Snapshot) []Manifest {
			text := "manifest"
			for _, segment := range now.Playlist("180p").Segments {
				if !segment.Gap {
					text += " " + segment.EpochName() + "/" + timeline.SegmentName("180p", segment.MSN)
				}
			}
			return []Manifest{{"index.m3u8", "application/vnd.apple.mpegurl", []byte(text)}}
		},
		Wall: time.Now, Grace: timing.Grace(),
	}, "cam", slog.New(slog.DiscardHandler))
	s.client.Transport = s
	return s
}

func (s *stage) write(name, text string) {
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

// add makes so many segments, two seconds each.
func (s *stage) add(n int) {
	for range n {
		<-time.After(2 * time.Second)
		s.write(timeline.SegmentName("180p", s.track.MSN()), fmt.Sprint("segment ", s.count))
		part := []timeline.Part{{Size: 1, Start: s.count * 2000, Duration: 2000, Independent: true}}
		s.timeline.Grow(s.track, part, 1, 0)
		s.timeline.List(s.track, s.timeline.Whole(s.track, part, 1))
		s.count++
		s.Publish(s.timeline.Snapshot())
	}
	synctest.Wait()
}

func (s *stage) end() {
	s.timeline.Newest().Close()
	s.timeline.Finish(time.Now())
	s.Publish(s.timeline.Snapshot())
	synctest.Wait()
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Target{Header: "Authorization: Bearer key", Delete: true})
		s.answer = func(r *http.Request) int { // before Run
			require.Equal(t, "Bearer key", r.Header.Get("Authorization"))
			if r.Method == http.MethodDelete {
				return http.StatusNoContent
			}
			require.NotEmpty(t, r.Header.Get("Content-Type"))
			require.Positive(t, r.ContentLength)
			return http.StatusCreated
		}
		done := make(chan struct{})
		go func() { s.Run(t.Context()); close(done) }()
		s.add(2)
		require.Len(t, s.log, 5, "an initialization segment, and a manifest after each segment")
		require.Contains(t, s.log[2], "index.m3u8")
		for range 5 { // parts change nothing
			s.Publish(s.timeline.Snapshot())
			synctest.Wait()
		}
		require.Len(t, s.log, 5)
		s.add(18)
		require.Equal(t, State{Files: 41, Bytes: s.State().Bytes}, s.State())
		segments := 0
		for name := range s.there {
			if strings.HasSuffix(name, ".m4s") {
				segments++
			}
		}
		require.InDelta(t, 6+18/2+1, segments, 1, "those that are listed, and what stays for a while")
		s.end()
		<-done
	})
}

// A server that refuses, or does not answer, costs nothing but time; what has left the playlists meanwhile is left out.
func TestPushToFaultyServer(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) int{
		"refuses":           func(*http.Request) int { return http.StatusServiceUnavailable },
		"sends elsewhere":   func(*http.Request) int { return http.StatusTemporaryRedirect },
		"does not answer":   func(r *http.Request) int { <-r.Context().Done(); return 0 },
		"is slower than us": func(r *http.Request) int { <-time.After(9 * time.Second); return http.StatusOK },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, Target{})
				well := s.answer
				done := make(chan struct{})
				go func() { s.Run(t.Context()); close(done) }()
				s.add(2)
				s.respond(answer)
				s.add(30)
				require.NotZero(t, s.State().Behind)
				s.respond(well)
				time.Sleep(time.Minute)
				synctest.Wait()
				state := s.State()
				require.Empty(t, state.Error)
				require.Zero(t, state.Behind)
				require.NotZero(t, state.Dropped)
				require.Equal(t, name != "is slower than us", state.Failures > 0)
				require.Equal(t, string(s.source.Manifests(s.newest.Load())[0].Body), s.there["/live/cam/index.m3u8"])
				s.end()
				<-done
			})
		})
	}
}

// A WebDAV server takes nothing into a directory that is not there (RFC 4918 §9.7.1).
func TestPushToWebDAV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Target{})
		made := map[string]bool{"/live/": true}
		s.answer = func(r *http.Request) int {
			parent := path.Dir(strings.TrimSuffix(r.URL.Path, "/")) + "/"
			switch {
			case !made[parent]:
				return http.StatusConflict
			case r.Method == "MKCOL" && made[r.URL.Path]:
				return http.StatusMethodNotAllowed
			case r.Method == "MKCOL":
				made[r.URL.Path] = true
			}
			return http.StatusCreated
		}
		done := make(chan struct{})
		go func() { s.Run(t.Context()); close(done) }()
		s.add(3)
		require.Equal(t, State{Files: 7, Bytes: s.State().Bytes}, s.State())
		require.Len(t, made, 3)
		s.end()
		<-done
	})
}

// A stream that ends while the server is away is completed when it is back; a service that stops tries for three seconds.
func TestPushOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Target{})
		well := s.answer
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		s.add(3)
		s.respond(func(*http.Request) int { return http.StatusForbidden })
		s.add(1)
		require.ErrorContains(t, fmt.Errorf("%s", s.State().Error), "m4s: the server answered 403")
		require.NotContains(t, s.State().Error, "ingest.example.org")
		s.end()
		s.respond(well)
		stop()
		<-done
		require.Zero(t, s.State().Behind)

		s = newStage(t, Target{})
		ctx, stop = context.WithCancel(t.Context())
		done = make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		s.respond(func(r *http.Request) int { <-r.Context().Done(); return 0 })
		s.add(1)
		stop()
		began := time.Now()
		<-done
		require.LessOrEqual(t, time.Since(began), lastWithin)
	})
}

// The end may be told while an earlier snapshot is being put there.
func TestPushOfTheEndMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Target{})
		s.respond(func(*http.Request) int { <-time.After(time.Second); return http.StatusCreated })
		s.source.Manifests = func(now *timeline.Snapshot) []Manifest {
			return []Manifest{{"index.m3u8", "application/vnd.apple.mpegurl", fmt.Append(nil, "ended ", now.Ended)}}
		}
		done := make(chan struct{})
		go func() { s.Run(t.Context()); close(done) }()
		s.add(1)
		s.end()
		<-done
		require.Equal(t, "ended true", s.there["/live/cam/index.m3u8"])
	})
}

func TestLostFileIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Target{})
		s.add(2)
		require.NoError(t, os.Remove(filepath.Join(s.dir, timeline.SegmentName("180p", s.track.MSN()-1))))
		s.Manifests()
		done := make(chan struct{})
		go func() { s.Run(t.Context()); close(done) }()
		synctest.Wait()
		require.EqualValues(t, 1, s.State().Dropped)
		require.Zero(t, s.State().Behind)
		s.end()
		<-done
	})
}

// Manifests names nothing: the server of this test does not mind.
func (s *stage) Manifests() {
	s.source.Manifests = func(*timeline.Snapshot) []Manifest { return nil }
}

func TestTarget(t *testing.T) {
	for url, ok := range map[string]bool{
		"": true, "https://ingest.example.org/live": true, "http://127.0.0.1:8081": true, "ftp://x/y": false, "/live": false,
		"https://user:secret@example.org/": false, "https://example.org/?key=x": false, "https:// /": false,
	} {
		require.Equal(t, ok, Target{URL: url}.ValidateURL() == nil, url)
	}
	for header, ok := range map[string]bool{"": true, "Authorization: Bearer k": true, "x": false, ": y": false, "a b: c": false, "a: b\r\nc: d": false} {
		require.Equal(t, ok, Target{Header: header}.ValidateHeader() == nil, header)
	}
	for timeout, ok := range map[time.Duration]bool{0: true, time.Second: true, time.Minute: true, time.Millisecond: false, time.Hour: false} {
		require.Equal(t, ok, Target{Timeout: timeout}.ValidateTimeout() == nil, timeout)
	}
}
