package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	answerWithin = 15 * time.Second // what a request may take, as Standard Webhooks recommends
	maxAnswer    = 4 << 10          // bytes of an answer that are read, so that the connection is used again
	maxHeader    = 16 << 10         // bytes of its header
)

// refusedError is an answer other than 2xx.
type refusedError struct {
	status int
	after  time.Duration // after which it may be tried again (Retry-After)
}

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("the answer is %d %s; 2xx takes an event", e.status, http.StatusText(e.status))
}

// newClient follows no redirect, which is no 2xx, and keeps connections open.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxConnsPerHost, own.MaxIdleConnsPerHost, own.MaxResponseHeaderBytes = atOnce, atOnce, maxHeader
		own.DisableCompression = true
		transport = own
	}
	return &http.Client{
		Transport: transport, Timeout: answerWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post tells a message. The error is a refusedError, or why there is no answer; it names nothing of the URL but its host.
func (t *target) post(ctx context.Context, m *message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(m.Body))
	if err != nil {
		return errors.New("the request cannot be made")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Sluice")
	r.Header["Idempotency-Key"] = nil // is not sent: net/http repeats the request where the server has just closed the connection
	t.key.Set(r.Header, m.ID, time.Now(), m.Body)
	answer, err := t.client.Do(r)
	if why := (*url.Error)(nil); errors.As(err, &why) {
		return why.Err
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode/100 == 2 {
		return nil
	}
	return &refusedError{answer.StatusCode, retryAfter(answer.Header.Get("Retry-After"))}
}

// retryAfter reads seconds (RFC 9110 §10.2.3); 0 for a date or nothing.
func retryAfter(value string) time.Duration {
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
