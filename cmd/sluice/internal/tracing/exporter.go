package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	sendWithin = 10 * time.Second
	maxAnswer  = 64 << 10 // bytes of an answer that are read
)

// exporter sends spans.
type exporter struct {
	options Options
	url     string
	client  *http.Client
	failing atomic.Bool // which is told once
}

func newExporter(o Options) *exporter {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &exporter{options: o, url: strings.TrimRight(o.Endpoint, "/") + "/v1/traces", client: &http.Client{Timeout: sendWithin, CheckRedirect: refuse}}
}

// ExportSpans implements sdk.SpanExporter. What cannot be sent is told in the log, and lost.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	switch err := e.send(ctx, spans); {
	case err != nil && !e.failing.Swap(true):
		e.options.Logger.Warn("traces cannot be sent, and are lost for as long as that is so", "error", err)
	case err == nil && e.failing.Swap(false):
		e.options.Logger.Info("traces can be sent again")
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

func (e *exporter) send(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := json.Marshal(requestOf(spans))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(e.options.Header, ":"); ok {
		request.Header.Set(name, strings.TrimSpace(value))
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // or the connection is not used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", response.Status)
	}
	return nil
}

// What is sent: ExportTraceServiceRequest of OTLP, in its JSON.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   attributes   `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	attributes struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID      string     `json:"traceId"`
		SpanID       string     `json:"spanId"`
		ParentSpanID string     `json:"parentSpanId,omitempty"`
		Name         string     `json:"name"`
		Kind         int        `json:"kind"`
		Start        string     `json:"startTimeUnixNano"`
		End          string     `json:"endTimeUnixNano"`
		Attributes   []keyValue `json:"attributes,omitempty"`
		Status       status     `json:"status"`
	}
	status struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
)

// errorCode is STATUS_CODE_ERROR.
const errorCode = 2

// requestOf puts spans of this program together, which have one resource and scope.
func requestOf(spans []sdk.ReadOnlySpan) exportRequest {
	all := make([]span, 0, len(spans))
	for _, s := range spans {
		all = append(all, spanOf(s))
	}
	return exportRequest{[]resourceSpans{{
		Resource:   attributes{keyValues(spans[0].Resource().Attributes())},
		ScopeSpans: []scopeSpans{{scope{spans[0].InstrumentationScope().Name}, all}},
	}}}
}

func spanOf(s sdk.ReadOnlySpan) span {
	own := span{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(), Name: s.Name(), Kind: int(s.SpanKind()),
		Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()), Attributes: keyValues(s.Attributes()),
	}
	if s.Parent().HasSpanID() {
		own.ParentSpanID = s.Parent().SpanID().String()
	}
	if why := s.Status().Description; why != "" {
		own.Status = status{errorCode, why}
	}
	return own
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func keyValues(of []attribute.KeyValue) (all []keyValue) {
	for _, kv := range of {
		text := kv.Value.String()
		if kv.Value.Type() == attribute.INT64 {
			all = append(all, keyValue{string(kv.Key), value{Int: &text}})
			continue
		}
		all = append(all, keyValue{string(kv.Key), value{String: &text}})
	}
	return all
}

var _ sdk.SpanExporter = (*exporter)(nil)
