package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// asking is a gate that asks the handler.
func asking(t testing.TB, timeout time.Duration, handler http.HandlerFunc) *Gate {
	t.Helper()
	server := httptest.NewServer(handler)
	g := New(config.Auth{Callback: config.Callback{URL: server.URL, Timeout: timeout, Actions: []string{"watch", "publish"}}}, Secret{}, silent())
	t.Cleanup(func() {
		g.rights.Load().callback.client.CloseIdleConnections()
		server.Close()
	})
	return g
}

// What the callback is sent, and what its answers mean.
func TestCallback(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		want   int
		says   string
	}{
		"yes":                     {200, "", 200, ""},
		"yes, without content":    {204, "", 200, ""},
		"yes, in words":           {200, "OK", 200, ""},
		"yes, as SRS has it":      {200, "0", 200, ""},
		"yes, as JSON":            {200, `{"code": 0}`, 200, ""},
		"no, as SRS has it":       {200, "1", 403, ""},
		"no, as JSON":             {200, `{"code": 403, "reason": "Buy a ticket."}`, 403, "Buy a ticket."},
		"no":                      {403, "", 403, ""},
		"no, with a reason":       {403, `{"reason": "Buy a ticket."}`, 403, "Buy a ticket."},
		"who":                     {401, "", 401, "token"},
		"broken JSON":             {200, `{"code": `, 503, ""},
		"an end that is none":     {200, `{"until": "soon"}`, 503, ""},
		"an end that has been":    {200, `{"until": 1000}`, 403, "ended"},
		"a redirect":              {302, "", 503, ""},
		"not found":               {404, "", 503, ""},
		"a fault":                 {500, "", 503, "does not answer as it should"},
		"far too much":            {200, strings.Repeat(" ", maxCallbackBody+1), 503, ""},
		"a reason that is a book": {403, `{"reason": "` + strings.Repeat("no ", maxReason) + `"}`, 403, "ask whoever"},
	} {
		t.Run(name, func(t *testing.T) {
			var got question
			g := asking(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
				_ = json.NewDecoder(r.Body).Decode(&got)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = fmt.Fprint(w, tc.body)
			})
			_, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio", Token: "a.ticket", Address: "192.0.2.1", Protocol: "hls"})
			require.Equal(t, tc.want, statusOf(t, err), err)
			require.Equal(t, question{Watch, "studio", "192.0.2.1", "a.ticket", "hls"}, got)
			if tc.says != "" {
				require.ErrorContains(t, err, tc.says)
			}
		})
	}
}

// Answers are used again for as long as they say, of yes and no; an answer that says nothing is not.
func TestCallbackIsRemembered(t *testing.T) {
	for name, tc := range map[string]struct {
		header string
		asked  int32 // for ten questions
		fresh  time.Duration
	}{
		"nothing said": {"", 10, 0}, "not to be kept": {"no-store, max-age=60", 10, 0}, "for a minute": {"private, max-age=60", 1, time.Minute},
		"for an age": {"max-age=2000000000", 1, longestCached}, "for what?": {"max-age=soon", 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.fresh, cachedFor(http.Header{"Cache-Control": {tc.header}}))
			for _, status := range []int{200, 403} {
				var asked atomic.Int32
				g := asking(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
					asked.Add(1)
					w.Header().Set("Cache-Control", tc.header)
					w.WriteHeader(status)
				})
				for range 10 {
					_, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio"})
					require.Equal(t, status, statusOf(t, err))
				}
				require.Equal(t, tc.asked, asked.Load())
				_, _ = g.May(t.Context(), Request{Action: Watch, Stream: "other"})
				require.Equal(t, tc.asked+1, asked.Load(), "another question")
			}
		})
	}
}

// Questions are told from each other, wherever their fields end.
func TestQuestionsDiffer(t *testing.T) {
	seen := map[[32]byte]bool{}
	for _, q := range []Request{{}, {Stream: "a"}, {Token: "a"}, {Address: "a"}, {Stream: "ab", Address: "c"}, {Stream: "a", Address: "bc"}, {Token: strings.Repeat("a", 1000)}, {Token: strings.Repeat("a", 1001)}} {
		require.False(t, seen[q.digest()], "%+v", q)
		seen[q.digest()] = true
		require.Equal(t, q.digest(), q.digest())
	}
}

// Many who ask the same make one request; one that hangs lets nobody in, ends with its time, and holds up no other question.
func TestCallbackHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		g := New(config.Auth{Callback: config.Callback{URL: "http://site.example/may", Timeout: time.Minute, Actions: []string{"watch"}}}, Secret{}, silent())
		g.rights.Load().callback.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			var q question
			_ = json.NewDecoder(r.Body).Decode(&q)
			if q.Stream == "studio" {
				asked.Add(1)
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
		})
		var waiting sync.WaitGroup
		began, statuses := time.Now(), make([]int, 50)
		for i := range statuses {
			waiting.Go(func() {
				_, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio"})
				statuses[i] = statusOf(t, err)
			})
		}
		synctest.Wait()
		_, err := g.May(t.Context(), Request{Action: Watch, Stream: "other"})
		require.NoError(t, err)
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = g.May(impatient, Request{Action: Watch, Stream: "studio"})
		require.Equal(t, 503, statusOf(t, err))
		require.Zero(t, time.Since(began))
		waiting.Wait()
		require.Equal(t, time.Minute, time.Since(began))
		for _, status := range statuses {
			require.Equal(t, 503, status)
		}
		require.EqualValues(t, 1, asked.Load())
	})
}

// While a question is under way, those that are the same wait for its answer.
func TestCallbackIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, make(chan struct{})
		g := New(config.Auth{Callback: config.Callback{URL: "http://site.example/may", Timeout: time.Minute, Actions: []string{"watch"}}}, Secret{}, silent())
		g.rights.Load().callback.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			<-answer
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
		})
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				_, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio"})
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		close(answer)
		waiting.Wait()
		require.Equal(t, 1, asked)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Nobody listens, or who does speaks no HTTP.
func TestCallbackThatIsNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 smtp.example\r\n"))
			_ = c.Close()
		}
	}()
	for _, url := range []string{"http://" + l.Addr().String(), "http://127.0.0.1:1/"} {
		g := New(config.Auth{Callback: config.Callback{URL: url, Timeout: time.Minute, Actions: []string{"watch"}}}, Secret{}, silent())
		_, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio"})
		require.Equal(t, 503, statusOf(t, err))
		g.rights.Load().callback.client.CloseIdleConnections()
	}
}

// A grant of the callback ends when it says.
func TestCallbackSaysUntilWhen(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for body, want := range map[string]time.Time{
		`{"until": 1800000060}`: now.Add(time.Minute), `{"until": "2027-01-15T08:01:00Z"}`: now.Add(time.Minute), `{"until": null}`: {}, `{}`: {},
	} {
		a, err := readAnswer(200, http.Header{}, []byte(body), now)
		require.NoError(t, err, body)
		grant, refusal := a.grant(now)
		require.Nil(t, refusal)
		require.True(t, want.Equal(grant.Until), "%s: %v", body, grant.Until)
	}
	a, err := readAnswer(200, http.Header{"Cache-Control": {"max-age=600"}}, []byte(`{"until": 1800000060}`), now)
	require.NoError(t, err)
	_, refusal := a.grant(now.Add(time.Minute))
	require.Equal(t, 403, refusal.Status, "though the answer is kept for longer")
}

// Only a status of 2xx lets somebody in, and nothing makes the reader stumble.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "max-age=60", []byte(`{"code":0,"until":1.8e9}`))
	f.Add(403, "no-store", []byte(`{"reason":"no"}`))
	f.Add(200, "", []byte("1"))
	f.Fuzz(func(t *testing.T, status int, cacheControl string, body []byte) {
		now := time.Unix(1_800_000_000, 0)
		a, err := readAnswer(status, http.Header{"Cache-Control": {cacheControl}}, body, now)
		if err == nil && a.refusal == nil && status/100 != 2 || a.fresh.Sub(now) > longestCached {
			t.Fatalf("%d %q %q: %+v", status, cacheControl, body, a)
		}
	})
}
