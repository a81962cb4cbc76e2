package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 2 * time.Minute

// eventually waits for what others bring about.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond)
}

func options(origin string) Options {
	u, _ := url.Parse(origin)
	return Options{
		Origin: u, Transport: http.DefaultTransport, MaxBytes: 64 << 20, Requests: 1000, Logger: slog.New(slog.DiscardHandler),
		Pass: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "passed %s", r.URL) }),
	}
}

// origin is a scripted server, and the relay before it.
type origin struct {
	*httptest.Server
	asked atomic.Int64
	cache *Cache
	relay *httptest.Server
}

func newOrigin(t *testing.T, handler http.HandlerFunc) *origin {
	o := &origin{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked.Add(1)
		handler(w, r)
	}))
	transport := &http.Transport{DisableCompression: true}
	settings := options(o.URL)
	settings.Transport = transport
	o.cache = New(settings)
	o.relay = httptest.NewServer(o.cache)
	t.Cleanup(func() {
		o.relay.Close()
		o.Close()
		transport.CloseIdleConnections()
	})
	return o
}

func get(t *testing.T, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

// waiting is how many wait for the answer to a name.
func (c *Cache) waitingFor(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.answers[key]; a != nil {
		return a.waiting
	}
	return 0
}

func TestOneRequestForAllWhoWait(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/live/cam/720p.m3u8?_HLS_msn=7&_HLS_part=2", r.URL.RequestURI())
		<-release
		w.Header().Set("Cache-Control", "public, max-age=0, s-maxage=12")
		_, _ = io.WriteString(w, "#EXTM3U")
	})
	const viewers = 200
	recorders := make([]*httptest.ResponseRecorder, viewers)
	var all sync.WaitGroup
	for i := range recorders {
		recorders[i] = httptest.NewRecorder()
		// Each writes it in another way, and tells of itself.
		query := []string{"_HLS_msn=7&_HLS_part=2", "_HLS_part=2&_HLS_msn=7", "CMCD=sid%3D1&%5FHLS_msn=7&_HLS_part=2&_HLS_part=3"}[i%3]
		all.Go(func() {
			o.cache.ServeHTTP(recorders[i], httptest.NewRequest("GET", "/live/cam/720p.m3u8?"+query, nil))
		})
	}
	eventually(t, func() bool { return o.cache.waitingFor("/live/cam/720p.m3u8?_HLS_msn=7&_HLS_part=2") == viewers })
	close(release)
	all.Wait()
	for _, answer := range recorders {
		require.Equal(t, 200, answer.Code)
		require.Equal(t, "#EXTM3U", answer.Body.String())
		require.Equal(t, "public, max-age=0, s-maxage=12", answer.Header().Get("Cache-Control"))
		require.Equal(t, "7", answer.Header().Get("Content-Length"))
	}
	get(t, o.relay.URL+"/live/cam/720p.m3u8?_HLS_msn=7&_HLS_part=2", "Accept-Encoding", "identity")
	require.EqualValues(t, 1, o.asked.Load())
	eventually(t, func() bool { return o.cache.Stats().Waiting == 0 }) // what has answered them may still be at its end
	stats := o.cache.Stats()
	require.EqualValues(t, viewers+1, stats.Requests)
	require.EqualValues(t, viewers, stats.Hits)
	require.EqualValues(t, 1, stats.Upstream)
	require.EqualValues(t, 7, stats.BytesIn)
	require.EqualValues(t, 7*(viewers+1), stats.BytesOut)
}

func TestLateComersFollowWhatGrows(t *testing.T) {
	grow := make(chan string)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Accel-Buffering", "no")
		for chunk := range grow {
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
		}
	})
	read := func(body io.Reader, n int) string {
		text := make([]byte, n)
		_, err := io.ReadFull(body, text)
		require.NoError(t, err)
		return string(text)
	}
	open := func(headers ...string) *http.Response {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, o.relay.URL+"/live/cam/E/720p-7.m4s", nil)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, "no", response.Header.Get("X-Accel-Buffering"))
		return response
	}
	go func() { grow <- "one " }()
	first := open()
	require.Equal(t, "one ", read(first.Body, 4))
	late := open("Range", "bytes=0-") // which of a segment in progress there is none: RFC 9110 §14.2
	require.Equal(t, "one ", read(late.Body, 4))
	grow <- "two "
	require.Equal(t, "two ", read(first.Body, 4))
	require.Equal(t, "two ", read(late.Body, 4))
	latest := open()
	require.Equal(t, "one two ", read(latest.Body, 8))
	close(grow)
	for _, response := range []*http.Response{first, late, latest} {
		rest, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.NoError(t, response.Body.Close())
	}
	eventually(t, func() bool { return o.cache.Stats().Waiting == 0 })
	whole, body := get(t, o.relay.URL+"/live/cam/E/720p-7.m4s?token=somebody")
	require.Equal(t, "one two ", body)
	require.EqualValues(t, 8, whole.ContentLength, "once it is whole its length is known")
	ranged, part := get(t, o.relay.URL+"/live/cam/E/720p-7.m4s", "Range", "bytes=4-6")
	require.Equal(t, 206, ranged.StatusCode)
	require.Equal(t, "two", part)
	require.Equal(t, "bytes 4-6/8", ranged.Header.Get("Content-Range"))
	require.EqualValues(t, 1, o.asked.Load())
}

func TestWhatBreaksOffIsCutForAllAndAskedForAnew(t *testing.T) {
	cut := make(chan struct{})
	var breaks atomic.Bool
	breaks.Store(true)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		if breaks.Load() {
			<-cut
			panic(http.ErrAbortHandler)
		}
	})
	var bodies []io.ReadCloser
	for range 2 {
		response, err := http.Get(o.relay.URL + "/live/cam/E/720p-7.m4s")
		require.NoError(t, err)
		defer response.Body.Close()
		bodies = append(bodies, response.Body)
	}
	close(cut)
	for _, body := range bodies {
		text, err := io.ReadAll(body)
		require.Error(t, err, "who has had half must not take it for all")
		require.Equal(t, "half", string(text))
	}
	breaks.Store(false)
	_, text := get(t, o.relay.URL+"/live/cam/E/720p-7.m4s")
	require.Equal(t, "half", text)
	require.EqualValues(t, 2, o.asked.Load())
	require.EqualValues(t, 1, o.cache.Stats().Failures)
}

// Only when the last of those who wait has gone, the origin is told.
func TestRequestEndsWhenNobodyWaits(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	o := newOrigin(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	ask := func() (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.cache.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/live/cam/E/720p-7.0.m4s", nil).WithContext(ctx))
		}()
		return func() { cancel(); <-done }
	}
	first := ask()
	<-begun
	second := ask()
	eventually(t, func() bool { return o.cache.waitingFor("/live/cam/E/720p-7.0.m4s") == 2 })
	first()
	select {
	case <-gone:
		t.Fatal("somebody still waits")
	default:
	}
	require.Equal(t, 1, o.cache.waitingFor("/live/cam/E/720p-7.0.m4s"))
	second()
	<-gone
	eventually(t, func() bool { return o.cache.Stats().Waiting == 0 })
	require.Zero(t, o.cache.Stats().Bytes)
	require.Zero(t, o.cache.Stats().Answers)
	require.Zero(t, o.cache.Stats().Failures, "that is nobody's fault")
}

// network is an origin without a network, for tests in which time is not real.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

func answerOf(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// simulated is a Cache before a network.
func simulated(n network) *Cache {
	settings := options("http://origin.example/media")
	settings.Transport = n
	return New(settings)
}

func (c *Cache) client(t testing.TB, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	c.ServeHTTP(answer, r)
	return answer
}

func TestFreshness(t *testing.T) {
	for name, tc := range map[string]struct {
		status  int
		headers []string
		lasts   time.Duration
	}{
		"a playlist":                  {200, []string{"Cache-Control", "public, max-age=1"}, time.Second},
		"one that was waited for":     {200, []string{"Cache-Control", "public, max-age=0, s-maxage=12"}, 12 * time.Second},
		"the same, written otherwise": {200, []string{"Cache-Control", `S-MaxAge="12", Max-Age=0`}, 12 * time.Second},
		"one that is old already":     {200, []string{"Cache-Control", "public, s-maxage=12", "Age", "5"}, 7 * time.Second},
		"varied by coding":            {200, []string{"Cache-Control", "public, max-age=1", "Vary", "Accept-Encoding"}, time.Second},
		"varied by something else":    {200, []string{"Cache-Control", "public, max-age=1", "Vary", "Cookie"}, 0},
		"not to be kept":              {200, []string{"Cache-Control", "no-store, max-age=10"}, 0},
		"somebody's":                  {200, []string{"Cache-Control", "private, max-age=10"}, 0},
		"without a word":              {200, nil, 0},
		"no number":                   {200, []string{"Cache-Control", "max-age=soon"}, 0},
		"not there":                   {404, []string{"Cache-Control", "no-store", "Retry-After", "2"}, 0},
		"not there, it may be kept":   {410, []string{"Cache-Control", "max-age=10"}, 0},
		"starting":                    {503, []string{"Retry-After", "1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := simulated(func(r *http.Request) (*http.Response, error) {
					asked++
					require.Equal(t, "http://origin.example/media/live/cam/720p.m3u8", r.URL.String())
					return answerOf(tc.status, fmt.Sprint("answer ", asked), tc.headers...), nil
				})
				first := c.client(t, "/live/cam/720p.m3u8")
				require.Equal(t, tc.status, first.Code)
				require.Equal(t, "answer 1", first.Body.String())
				for i := 0; i < len(tc.headers); i += 2 {
					require.Equal(t, tc.headers[i+1], first.Header().Get(tc.headers[i]))
				}
				synctest.Wait()
				if tc.lasts > 0 {
					time.Sleep(tc.lasts - time.Millisecond)
					require.Equal(t, "answer 1", c.client(t, "/live/cam/720p.m3u8").Body.String())
					time.Sleep(time.Millisecond)
				}
				require.Equal(t, "answer 2", c.client(t, "/live/cam/720p.m3u8").Body.String(), "nothing is served stale")
				synctest.Wait()
			})
		})
	}
}

func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := simulated(func(*http.Request) (*http.Response, error) {
			return answerOf(200, "segment", "Cache-Control", "public, max-age=31536000, immutable", "Age", "3", "Etag", `"E/7"`), nil
		})
		require.Equal(t, "3", c.client(t, "/live/cam/E/720p-7.m4s").Header().Get("Age"))
		time.Sleep(2500 * time.Millisecond)
		again := c.client(t, "/live/cam/E/720p-7.m4s", "If-None-Match", `"other", W/"E/7"`)
		require.Equal(t, "5", again.Header().Get("Age"))
		require.Equal(t, 304, again.Code)
		require.Empty(t, again.Body.String())
		require.Equal(t, `"E/7"`, again.Header().Get("Etag"))
	})
}

func TestHead(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		_, _ = io.WriteString(w, "segment")
	})
	for range 2 {
		response, err := http.Head(o.relay.URL + "/live/cam/E/720p-7.m4s")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		require.EqualValues(t, 7, response.ContentLength)
	}
}

// Who takes compressed playlists gets those of the origin, and who does not gets them as they are.
func TestCodings(t *testing.T) {
	c := simulated(func(r *http.Request) (*http.Response, error) {
		coding := r.Header.Get("Accept-Encoding")
		return answerOf(200, coding, "Cache-Control", "max-age=60", "Vary", "Accept-Encoding", "Content-Encoding", coding), nil
	})
	for accepted, want := range map[string]string{
		"": "identity", "gzip": "gzip", "br, GZip;q=0.5": "gzip", "gzip;q=0": "identity", "*": "gzip", "gzip;q=0.0, *": "identity", "br": "identity",
	} {
		for path, want := range map[string]string{"/live/cam/720p.m3u8": want, "/live/cam/manifest.mpd": want, "/live/cam/E/720p-7.m4s": "identity"} {
			answer := c.client(t, path, "Accept-Encoding", accepted)
			require.Equal(t, want, answer.Body.String(), "%s for %q", path, accepted)
			require.Equal(t, want, answer.Header().Get("Content-Encoding"))
		}
	}
	require.EqualValues(t, 5, c.Stats().Upstream)
}

func TestOriginAway(t *testing.T) {
	refused := errors.New("connection refused")
	for name, tc := range map[string]struct {
		away time.Duration
		how  func() (*http.Response, error)
		want int
		took time.Duration // at most
	}{
		"restarted":                       {3 * time.Second, func() (*http.Response, error) { return nil, refused }, 200, 4 * time.Second},
		"restarted behind a proxy":        {3 * time.Second, func() (*http.Response, error) { return answerOf(502, ""), nil }, 200, 4 * time.Second},
		"gone":                            {time.Hour, func() (*http.Response, error) { return nil, refused }, 503, 9 * time.Second},
		"gone behind a proxy":             {time.Hour, func() (*http.Response, error) { return answerOf(504, ""), nil }, 503, 9 * time.Second},
		"it says itself that it is early": {time.Hour, func() (*http.Response, error) { return answerOf(503, "", "Retry-After", "5"), nil }, 503, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c := simulated(func(*http.Request) (*http.Response, error) {
					if time.Since(began) < tc.away {
						return tc.how()
					}
					return answerOf(200, "back", "Cache-Control", "max-age=60"), nil
				})
				var viewers sync.WaitGroup
				for range 20 {
					viewers.Go(func() {
						answer := c.client(t, "/live/cam/E/720p-7.m4s")
						require.Equal(t, tc.want, answer.Code)
						require.Equal(t, tc.want == 503, answer.Header().Get("Retry-After") != "")
					})
				}
				viewers.Wait()
				require.LessOrEqual(t, time.Since(began), tc.took)
				if tc.took > 0 {
					require.Less(t, c.Stats().Upstream, uint64(20), "they wait for one who asks again")
				}
				synctest.Wait()
				require.Zero(t, c.Stats().Waiting)
			})
		})
	}
}

// An origin that takes a request and says nothing, or stops in the middle, holds nobody for ever.
func TestOriginStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := simulated(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		require.Equal(t, 503, c.client(t, "/live/cam/E/720p-7.m4s").Code)
		require.LessOrEqual(t, time.Since(began), 15*time.Second)
		c = simulated(func(r *http.Request) (*http.Response, error) {
			body, write := io.Pipe()
			go func() {
				_, _ = write.Write([]byte("half"))
				<-r.Context().Done()
				_ = write.CloseWithError(r.Context().Err())
			}()
			return &http.Response{StatusCode: 200, Header: http.Header{"Cache-Control": {"max-age=60"}}, Body: body, ContentLength: -1}, nil
		})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { c.client(t, "/live/cam/E/720p-8.m4s") })
		synctest.Wait()
		require.Zero(t, c.Stats().Answers)
		require.Zero(t, c.Stats().Bytes)
	})
}

func TestWhatIsForOneClientIsNotShared(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		w.Header().Set("Cache-Control", "private, max-age=10")
		_, _ = io.WriteString(w, "the first one's")
	})
	var all sync.WaitGroup
	var mu sync.Mutex
	bodies := map[string]int{}
	for range 3 {
		all.Go(func() {
			answer := o.cache.client(t, "/live/cam/index.m3u8")
			mu.Lock()
			defer mu.Unlock()
			bodies[answer.Body.String()]++
		})
	}
	eventually(t, func() bool { return o.cache.waitingFor("/live/cam/index.m3u8") == 3 })
	close(release)
	all.Wait()
	require.Equal(t, map[string]int{"the first one's": 1, "passed /live/cam/index.m3u8": 2}, bodies)
	for _, target := range []string{"/live/cam/index.m3u8?token=t", "/live/cam/manifest.mpd?a=b&token=t", "/live/cam/snapshot.jpg?every=2s", "/live/cam/manifest.mpd?" + strings.Repeat("x", 3000)} {
		require.Equal(t, "passed "+target, o.cache.client(t, target).Body.String())
	}
	require.Equal(t, "passed /live/cam/index.m3u8", o.cache.client(t, "/live/cam/index.m3u8", "Authorization", "Bearer key").Body.String())
	require.EqualValues(t, 1, o.asked.Load())
}

// Who makes up the way that a request has come by gets the refusal of that alone.
func TestLoopIsNotShared(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		w.WriteHeader(http.StatusLoopDetected)
	})
	codes := make(chan int, 2)
	for range 2 {
		go func() { codes <- o.cache.client(t, "/live/cam/audio.m3u8", "Via", "1.1 made-up").Code }()
	}
	eventually(t, func() bool { return o.cache.waitingFor("/live/cam/audio.m3u8") == 2 })
	close(release)
	require.ElementsMatch(t, []int{http.StatusOK, http.StatusLoopDetected}, []int{<-codes, <-codes})
	require.EqualValues(t, 1, o.asked.Load())
}

func TestMemoryIsBounded(t *testing.T) {
	settings := options("http://origin.example")
	settings.MaxBytes = 10 * (1000 + overhead)
	settings.Transport = network(func(r *http.Request) (*http.Response, error) {
		return answerOf(200, strings.Repeat("x", 1000), "Cache-Control", "public, max-age=31536000, immutable"), nil
	})
	c := New(settings)
	name := func(i int) string { return fmt.Sprintf("/live/cam/E/720p-%d.m4s", i) }
	for i := range 30 {
		require.Equal(t, 200, c.client(t, name(i)).Code)
		eventually(t, func() bool { return c.Stats().Waiting == 0 })
		require.Equal(t, 200, c.client(t, name(0)).Code, "what is used stays")
	}
	stats := c.Stats()
	require.Equal(t, 10, stats.Answers)
	require.LessOrEqual(t, stats.Bytes, settings.MaxBytes)
	require.EqualValues(t, 30, stats.Upstream)
	c.options.MaxBytes = 500
	require.Equal(t, 503, c.client(t, name(99)).Code, "what has no room at all is not passed on in part")
	eventually(t, func() bool { return c.Stats().Waiting == 0 })
	require.Zero(t, c.Stats().Bytes)
}

func TestRequestsToTheOriginAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := simulated(func(*http.Request) (*http.Response, error) {
			<-release
			return answerOf(200, "part", "Cache-Control", "max-age=60"), nil
		})
		c.options.Requests = 3
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() { require.Equal(t, 200, c.client(t, fmt.Sprintf("/live/cam/E/720p-7.%d.m4s", i)).Code) })
		}
		synctest.Wait()
		require.Equal(t, 3, c.Stats().Waiting)
		refused := c.client(t, "/live/cam/E/720p-7.3.m4s")
		require.Equal(t, 503, refused.Code)
		require.Equal(t, "1", refused.Header().Get("Retry-After"))
		all.Go(func() {
			require.Equal(t, 200, c.client(t, "/live/cam/E/720p-7.1.m4s").Code, "what is under way takes no more")
		})
		synctest.Wait()
		close(release)
		all.Wait()
		synctest.Wait()
		require.Equal(t, 200, c.client(t, "/live/cam/E/720p-7.3.m4s").Code)
		require.EqualValues(t, 1, c.Stats().Refused)
	})
}

func TestWhatIsOldGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := simulated(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, ".m4s") {
				return answerOf(200, "segment", "Cache-Control", "public, max-age=31536000, immutable"), nil
			}
			return answerOf(200, "playlist", "Cache-Control", "s-maxage=12"), nil
		})
		for i := range 10 {
			c.client(t, fmt.Sprintf("/live/cam/720p.m3u8?_HLS_msn=%d", i))
			c.client(t, fmt.Sprintf("/live/cam/E/720p-%d.m4s", i))
		}
		synctest.Wait()
		require.Equal(t, 20, c.Stats().Answers)
		time.Sleep(time.Minute)
		c.client(t, "/live/cam/E/720p-0.m4s")
		require.Equal(t, 10, c.Stats().Answers, "no playlist is kept that nobody can get")
		time.Sleep(idleAfter)
		c.client(t, "/live/cam/E/720p-11.m4s")
		synctest.Wait()
		require.Equal(t, 2, c.Stats().Answers, "nor what nobody wants")
	})
}

// A relay's origin may be a relay.
func TestChain(t *testing.T) {
	grow := make(chan string)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		for chunk := range grow {
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
		}
	})
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	settings := options(o.relay.URL)
	settings.Transport = transport
	second := New(settings)
	const viewers = 20
	bodies := make([]bytes.Buffer, viewers)
	var all sync.WaitGroup
	for i := range bodies {
		all.Go(func() {
			answer := httptest.NewRecorder()
			answer.Body = &bodies[i]
			second.ServeHTTP(answer, httptest.NewRequest("GET", "/live/cam/E/720p-7.m4s", nil))
		})
	}
	for _, chunk := range []string{"one ", "two ", "three"} {
		grow <- chunk
	}
	close(grow)
	all.Wait()
	for i := range bodies {
		require.Equal(t, "one two three", bodies[i].String())
	}
	require.EqualValues(t, 1, o.asked.Load())
	require.EqualValues(t, 1, o.cache.Stats().Requests)
}

func TestPrepare(t *testing.T) {
	settings := options("http://origin.example")
	settings.Prepare = func(r *http.Request) { r.Header.Add("Via", "1.1 relay") }
	var via [][]string
	settings.Transport = network(func(r *http.Request) (*http.Response, error) {
		via = append(via, r.Header["Via"])
		if len(via) == 1 {
			return nil, errors.New("connection reset")
		}
		return answerOf(200, ""), nil
	})
	require.Equal(t, 200, New(settings).client(t, "/live/cam/index.m3u8", "Via", "1.1 front").Code)
	require.Equal(t, [][]string{{"1.1 front", "1.1 relay"}, {"1.1 front", "1.1 relay"}}, via)
}

// Whoever comes to write only after an answer has broken off is not told that the part of it is all.
func TestWhatHasBrokenOffIsNeverWhole(t *testing.T) {
	c := simulated(nil)
	a := newAnswer("/live/cam/E/720p-7.m4s", func() {})
	response := answerOf(200, "", "Cache-Control", "public, max-age=31536000, immutable")
	response.ContentLength = -1
	half := strings.Repeat("half", 4<<10)
	a.change(func() {
		a.head, a.body = newHead(response, time.Now()), []byte(half)
		a.ended, a.err = true, errors.New("cut")
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := a.now()
		c.write(w, r, a, s)
	}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.ReadAll(answer.Body)
	require.Error(t, err)
}

// The zone of a link-local address is written in one way in a URL and in another without.
func TestOriginOfAnInterface(t *testing.T) {
	asked := make(chan string, 1)
	settings := options("http://[fe80::1%25eth0]:8080/media")
	settings.Transport = network(func(r *http.Request) (*http.Response, error) {
		asked <- r.URL.Host + r.URL.RequestURI()
		return answerOf(200, "#EXTM3U"), nil
	})
	require.Equal(t, 200, New(settings).client(t, "/live/cam/720p.m3u8?_HLS_msn=7").Code)
	require.Equal(t, "[fe80::1%eth0]:8080/media/live/cam/720p.m3u8?_HLS_msn=7", <-asked)
}

// A relay that stops answers those who wait with no empty document, and breaks off what it has begun.
func TestRelayStopsMeanwhile(t *testing.T) {
	begun := make(chan struct{}, 1)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m4s") {
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
		}
		begun <- struct{}{}
		<-r.Context().Done()
	})
	stopping := func() (relay *httptest.Server, stop context.CancelFunc) {
		ctx, stop := context.WithCancel(t.Context())
		relay = httptest.NewUnstartedServer(o.cache)
		relay.Config.BaseContext = func(net.Listener) context.Context { return ctx }
		relay.Start()
		t.Cleanup(relay.Close)
		return relay, stop
	}
	relay, stop := stopping()
	go func() {
		<-begun
		stop()
	}()
	answer, err := relay.Client().Get(relay.URL + "/live/cam/source.m3u8?_HLS_msn=7")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Equal(t, "1", answer.Header.Get("Retry-After"))

	relay, stop = stopping()
	answer, err = relay.Client().Get(relay.URL + "/live/cam/e/source-7.m4s")
	require.NoError(t, err)
	defer answer.Body.Close()
	half := make([]byte, 4)
	_, err = io.ReadFull(answer.Body, half)
	require.NoError(t, err)
	stop()
	_, err = io.ReadAll(answer.Body)
	require.Error(t, err, "it is not whole")
}
