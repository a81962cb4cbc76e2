package tracing

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluice-live/sluice/public/name"
)

// Options of a Tracer.
type Options struct {
	// Endpoint is the collector's URL, below which /v1/traces takes what is sent. Empty: nothing is traced.
	Endpoint string
	// Header is sent with each request: "Authorization: Bearer KEY". It may be empty.
	Header string
	// Every is of how many requests, and of how many parts, one is traced.
	Every  int
	Logger *slog.Logger
}

// ValidateEndpoint reports what is wrong with the endpoint; an empty one is right.
func (o Options) ValidateEndpoint() error {
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("is not a URL such as http://127.0.0.1:4318")
	}
	return nil
}

// ValidateHeader reports what is wrong with the header; an empty one is right.
func (o Options) ValidateHeader() error {
	name, value, ok := strings.Cut(o.Header, ":")
	if o.Header == "" || ok && name != "" && !strings.ContainsAny(name, " \t\r\n") && !strings.ContainsAny(value, "\r\n") {
		return nil
	}
	return errors.New("is not a header such as Authorization: Bearer KEY")
}

// Tracer traces. A nil one traces nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// New returns a tracer, or nil where there is no endpoint. The options are valid.
func New(o Options) *Tracer {
	if o.Endpoint == "" {
		return nil
	}
	about := []attribute.KeyValue{attribute.String("service.name", "sluice")}
	if build, ok := debug.ReadBuildInfo(); ok {
		about = append(about, attribute.String("service.version", build.Main.Version))
	}
	if host, err := os.Hostname(); err == nil {
		about = append(about, attribute.String("host.name", host))
	}
	mine := sdk.TraceIDRatioBased(1 / float64(o.Every))
	t := &Tracer{provider: sdk.NewTracerProvider(
		sdk.WithBatcher(newExporter(o)),
		sdk.WithResource(resource.NewSchemaless(about...)),
		sdk.WithSampler(sdk.ParentBased(mine, sdk.WithRemoteParentSampled(mine), sdk.WithRemoteParentNotSampled(mine))),
	)}
	t.tracer = t.provider.Tracer("github.com/sluice-live/sluice")
	return t
}

// closeWithin is for what is left to be sent.
const closeWithin = 3 * time.Second

// Close sends what is left, for 3 s at most.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what could not be sent is in the log
}

// Part is a part of a rendition that viewers can have.
type Part struct {
	Stream, Rendition       string
	MSN                     int64
	Part                    int
	Bytes                   int64
	Captured, Found, Listed time.Time // its end by the clock of playlists; found on disk; in the playlists
}

// Part traces a part: the time from its capture on, and in it those of encoding (with the network and ffmpeg) and of listing.
func (t *Tracer) Part(p Part) {
	if t == nil {
		return
	}
	ctx, span := t.tracer.Start(context.Background(), "part", trace.WithTimestamp(p.Captured))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("sluice.stream", p.Stream), attribute.String("sluice.rendition", p.Rendition),
			attribute.Int64("sluice.msn", p.MSN), attribute.Int("sluice.part", p.Part), attribute.Int64("sluice.bytes", p.Bytes))
		t.step(ctx, "encode", p.Captured, p.Found)
		t.step(ctx, "list", p.Found, p.Listed)
	}
	span.End(trace.WithTimestamp(p.Listed))
}

func (t *Tracer) step(ctx context.Context, name string, from, to time.Time) {
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(from))
	span.End(trace.WithTimestamp(to))
}

// Handler traces the requests that next, which routes them, answers.
func (t *Tracer) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, methodOf(r), trace.WithSpanKind(trace.SpanKindServer))
		if !span.IsRecording() {
			next.ServeHTTP(w, r)
			return
		}
		defer span.End()
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		next.ServeHTTP(answer, r)
		tell(span, r, answer)
	})
}

// otherMethod stands for methods that are none: clients may send what they like, and spans wait in memory.
const otherMethod = "_OTHER"

// methodOf is the method of a request as traces tell it.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return otherMethod
}

// tell says what a request was and what became of it.
func tell(span trace.Span, r *http.Request, a *answer) {
	span.SetAttributes(attribute.String("http.request.method", methodOf(r)), attribute.Int("http.response.status_code", a.status),
		attribute.Int64("http.response.body.size", a.bytes), attribute.String("network.protocol.version", strings.TrimPrefix(r.Proto, "HTTP/")))
	if _, route, found := strings.Cut(r.Pattern, " "); found {
		span.SetName(methodOf(r) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	if stream := r.PathValue("stream"); name.Valid(stream) {
		span.SetAttributes(attribute.String("sluice.stream", stream))
	}
	if a.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(a.status))
	}
}

// answer counts what is answered.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// ReadFrom implements io.ReaderFrom, by which files need not be copied.
func (a *answer) ReadFrom(from io.Reader) (int64, error) {
	n, err := io.Copy(a.ResponseWriter, from)
	a.bytes += n
	return n, err
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}
