package relay

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What belongs to a session is named as the client has it, wherever the origin believes to stand, and what is elsewhere as it is.
func TestAddressesOfAnswers(t *testing.T) {
	answer := http.Header{
		"Location": {"/media/whep/cam/1"},
		"Link":     {`<stun:stun.example.org>; rel="ice-server"`, `</media/whep/cam/1/sse>; rel="urn:a", </media/whep/cam/1/layer>; rel="urn:b"`, "<//other.example/media/x>; rel=y"},
	}
	w := &Way{origin: &url.URL{Scheme: "http", Host: "origin.example.org", Path: "/media"}, transport: network(func(asked *http.Request) (*http.Response, error) {
		require.Equal(t, "/media/whep/cam", asked.URL.Path)
		return &http.Response{StatusCode: 201, Header: answer.Clone(), Body: http.NoBody, Request: asked}, nil
	})}
	got := httptest.NewRecorder()
	w.newProxy(slog.New(slog.DiscardHandler)).ServeHTTP(got, httptest.NewRequest("POST", "/whep/cam", strings.NewReader("v=0")))
	require.Equal(t, []string{"/whep/cam/1"}, got.Header()["Location"])
	require.Equal(t, []string{answer["Link"][0], `</whep/cam/1/sse>; rel="urn:a", </whep/cam/1/layer>; rel="urn:b"`, answer["Link"][2]}, got.Header()["Link"])
}
