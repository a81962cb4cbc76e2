package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret   = "a secret of more than 24 bytes"
	onlyURL  = "https://one.example.org/hooks?key=hush-hush"
	otherURL = "https://two.example.org/hooks"
)

// receivers are servers without a network.
type receivers struct {
	t *testing.T

	mu       sync.Mutex
	answer   func(*http.Request, told) (*http.Response, error) // nil: 204
	had      map[string][]told                                 // by host; what was taken
	requests map[string][]time.Time                            // by host
}

// told is an event as it comes.
type told struct {
	ID, Type  string
	Timestamp time.Time
	Data      struct {
		Stream string
		N      int
	}
}

func newReceivers(t *testing.T) *receivers {
	return &receivers{t: t, had: map[string][]told{}, requests: map[string][]time.Time{}}
}

// RoundTrip implements http.RoundTripper.
func (rs *receivers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	var e told
	if err := errors.Join(signature.Key(secret).Verify(r.Header, body, time.Now()), json.Unmarshal(body, &e)); err != nil {
		rs.t.Errorf("%s: %v", body, err)
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Webhook-Id") != e.ID {
		rs.t.Errorf("%s %v of %s", r.Method, r.Header, e.ID)
	}
	rs.mu.Lock()
	rs.requests[r.URL.Host] = append(rs.requests[r.URL.Host], time.Now())
	answer := rs.answer
	rs.mu.Unlock()
	response, err := status(http.StatusNoContent), error(nil)
	if answer != nil {
		response, err = answer(r, e)
	}
	if err == nil && response.StatusCode/100 == 2 {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		rs.had[r.URL.Host] = append(rs.had[r.URL.Host], e)
	}
	return response, err
}

func status(code int) *http.Response {
	w := httptest.NewRecorder()
	w.WriteHeader(code)
	return w.Result()
}

// respond changes the answers.
func (rs *receivers) respond(answer func(*http.Request, told) (*http.Response, error)) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.answer = answer
}

func (rs *receivers) refuse(code int) {
	rs.respond(func(*http.Request, told) (*http.Response, error) { return status(code), nil })
}

// numbers are those of the events of a stream that a host has taken, in their order.
func (rs *receivers) numbers(host, stream string) (n []int) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, e := range rs.had[host] {
		if e.Data.Stream == stream {
			n = append(n, e.Data.N)
		}
	}
	return n
}

func (rs *receivers) asked(host string) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.requests[host])
}

func (rs *receivers) options(dir string, urls ...string) Options {
	o := Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), transport: rs}
	for _, url := range urls {
		o.Targets = append(o.Targets, Target{URL: url, Secret: secret})
	}
	return o
}

// event is one of a stream.
func event(stream string, n int) Event {
	return Event{Type: StreamStarted, About: "stream " + stream, At: time.Now(), Data: map[string]any{"stream": stream, "n": n}}
}

// start runs hooks. stop ends that as the service does.
func start(t *testing.T, o Options) (h *Hooks, stop func()) {
	t.Helper()
	h, err := New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	synctest.Wait()
	return h, func() { cancel(); <-done }
}

// counts are 0 to n-1.
func counts(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// A server that is away for an hour has all events afterwards, each stream's in order; nobody waits for it, another server has them at once,
// and it is not pestered.
func TestHourAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newReceivers(t)
		h, stop := start(t, rs.options(t.TempDir(), onlyURL, otherURL))
		defer stop()
		rs.respond(func(r *http.Request, _ told) (*http.Response, error) {
			if r.URL.Host == "one.example.org" {
				return nil, errors.New("connection refused")
			}
			return status(http.StatusOK), nil
		})
		const events = 120
		for n := range events {
			began := time.Now()
			h.Tell(event("a", n))
			h.Tell(event("b", n))
			require.Zero(t, time.Since(began))
			synctest.Wait()
			require.Equal(t, counts(n+1), rs.numbers("two.example.org", "a"))
			<-time.After(30 * time.Second)
		}
		s := h.States()[0]
		require.Equal(t, 2*events, s.Queued)
		require.Zero(t, s.Full+s.Old+s.Gone+s.Delivered)
		require.Equal(t, "one.example.org", s.Target)
		asked := rs.asked("one.example.org")
		require.Equal(t, uint64(asked), s.Failures)
		require.Less(t, asked, 2*(8+60*60/150+1), "pauses double, up to five minutes less a half")
		require.Greater(t, asked, 2*(8+60*60/300-2))

		rs.respond(nil)
		<-time.After(mostPause)
		synctest.Wait()
		for _, stream := range []string{"a", "b"} {
			require.Equal(t, counts(events), rs.numbers("one.example.org", stream))
		}
		require.Zero(t, h.States()[0].Queued)
		require.Zero(t, h.Lost())
	})
}

// What is told of one stream again and again, or takes long, holds up nothing of another one. When the server is back, all that failed is
// tried at once.
func TestStreamsDoNotWaitForEachOther(t *testing.T) {
	for name, fail := range map[string]func(*http.Request) (*http.Response, error){
		"refused": func(*http.Request) (*http.Response, error) { return status(http.StatusInternalServerError), nil },
		"silent":  func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
		"elsewhere": func(*http.Request) (*http.Response, error) {
			r := status(http.StatusPermanentRedirect)
			r.Header.Set("Location", otherURL)
			return r, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rs := newReceivers(t)
				h, stop := start(t, rs.options(t.TempDir(), onlyURL))
				defer stop()
				rs.respond(func(r *http.Request, e told) (*http.Response, error) {
					if strings.HasPrefix(e.Data.Stream, "bad") {
						return fail(r)
					}
					return status(http.StatusAccepted), nil
				})
				for i := range 3 {
					h.Tell(event(fmt.Sprint("bad", i), 0))
				}
				for n := range 20 {
					h.Tell(event("good", n))
					synctest.Wait()
					require.Equal(t, counts(n+1), rs.numbers("one.example.org", "good"), "at once")
					<-time.After(10 * time.Second)
				}
				require.Equal(t, 3, h.States()[0].Queued)
				require.Zero(t, rs.asked("two.example.org"), "no redirect is followed")
				rs.respond(nil)
				<-time.After(2 * mostPause)
				require.Equal(t, []int{0}, rs.numbers("one.example.org", "bad0"))
				require.Zero(t, h.States()[0].Queued)
			})
		})
	}
}

// After an outage the first event that is taken has all others tried at once, not at the end of their pauses.
func TestBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newReceivers(t)
		h, stop := start(t, rs.options(t.TempDir(), onlyURL))
		defer stop()
		rs.refuse(http.StatusBadGateway)
		for i := range 10 {
			h.Tell(event(fmt.Sprint("cam", i), 0))
		}
		<-time.After(time.Hour)
		rs.respond(nil)
		h.Tell(event("new", 0))
		synctest.Wait()
		require.Zero(t, h.States()[0].Queued)
	})
}

// What a server asks for is heeded, in bounds.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"60": time.Minute, "86400": time.Hour, "0": leastPause / 2, "soon": leastPause / 2} {
		synctest.Test(t, func(t *testing.T) {
			rs := newReceivers(t)
			h, stop := start(t, rs.options(t.TempDir(), onlyURL))
			defer stop()
			rs.respond(func(*http.Request, told) (*http.Response, error) {
				r := status(http.StatusTooManyRequests)
				r.Header.Set("Retry-After", value)
				return r, nil
			})
			h.Tell(event("cam", 0))
			<-time.After(want - time.Millisecond)
			require.Equal(t, 1, rs.asked("one.example.org"), value)
			<-time.After(leastPause)
			require.Equal(t, 2, rs.asked("one.example.org"), value)
		})
	}
}

// A server that answers 410 is told nothing more, until the next start.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir := newReceivers(t), t.TempDir()
		h, stop := start(t, rs.options(dir, onlyURL))
		rs.refuse(http.StatusGone)
		h.Tell(event("cam", 0))
		h.Tell(event("cam", 1))
		synctest.Wait()
		h.Tell(event("cam", 2))
		<-time.After(time.Hour)
		require.Equal(t, 1, rs.asked("one.example.org"))
		s := h.States()[0]
		require.Equal(t, uint64(3), s.Gone)
		require.Zero(t, s.Queued)
		stop()

		rs.respond(nil)
		h, stop = start(t, rs.options(dir, onlyURL))
		defer stop()
		h.Tell(event("cam", 3))
		synctest.Wait()
		require.Equal(t, []int{3}, rs.numbers("one.example.org", "cam"))
	})
}

// An event that nobody takes is given up after three days, and the next one of the stream follows.
func TestOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newReceivers(t)
		h, stop := start(t, rs.options(t.TempDir(), onlyURL))
		defer stop()
		rs.respond(func(_ *http.Request, e told) (*http.Response, error) {
			if e.Data.N == 0 {
				return status(http.StatusBadRequest), nil
			}
			return status(http.StatusOK), nil
		})
		h.Tell(event("cam", 0))
		<-time.After(time.Hour)
		h.Tell(event("cam", 1))
		<-time.After(maxAge - time.Hour - time.Second)
		require.Equal(t, 2, h.States()[0].Queued)
		<-time.After(2 * mostPause)
		require.Equal(t, []int{1}, rs.numbers("one.example.org", "cam"))
		require.Equal(t, uint64(1), h.States()[0].Old)
	})
}

// A queue that is full keeps the newest events, on the disk too.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir := newReceivers(t), t.TempDir()
		o := rs.options(dir, onlyURL)
		h, stop := start(t, o)
		rs.refuse(http.StatusServiceUnavailable)
		for n := range maxQueued + 10 {
			h.Tell(event("cam", n))
			if n%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		s := h.States()[0]
		require.Equal(t, maxQueued, s.Queued)
		require.Equal(t, uint64(10), s.Full)
		stop()
		left, damaged, err := readJournal(filepath.Join(dir, fileName(onlyURL)))
		require.NoError(t, err)
		require.Zero(t, damaged)
		require.Len(t, left, maxQueued)
		require.Contains(t, string(left[maxQueued-1].Body), fmt.Sprint(maxQueued+9))
	})
}

// Too many events at once are counted, and never waited with.
func TestTellNeverWaits(t *testing.T) {
	rs := newReceivers(t)
	h, err := New(rs.options(t.TempDir(), onlyURL))
	require.NoError(t, err)
	for n := range maxOffered + 5 { // nothing runs
		h.Tell(event("cam", n))
	}
	require.Equal(t, uint64(5), h.Lost())
	none, err := New(Options{Dir: filepath.Join(t.TempDir(), "none"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	none.Tell(event("cam", 0))
	require.Empty(t, none.States())
	require.NoDirExists(t, filepath.Join(t.TempDir(), "none"))
}

// A service that is killed has told, after its next start, what it had not: with the same ids, in order, and for the right target.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir, copied := newReceivers(t), t.TempDir(), t.TempDir()
		h, stop := start(t, rs.options(dir, onlyURL, otherURL))
		h.Tell(event("cam", 0)) // taken by both
		synctest.Wait()
		rs.refuse(http.StatusInternalServerError)
		for n := range 3 {
			h.Tell(event("cam", 1+n))
		}
		synctest.Wait()
		require.NoError(t, os.CopyFS(filepath.Join(copied, "left"), os.DirFS(dir))) // as kill -9 leaves it: nothing has been closed
		stop()

		rs.respond(nil)
		copied = filepath.Join(copied, "left")
		_, stop = start(t, rs.options(copied, onlyURL))
		synctest.Wait()
		require.Equal(t, counts(4), rs.numbers("one.example.org", "cam"))
		require.Equal(t, counts(1), rs.numbers("two.example.org", "cam"))
		files, err := os.ReadDir(copied)
		require.NoError(t, err)
		require.Len(t, files, 1, "that of a target that is configured no more has been deleted")
		stop()

		h, stop = start(t, rs.options(copied, onlyURL))
		defer stop()
		<-time.After(time.Hour)
		require.Equal(t, counts(4), rs.numbers("one.example.org", "cam"), "what was taken is not told again")
		require.Zero(t, h.States()[0].Queued)
	})
}

// What is told when the service stops still goes out, once; what is not taken is told after the next start.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir := newReceivers(t), t.TempDir()
		h, stop := start(t, rs.options(dir, onlyURL))
		for n := range 10 {
			h.Tell(event("cam", n))
		}
		began := time.Now()
		stop()
		require.Equal(t, counts(10), rs.numbers("one.example.org", "cam"))
		require.Zero(t, time.Since(began))

		rs.respond(func(r *http.Request, _ told) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		h, stop = start(t, rs.options(dir, onlyURL))
		h.Tell(event("cam", 10))
		began = time.Now()
		stop()
		require.Equal(t, lastWithin, time.Since(began))
		require.Equal(t, 1, h.States()[0].Queued)
		require.Zero(t, h.States()[0].Failures, "it was not the server's")

		rs.respond(nil)
		_, stop = start(t, rs.options(dir, onlyURL))
		defer stop()
		synctest.Wait()
		require.Equal(t, counts(11), rs.numbers("one.example.org", "cam"))
	})
}

// Each target has the events that it wants.
func TestEventsOfTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newReceivers(t)
		o := rs.options(t.TempDir(), onlyURL, otherURL)
		o.Targets[0].Events = []string{"stream.ended", "recording.*"}
		h, stop := start(t, o)
		defer stop()
		for _, name := range Types() {
			h.Tell(Event{Type: name, About: "x", At: time.Now(), Data: map[string]any{}})
		}
		synctest.Wait()
		var one, two []string
		for _, e := range rs.had["one.example.org"] {
			one = append(one, e.Type)
		}
		for _, e := range rs.had["two.example.org"] {
			two = append(two, e.Type)
		}
		require.Equal(t, []string{StreamEnded, RecordingStarted, RecordingFinished, RecordingFailed, RecordingReady}, one)
		require.Equal(t, Types(), two)
		require.Equal(t, rs.had["one.example.org"][0].ID, rs.had["two.example.org"][3].ID, "one event, one id")
	})
}
