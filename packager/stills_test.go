package packager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// drawn is what the decoder of these tests makes: it says which frame it was asked for.
func drawn(media io.Reader, number int, format string) ([]byte, error) {
	body, err := io.ReadAll(media)
	return fmt.Appendf(nil, "%s %d of %d fragments", format, number, strings.Count(string(body), "moof")), err
}

// still asks for a picture of cam.
func (b *bench) still(t *testing.T, query string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	file, _, _ := strings.Cut(query, "?")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live/cam/"+query, nil)
	r.URL.Path = "/live/cam/" + file
	r.SetPathValue("stream", "cam")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeSnapshot(w, r)
	return w
}

func TestSnapshot(t *testing.T) {
	var decodes atomic.Int64
	b := newBench(t, func(o *Options) {
		o.Snapshot = func(_ context.Context, media io.Reader, number int, format string) ([]byte, error) {
			decodes.Add(1)
			return drawn(media, number, format)
		}
	})
	require.Equal(t, http.StatusNotFound, b.still(t, "snapshot.jpg").Code)
	zero := b.clock.Now() // of the epoch
	tl, e, enc := b.epoch("cam")
	require.Equal(t, http.StatusServiceUnavailable, b.still(t, "snapshot.jpg").Code, "it is starting")
	b.run(e, enc, 3)
	at := func(d time.Duration) string { return "snapshot.jpg?at=" + zero.Add(d).Format(time.RFC3339Nano) }
	const settled, soon = "public, max-age=86400, immutable", "public, max-age=1"
	for _, c := range []struct {
		query, image string
		wall         time.Duration
		caching      string
	}{
		{"snapshot.jpg", "jpg 59 of 10 fragments", 5967 * time.Millisecond, soon},
		{"snapshot.webp?x=1", "webp 59 of 10 fragments", 5967 * time.Millisecond, soon},
		{"snapshot.png?at=0", "png 59 of 10 fragments", 5967 * time.Millisecond, soon},
		{"snapshot.jpg?at=5", "jpg 30 of 6 fragments", time.Second, soon},
		{at(time.Second), "jpg 30 of 6 fragments", time.Second, settled},
		{at(time.Second + 30*time.Millisecond), "jpg 30 of 6 fragments", time.Second, settled},
		{at(2 * time.Second), "jpg 0 of 1 fragments", 2 * time.Second, settled},
		{at(5 * time.Second), "jpg 30 of 6 fragments", 5 * time.Second, soon}, // of the last segment, which another one may yet replace
		{strings.Replace(at(time.Second), "Z", "+00:00", 1), "jpg 30 of 6 fragments", time.Second, settled},
	} {
		answer := b.still(t, c.query)
		require.Equal(t, http.StatusOK, answer.Code, "%s: %s", c.query, answer.Body)
		require.Equal(t, c.image, answer.Body.String(), c.query)
		require.Equal(t, c.caching, answer.Header().Get("Cache-Control"), c.query)
		wall, err := time.Parse(time.RFC3339, answer.Header().Get("Sluice-Time"))
		require.NoError(t, err)
		require.WithinDuration(t, zero.Add(c.wall), wall, 2*time.Millisecond, c.query)
		again := b.still(t, c.query, "If-None-Match", answer.Header().Get("Etag"))
		require.Equal(t, http.StatusNotModified, again.Code)
	}
	require.EqualValues(t, 6, decodes.Load(), "each picture once")

	for query, status := range map[string]int{
		"snapshot.gif": 404, "snapshot.jpg?at=-1": 400, "snapshot.jpg?at=NaN": 400, "snapshot.jpg?at=1e9": 400, "snapshot.jpg?at=soon": 400,
		"snapshot.jpg?at=2126-01-01T00:00:00Z": 400, at(-time.Second): 404, "snapshot.jpg?at=100": 404,
		"snapshot.jpg?every=0.1s": 400, "snapshot.jpg?every=2h": 400, "snapshot.jpg?every=often": 400, "snapshot.jpg?every=2s&at=1": 400,
	} {
		answer := b.still(t, query)
		require.Equal(t, status, answer.Code, query)
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
		require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
	}

	enc.fragments("0", 3)
	b.take(e, "0")
	b.clock.Advance(time.Second) // the newest is no longer the one of a moment ago
	require.Equal(t, "jpg 17 of 3 fragments", b.still(t, "snapshot.jpg").Body.String(), "of the segment in progress")
	require.NoError(t, tl.End())
	require.Equal(t, http.StatusOK, b.still(t, "snapshot.jpg").Code, "of an ended stream")
}

// Of all who ask for a picture at once one makes it, and whoever has waited for one whose client has gone makes it in turn. There are so many
// decodes at once, so many who wait for them, and so many for each client.
func TestSnapshotIsBounded(t *testing.T) {
	begun, free := make(chan int, 100), make(chan struct{})
	b := newBench(t, func(o *Options) {
		o.Snapshot = func(ctx context.Context, media io.Reader, number int, format string) ([]byte, error) {
			begun <- number
			select {
			case <-free:
				return drawn(media, number, format)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	})
	zero := b.clock.Now()
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	answers := make(chan int, 100)
	var asking sync.WaitGroup
	ask := func(ctx context.Context, frame int, address string) {
		asking.Go(func() {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/live/cam/snapshot.jpg", nil)
			r.URL.RawQuery = "at=" + zero.Add(time.Duration(frame)*time.Second/30+time.Millisecond).Format(time.RFC3339Nano)
			r.RemoteAddr = address
			r.SetPathValue("stream", "cam")
			w := httptest.NewRecorder()
			b.ServeSnapshot(w, r)
			answers <- w.Code
		})
	}
	ctx, leave := context.WithCancel(t.Context())
	ask(ctx, 7, "[2001:db8::1]:1")
	require.Equal(t, 7, <-begun)
	for range 5 {
		ask(t.Context(), 7, "[2001:db8::2]:1")
	}
	leave() // the one that decodes
	<-answers
	require.Equal(t, 7, <-begun, "another one goes on")
	free <- struct{}{}
	for range 5 {
		require.Equal(t, http.StatusOK, <-answers)
	}

	const clients, wanted = 3, 25
	for n := range wanted {
		ask(t.Context(), 10+n, fmt.Sprintf("192.0.2.%d:1", n%clients))
	}
	for range wanted - 18 { // two at once and 16 more
		require.Equal(t, http.StatusServiceUnavailable, <-answers)
	}
	close(free)
	for range 18 {
		require.Equal(t, http.StatusOK, <-answers)
	}
	asking.Wait()
	statuses := map[int]int{}
	for n := range 30 {
		ask(t.Context(), 60+n, "198.51.100.1:1")
		statuses[<-answers]++
	}
	asking.Wait()
	require.Equal(t, map[int]int{http.StatusOK: 20, http.StatusTooManyRequests: 10}, statuses)
}

// A decoder that fails is told of in the answer, and the next request tries again.
func TestSnapshotFails(t *testing.T) {
	fails := true
	b := newBench(t, func(o *Options) {
		o.Snapshot = func(_ context.Context, media io.Reader, number int, format string) ([]byte, error) {
			if fails {
				return nil, errors.New("no")
			}
			return drawn(media, number, format)
		}
	})
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	require.Equal(t, http.StatusServiceUnavailable, b.still(t, "snapshot.jpg").Code)
	fails = false
	require.Equal(t, http.StatusOK, b.still(t, "snapshot.jpg").Code)
}

// A series has a picture each time that there is a newer one, and ends with the stream.
func TestSnapshotSeries(t *testing.T) {
	loadClip(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) {
			o.Snapshot = func(_ context.Context, media io.Reader, number int, format string) ([]byte, error) {
				return drawn(media, number, format)
			}
		})
		tl, e, enc := b.epoch("cam")
		b.run(e, enc, 2)
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- b.still(t, "snapshot.jpg?every=2s") }()
		for range 3 {
			time.Sleep(4 * time.Second) // the picture in between is the same
			synctest.Wait()
			b.run(e, enc, 1)
		}
		require.NoError(t, tl.End())
		time.Sleep(2 * time.Second)
		answer := <-done
		require.Equal(t, "multipart/x-mixed-replace; boundary=sluice-snapshot", answer.Header().Get("Content-Type"))
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
		parts := multipart.NewReader(answer.Body, "sluice-snapshot")
		var times []string
		for {
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			require.Equal(t, "image/jpeg", part.Header.Get("Content-Type"))
			image, err := io.ReadAll(part)
			require.NoError(t, err)
			require.Equal(t, "jpg 59 of 10 fragments", string(image))
			times = append(times, part.Header.Get("Sluice-Time"))
		}
		require.Len(t, times, 4)
		require.IsIncreasing(t, times)
	})
}
