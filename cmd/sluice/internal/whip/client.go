// Package whip speaks to a WHIP endpoint (RFC 9725) as its client, and to a WHEP endpoint, which is spoken to in the same way: it
// sends an offer, repeats it while the server is busy, and ends the session.
//
// It knows nothing of WebRTC beyond the text of descriptions, and starts no goroutine.
package whip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a WHIP server can make us wait for or read.
const (
	maxAnswer      = 64 << 10 // bytes
	maxProblem     = 8 << 10  // bytes
	attemptTimeout = 10 * time.Second
	defaultRetry   = time.Second // without a Retry-After
	leaveTimeout   = 3 * time.Second
	maxRedirects   = 5
)

// Client speaks to one endpoint.
type Client struct {
	Endpoint string // http:// or https://
	Token    string // for Authorization: Bearer, sent to the endpoint's host only; empty: none
	http     http.Client
	session  string // URL of the session, empty before Offer
	etag     string // of its ICE session (RFC 9725 §4.3.1); empty: it has none
	named    []Server
}

// refusal is an answer other than 201 Created.
type refusal struct {
	status     int
	detail     string
	retryAfter time.Duration
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("the server refuses: %d %s", r.status, http.StatusText(r.status))
	if r.detail != "" {
		s += ": " + r.detail
	}
	return s
}

// temporary reports whether the same offer may be taken later: the stream
// has a publisher, or the server is at its limit (RFC 9725 §4.5).
func (r *refusal) temporary() bool {
	return r.status == http.StatusConflict || r.status == http.StatusServiceUnavailable
}

// Offer posts the offer and returns the answer. While the refusal is
// temporary it tries again, until ctx ends; waiting is told of each.
func (w *Client) Offer(ctx context.Context, offer string, waiting func(error)) (string, error) {
	for {
		answer, err := w.post(ctx, offer)
		var r *refusal
		if !errors.As(err, &r) || !r.temporary() {
			return answer, err
		}
		waiting(r)
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(r.retryAfter):
		}
	}
}

// post makes one attempt (RFC 9725 §4.2).
func (w *Client) post(ctx context.Context, offer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	response, err := w.do(ctx, http.MethodPost, w.Endpoint, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		return "", newRefusal(response)
	}
	location, err := response.Request.URL.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" {
		return "", fmt.Errorf("the server's answer has no session URL in Location %q", response.Header.Get("Location"))
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %dKiB", maxAnswer>>10)
	}
	w.named = serversOf(response.Header)
	if mayLead(response.Request.URL, location) { // otherwise the server sees the end of the connection
		w.session, w.etag = location.String(), response.Header.Get("ETag")
	}
	return string(answer), err
}

// Trickle tells the server of more candidates, by a fragment of a description (RFC 8840, RFC 9725 §4.3.2).
func (w *Client) Trickle(ctx context.Context, fragment string) error {
	if w.session == "" {
		return fmt.Errorf("tell more candidates: %w", errLeads)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	response, err := w.do(ctx, http.MethodPatch, w.session, strings.NewReader(fragment))
	if err != nil {
		return fmt.Errorf("tell more candidates: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("tell more candidates: %w", newRefusal(response))
	}
	return nil
}

// Delete ends the session, if there is one (RFC 9725 §4.2).
func (w *Client) Delete() error {
	if w.session == "" {
		return nil
	}
	// What ends the command has ended its context too.
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	response, err := w.do(ctx, http.MethodDelete, w.session, nil)
	w.session = ""
	w.http.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("end the session: %w", newRefusal(response))
	}
	return nil
}

func (w *Client) do(ctx context.Context, method, target string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	switch {
	case method == http.MethodPatch:
		request.Header.Set("Content-Type", "application/trickle-ice-sdpfrag")
		if w.etag != "" {
			request.Header.Set("If-Match", w.etag)
		}
	case body != nil:
		request.Header.Set("Content-Type", "application/sdp")
	}
	if w.Token != "" && sameHost(w.Endpoint, target) {
		request.Header.Set("Authorization", "Bearer "+w.Token)
	}
	w.http.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		if !mayLead(via[len(via)-1].URL, to.URL) || len(via) >= maxRedirects {
			return errLeads
		}
		if !sameHost(w.Endpoint, to.URL.String()) { // of which net/http knows the name alone, and neither scheme nor port
			to.Header.Del("Authorization")
		}
		return nil
	}
	return w.http.Do(request)
}

// errLeads says that a server leads where nobody goes.
var errLeads = errors.New("the server leads to another address, and not to one of https, or too often")

// mayLead reports whether a server may lead to another address: what is near us, and trusts whoever is, answers over http, so a stranger
// could have us ask it for something.
func mayLead(from, to *url.URL) bool {
	return to.Scheme == "https" || to.Scheme == from.Scheme && to.Host == from.Host
}

// sameHost reports whether the token for a may be sent to b.
func sameHost(a, b string) bool {
	ua, err := url.Parse(a)
	ub, err2 := url.Parse(b)
	return err == nil && err2 == nil && ua.Scheme == ub.Scheme && ua.Host == ub.Host
}

// newRefusal reads the reason out of a response: problem details (RFC 9457)
// or plain text.
func newRefusal(response *http.Response) *refusal {
	r := &refusal{status: response.StatusCode, retryAfter: defaultRetry}
	if n, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 16); err == nil {
		r.retryAfter = max(time.Duration(n)*time.Second, defaultRetry)
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch kind {
	case "application/problem+json":
		var problem struct{ Title, Detail string }
		if json.Unmarshal(body, &problem) == nil {
			r.detail = problem.Detail
			if r.detail == "" {
				r.detail = problem.Title
			}
		}
	case "text/plain":
		r.detail, _, _ = strings.Cut(strings.TrimSpace(string(body)), "\n")
	}
	return r
}
