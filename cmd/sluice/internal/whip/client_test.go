package whip

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnswers(t *testing.T) {
	problem := http.Header{"Content-Type": {"application/problem+json; charset=utf-8"}}
	for name, tc := range map[string]struct {
		status int
		header http.Header
		body   string
		want   string // of the error; empty: none
	}{
		"created":            {201, http.Header{"Location": {"/session/1"}}, "v=0", ""},
		"no session URL":     {201, nil, "v=0", "no session URL"},
		"endless answer":     {201, http.Header{"Location": {"/session/1"}}, strings.Repeat("x", maxAnswer+1), "the answer is longer than 64KiB"},
		"not created":        {200, nil, "v=0", "the server refuses: 200 OK"},
		"problem with title": {422, problem, `{"title":"No codec"}`, "422 Unprocessable Entity: No codec"},
		"broken problem":     {400, problem, `{`, "the server refuses: 400 Bad Request"},
		"plain text":         {400, http.Header{"Content-Type": {"text/plain"}}, "bad offer\nmore", "400 Bad Request: bad offer"},
		"page":               {404, http.Header{"Content-Type": {"text/html"}}, "<html>", "the server refuses: 404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for k, v := range tc.header {
					w.Header()[k] = v
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer s.Close()
			client := Client{Endpoint: s.URL + "/whip/cam"}
			answer, err := client.post(t.Context(), "v=0")
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.body, answer)
			require.Equal(t, s.URL+"/session/1", client.session)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": defaultRetry, "0": defaultRetry, "7": 7 * time.Second, "-1": defaultRetry, "soon": defaultRetry, "99999": defaultRetry} {
		response := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}, Body: http.NoBody}
		got := newRefusal(response)
		require.Equal(t, want, got.retryAfter, header)
		require.True(t, got.temporary())
	}
}

func TestTokenStaysWithItsHost(t *testing.T) {
	var got string
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Method + r.Header.Get("Authorization") }))
	defer other.Close()
	client := Client{Endpoint: "https://live.example.org/whip/cam", Token: "secret-key", session: other.URL + "/session", http: *other.Client()}
	require.NoError(t, client.Delete())
	require.Equal(t, "DELETE", got, "without the token")
	require.NoError(t, client.Delete(), "a second time: nothing to do")
}

// A server leads nobody to another one that answers over http, where a request of this machine may be trusted, neither by a redirection nor by the
// address of a session; and to another one of https without the token, though its name be the same.
func TestServersLeadNowhere(t *testing.T) {
	var asked []string
	note := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Header().Set("Location", "/session/1")
		w.WriteHeader(http.StatusCreated)
	})
	near, secure := httptest.NewServer(note), httptest.NewTLSServer(note)
	defer near.Close()
	defer secure.Close()
	status, location := http.StatusTemporaryRedirect, near.URL+"/whip/other"
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}))
	defer target.Close()
	client := Client{Endpoint: target.URL + "/whip/cam", Token: "secret-key", http: *secure.Client()}
	_, err := client.post(t.Context(), "v=0")
	require.ErrorIs(t, err, errLeads)

	status, location = http.StatusCreated, near.URL+"/api/v1/streams/cam"
	_, err = client.post(t.Context(), "v=0")
	require.NoError(t, err)
	require.NoError(t, client.Delete())
	require.Empty(t, asked)

	status, location = http.StatusTemporaryRedirect, secure.URL+"/whip/cam"
	_, err = client.post(t.Context(), "v=0")
	require.NoError(t, err)
	require.NoError(t, client.Delete())
	require.Equal(t, []string{"POST /whip/cam ", "DELETE /session/1 "}, asked)
}
