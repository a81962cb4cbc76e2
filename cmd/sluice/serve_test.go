package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
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
