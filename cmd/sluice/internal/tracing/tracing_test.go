package tracing

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is what takes traces.
type collector struct {
	*httptest.Server
	status int
	got    []exportRequest
	header http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request exportRequest
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &request) != nil || r.URL.Path != "/base/v1/traces" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.got, c.header = append(c.got, request), r.Header
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

// spans are those that have come, by name.
func (c *collector) spans() map[string]span {
	all := map[string]span{}
	for _, request := range c.got {
		for _, s := range request.ResourceSpans[0].ScopeSpans[0].Spans {
			all[s.Name] = s
		}
	}
	return all
}

// told are the attributes of a span.
func (s span) told() map[string]string {
	all := map[string]string{}
	for _, kv := range s.Attributes {
		if kv.Value.Int != nil {
			all[kv.Key] = *kv.Value.Int
		} else {
			all[kv.Key] = *kv.Value.String
		}
	}
	return all
}

// mux answers as the service does.
func mux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /live/{stream}/{file...}", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "bad") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "media")
	})
	return m
}

func ask(h http.Handler, path, parent string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if parent != "" {
		r.Header.Set("Traceparent", parent)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// A request is told with its route, as part of the trace that it comes with, and without what may be a key.
func TestRequestIsTraced(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base/", Header: "Authorization: Bearer of-the-collector", Every: 1, Logger: slog.New(slog.DiscardHandler)})
	h := tracer.Handler(mux())
	ask(h, "/live/cam/signed-secret/index.m3u8?token=secret", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	tracer.Close()
	s := c.spans()["GET /live/{stream}/{file...}"]
	require.Equal(t, []string{"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"}, []string{s.TraceID, s.ParentSpanID})
	require.Equal(t, 2, s.Kind, "server")
	require.Less(t, s.Start, s.End)
	require.Equal(t, map[string]string{
		"http.request.method": "GET", "http.response.status_code": "200", "http.response.body.size": "5", "http.route": "/live/{stream}/{file...}",
		"network.protocol.version": "1.1", "sluice.stream": "cam",
	}, s.told())
	require.Equal(t, status{}, s.Status)
	require.Equal(t, "Bearer of-the-collector", c.header.Get("Authorization"))
	about, err := json.Marshal(c.got)
	require.NoError(t, err)
	require.NotContains(t, string(about), "secret")
	require.Contains(t, string(about), `"service.name"`)
}

func TestFailedRequestIsAnError(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1, Logger: slog.New(slog.DiscardHandler)})
	ask(tracer.Handler(mux()), "/live/cam/bad", "")
	tracer.Close()
	require.Equal(t, status{errorCode, "Service Unavailable"}, c.spans()["GET /live/{stream}/{file...}"].Status)
}

// Whether a trace is one of those that are sent is told by its number, whatever its client asks for.
func TestOneOfSoMany(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1000, Logger: slog.New(slog.DiscardHandler)})
	h := tracer.Handler(mux())
	ask(h, "/live/cam/a", "00-0af7651916cd43ddffffffffffffffff-b7ad6b7169203331-01")
	ask(h, "/live/cam/b", "00-0af7651916cd43dd0000000000000001-b7ad6b7169203331-00")
	tracer.Close()
	require.Len(t, c.got, 1)
	require.Len(t, c.got[0].ResourceSpans[0].ScopeSpans[0].Spans, 1)
}

// A part is told from its capture on, with what it waited for.
func TestPartIsTraced(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1, Logger: slog.New(slog.DiscardHandler)})
	at := func(ms int64) time.Time { return time.UnixMilli(1_000_000 + ms) }
	tracer.Part(Part{Stream: "cam", Rendition: "720p", MSN: 7, Part: 3, Bytes: 99, Captured: at(0), Found: at(180), Listed: at(182)})
	tracer.Close()
	all := c.spans()
	require.Len(t, all, 3)
	part := all["part"]
	require.Equal(t, map[string]string{"sluice.stream": "cam", "sluice.rendition": "720p", "sluice.msn": "7", "sluice.part": "3", "sluice.bytes": "99"}, part.told())
	for name, times := range map[string][]string{"part": {"1000000000000", "1000182000000"}, "encode": {"1000000000000", "1000180000000"}, "list": {"1000180000000", "1000182000000"}} {
		s := all[name]
		require.Equal(t, times, []string{s.Start, s.End}, name)
		require.Equal(t, part.TraceID, s.TraceID)
		require.Equal(t, name != "part", s.ParentSpanID == part.SpanID, name)
	}
}

// A collector that refuses is told of once, and costs requests nothing.
func TestCollectorFails(t *testing.T) {
	c := newCollector(t)
	c.status = http.StatusForbidden
	var log bytes.Buffer
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ask(tracer.Handler(mux()), "/live/cam/a", "")
	tracer.Close()
	require.Equal(t, 1, strings.Count(log.String(), "traces cannot be sent"))
	require.Contains(t, log.String(), "the collector answers 403 Forbidden")
}

func TestNothingIsTracedByDefault(t *testing.T) {
	require.Nil(t, New(Options{}))
	var none *Tracer
	m := mux()
	require.Equal(t, m, none.Handler(m))
	none.Part(Part{})
	none.Close()
}

func TestOptions(t *testing.T) {
	for endpoint, good := range map[string]bool{"": true, "http://127.0.0.1:4318": true, "https://c.example.org/otlp": true, "127.0.0.1:4318": false, "ftp://a": false, "http://a:b@c": false, "http://a?": false, "http://a#b": false, "http://": false} {
		require.Equal(t, good, Options{Endpoint: endpoint}.ValidateEndpoint() == nil, endpoint)
	}
	for header, good := range map[string]bool{"": true, "Authorization: Bearer KEY": true, "KEY": false, ": KEY": false, "A: B\r\nC: D": false} {
		require.Equal(t, good, Options{Header: header}.ValidateHeader() == nil, header)
	}
}

// What it costs that one of a hundred requests is traced.
func BenchmarkHandler(b *testing.B) {
	c := httptest.NewServer(http.NotFoundHandler())
	defer c.Close()
	tracer := New(Options{Endpoint: c.URL, Every: 100, Logger: slog.New(slog.DiscardHandler)})
	defer tracer.Close()
	r := httptest.NewRequest(http.MethodGet, "/live/cam/index.m3u8", nil)
	for name, h := range map[string]http.Handler{"off": mux(), "on": tracer.Handler(mux())} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := httptest.NewRecorder()
			for b.Loop() {
				w.Body.Reset()
				h.ServeHTTP(w, r)
			}
		})
	}
}

// Of what clients make up nothing waits to be sent: neither methods nor names of streams, which may be long.
func TestForeignWordsAreNotTold(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1, Logger: slog.New(slog.DiscardHandler)})
	m := http.NewServeMux()
	m.HandleFunc("/live/{stream}", func(http.ResponseWriter, *http.Request) {})
	long := strings.Repeat("A", 30_000)
	for _, path := range []string{"/live/" + long, "/nowhere"} {
		tracer.Handler(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(long, path, nil))
	}
	tracer.Close()
	text, err := json.Marshal(c.got)
	require.NoError(t, err)
	require.Less(t, len(text), 10_000)
	require.Contains(t, string(text), "_OTHER")
}

// source is what a file is to net/http, which has it sent without copying where the writer reads from it.
type source struct{ io.Reader }

// reading is a writer that can be given a file.
type reading struct {
	http.ResponseWriter
	from io.Reader
}

func (r *reading) ReadFrom(from io.Reader) (int64, error) {
	r.from = from
	return io.Copy(r.ResponseWriter, from)
}

func TestFilesAreGivenOn(t *testing.T) {
	c := newCollector(t)
	tracer := New(Options{Endpoint: c.URL + "/base", Every: 1, Logger: slog.New(slog.DiscardHandler)})
	w, file := &reading{ResponseWriter: httptest.NewRecorder()}, source{strings.NewReader("media")}
	tracer.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, file)
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	tracer.Close()
	require.Equal(t, file, w.from)
	require.Equal(t, "5", c.spans()["GET"].told()["http.response.body.size"])
}
