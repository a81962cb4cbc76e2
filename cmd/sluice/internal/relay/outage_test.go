package relay

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// An origin that is away is said once, with the reason, and so is its return; clients that go are nobody's fault.
func TestOutageIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fault error
		o := &outage{RoundTripper: network(func(*http.Request) (*http.Response, error) { return nil, fault }), log: slog.New(slog.NewTextHandler(&log, nil))}
		ask := func(ctx context.Context, err error) {
			fault = err
			_, got := o.RoundTrip(httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			require.Equal(t, err, got)
		}
		left, leave := context.WithCancel(t.Context())
		leave()
		ask(left, context.Canceled)
		ask(t.Context(), nil)
		require.Empty(t, log.String())
		wrong := errors.New("certificate signed by unknown authority")
		for range 100 {
			ask(t.Context(), wrong)
		}
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), wrong.Error())
		for range 100 {
			ask(t.Context(), nil)
			ask(t.Context(), wrong)
		}
		require.Equal(t, 1, strings.Count(log.String(), "answers again"))
		require.Equal(t, 2, strings.Count(log.String(), "\n"), "one that comes and goes does not fill the log")
		time.Sleep(saidEach)
		ask(t.Context(), wrong)
		require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))
	})
}

// Whoever asks for a document of an origin that never answers is told so in time.
func TestGetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Way{origin: &url.URL{Scheme: "http", Host: "origin.example.org"}, transport: network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		_, _, err := r.Get(t.Context(), httptest.NewRequest("GET", "/api/v1/server", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
