package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	maxCallbacks    = 32        // requests under way; further questions wait
	maxCallbackBody = 16 << 10  // bytes of an answer
	longestCached   = time.Hour // whatever Cache-Control says
	maxReason       = 200       // bytes of what the callback says to who is refused
)

// callback is the source of rights that asks the operator's server.
type callback struct {
	url     string
	within  time.Duration
	client  *http.Client
	log     *slog.Logger
	places  chan struct{}
	flight  singleflight.Group
	answers cache[[sha256.Size]byte, answer]
	failing atomic.Bool // which has been logged
}

// answer is what the callback has said.
type answer struct {
	refusal *RefusedError
	until   time.Time // of the grant; zero: no end
	fresh   time.Time // until when it may be used again
}

// question is what the callback is sent.
type question struct {
	Action   Action `json:"action"`
	Stream   string `json:"stream"` // * for all together, "" for any
	Address  string `json:"address"`
	Token    string `json:"token"`
	Protocol string `json:"protocol"`
}

func newCallback(cfg config.Callback, log *slog.Logger) *callback {
	return &callback{url: cfg.URL, within: cfg.Timeout, client: boundedClient(cfg.Timeout), log: log, places: make(chan struct{}, maxCallbacks)}
}

// may asks, or remembers. Questions that are the same are asked once at a time.
func (c *callback) may(ctx context.Context, q Request) (Grant, *RefusedError) {
	if len(q.Token) > maxToken {
		return Grant{}, refused(http.StatusUnauthorized, "The token is longer than %d bytes: use a shorter one.", maxToken)
	}
	digest := q.digest()
	if a, ok := c.answers.get(digest); ok && time.Now().Before(a.fresh) {
		return a.grant(time.Now())
	}
	text, _ := json.Marshal(question{q.Action, q.Stream, q.Address, q.Token, q.Protocol}) // strings can be marshalled
	asked := c.flight.DoChan(string(digest[:]), func() (any, error) {
		var a answer
		var err error
		if fault := panics.Contain(c.log, "the callback", func() { a, err = c.ask(text) }); fault != nil {
			err = fault
		}
		if err == nil && time.Now().Before(a.fresh) {
			c.answers.set(digest, a)
		}
		c.note(err)
		return a, err
	})
	select {
	case told := <-asked:
		if told.Err != nil {
			return Grant{}, unanswered()
		}
		return told.Val.(answer).grant(time.Now())
	case <-ctx.Done():
		return Grant{}, unanswered()
	}
}

// digest is the same for questions that are the same, and for no others.
func (q *Request) digest() [sha256.Size]byte {
	text := make([]byte, 0, 512) // what is longer is allocated
	for _, field := range [...]string{string(q.Action), q.Stream, q.Address, q.Token, q.Protocol} {
		text = binary.AppendUvarint(text, uint64(len(field)))
		text = append(text, field...)
	}
	return sha256.Sum256(text)
}

func unanswered() *RefusedError {
	return refused(http.StatusServiceUnavailable, "The server that decides who may do this does not answer as it should: try again in a moment.")
}

// note logs when the callback begins to fail and when it answers again, not each time.
func (c *callback) note(err error) {
	switch failing := err != nil; {
	case c.failing.Swap(failing) == failing:
	case failing:
		c.log.Warn("auth.callback fails, and nobody is let in by it", "error", err)
	default:
		c.log.Info("auth.callback answers again")
	}
}

// grant is what the answer means now.
func (a answer) grant(now time.Time) (Grant, *RefusedError) {
	if a.refusal == nil && !a.until.IsZero() && !now.Before(a.until) {
		return Grant{}, refused(http.StatusForbidden, "The right to do this has ended.")
	}
	return Grant{Until: a.until}, a.refusal
}

// ask sends the question. An error means that there is no answer.
func (c *callback) ask(text []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.within)
	defer cancel()
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%d requests have been under way for %v", maxCallbacks, c.within)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, errors.Unwrap(err) // which does not name the URL, that may have a key in it
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxCallbackBody+1))
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxCallbackBody:
		return answer{}, fmt.Errorf("the answer is longer than %d bytes", maxCallbackBody)
	}
	return readAnswer(response.StatusCode, response.Header, body, time.Now())
}

// verdict is what the body of an answer may say.
type verdict struct {
	Code   int             `json:"code"`   // not 0: no (SRS)
	Until  json.RawMessage `json:"until"`  // when the grant ends: seconds since 1970, or RFC 3339
	Reason string          `json:"reason"` // for who is refused
}

// readAnswer makes sense of an answer: 2xx is yes unless its body has a code other than 0, 401 and 403 are no, and all else is no answer.
func readAnswer(status int, header http.Header, body []byte, now time.Time) (answer, error) {
	var v verdict
	body = bytes.TrimSpace(body)
	yes := status/100 == 2
	switch {
	case !yes && status != http.StatusUnauthorized && status != http.StatusForbidden:
		return answer{}, fmt.Errorf("the answer is status %d: 200 is yes, 401 or 403 no", status)
	case bytes.HasPrefix(body, []byte("{")):
		if err := json.Unmarshal(body, &v); err != nil {
			return answer{}, fmt.Errorf("read the answer: %w", err)
		}
	default: // a number alone, as SRS has it; any other text says nothing
		v.Code, _ = strconv.Atoi(string(body))
	}
	a := answer{fresh: now.Add(cachedFor(header))}
	switch {
	case status == http.StatusUnauthorized:
		a.refusal = refused(status, "%s", reasonOr(v.Reason, "Send a token that is good for this as “Authorization: Bearer TOKEN”."))
	case !yes || v.Code != 0:
		a.refusal = refused(http.StatusForbidden, "%s", reasonOr(v.Reason, "You may not do this: ask whoever runs the site."))
	case len(v.Until) > 0:
		until, err := readTime(v.Until)
		if err != nil {
			return answer{}, fmt.Errorf("read until: %w", err)
		}
		a.until = until
	}
	return a, nil
}

func reasonOr(reason, otherwise string) string {
	if reason == "" || len(reason) > maxReason {
		return otherwise
	}
	return reason
}

// readTime takes seconds since 1970 and RFC 3339; null is no end.
func readTime(text json.RawMessage) (t time.Time, err error) {
	if string(text) == "null" {
		return t, nil
	}
	var seconds float64
	if json.Unmarshal(text, &seconds) == nil {
		if seconds < 0 || seconds > 1e11 {
			return t, errors.New("it is no time: write seconds since 1970, or as RFC 3339 does")
		}
		return time.UnixMilli(int64(seconds * 1000)), nil
	}
	err = json.Unmarshal(text, &t)
	return t, err
}

// cachedFor reads how long an answer may be used again: max-age, unless something forbids it (RFC 9111 §5.2.2). An answer that says nothing is
// not used again.
func cachedFor(header http.Header) time.Duration {
	var age time.Duration
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0
			}
			age = min(time.Duration(seconds)*time.Second, longestCached)
		}
	}
	return age
}
