package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// The operator hears of a handler's panic, and not of everybody's broken handshake.
func TestWebLog(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var logged bytes.Buffer
	server := newWebServer(listener, "http", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("lost") }),
		slog.New(slog.NewTextHandler(&logged, nil)))
	served := make(chan error)
	go func() { served <- server.serve() }()
	_, err = http.Get(server.url())
	require.ErrorIs(t, err, io.EOF)
	server.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.NoError(t, server.Close())
	require.NoError(t, <-served)
	require.Contains(t, logged.String(), "level=ERROR")
	require.Contains(t, logged.String(), "lost")
	require.NotContains(t, logged.String(), "handshake")
}

// A connection beyond the limit is served when another has gone.
func TestConnectionLimit(t *testing.T) {
	s := newTestService(t, config.Auth{})
	s.cfg.Limits.Connections = 1
	listener, err := s.listenTCP("http.listen", "127.0.0.1:0")
	require.NoError(t, err)
	server := newWebServer(listener, "http", s.routes(), s.log)
	served := make(chan error)
	go func() { served <- server.serve() }()
	first, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		response, err := http.Get(server.url() + "/healthz")
		if err == nil {
			err = response.Body.Close()
		}
		second <- err
	}()
	select {
	case <-second:
		t.Error("served beyond the limit")
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, first.Close())
	require.NoError(t, <-second)
	require.NoError(t, server.Close())
	require.NoError(t, <-served)
}
