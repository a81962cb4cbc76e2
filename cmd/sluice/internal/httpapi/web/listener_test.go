package web

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A connection beyond the bound is accepted once another is closed; net/http can send files without copying them.
func TestBoundedListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bounded := newBoundedListener(listener.(*net.TCPListener), 1)
	for range 2 {
		client, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer client.Close()
	}
	first, err := bounded.Accept()
	require.NoError(t, err)
	require.Implements(t, (*io.ReaderFrom)(nil), first)

	accepted := make(chan net.Conn)
	go func() {
		second, _ := bounded.Accept()
		accepted <- second
	}()
	select {
	case <-accepted:
		require.Fail(t, "the second was accepted beside the first")
	default:
		require.Len(t, bounded.places, 1)
	}
	require.NoError(t, first.Close())
	_ = first.Close() // net/http closes more than once
	second := <-accepted
	require.NotNil(t, second)
	require.Len(t, bounded.places, 1)

	refused := make(chan error)
	go func() {
		_, err := bounded.Accept()
		refused <- err
	}()
	require.NoError(t, bounded.Close())
	require.ErrorIs(t, <-refused, net.ErrClosed)
	require.NoError(t, second.Close())
}
