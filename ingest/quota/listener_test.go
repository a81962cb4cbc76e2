package quota

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func newListener(t *testing.T, most, share int, exempt ...netip.Prefix) *Listener {
	t.Helper()
	bound, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := NewConnections(most, share, exempt, slog.New(slog.DiscardHandler)).Listen(bound.(*net.TCPListener))
	t.Cleanup(l.CloseAll)
	return l
}

// dial connects from an address of the loopback network.
func dial(t *testing.T, l *Listener, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A connection beyond the total is accepted once another is closed; net/http can send files without copying them.
func TestListenerWaits(t *testing.T) {
	l := newListener(t, 1, 9)
	dial(t, l, "127.0.0.1")
	dial(t, l, "127.0.0.1")
	first, err := l.Accept()
	require.NoError(t, err)
	require.Implements(t, (*io.ReaderFrom)(nil), first)

	accepted := make(chan net.Conn)
	go func() {
		second, _ := l.Accept()
		accepted <- second
	}()
	select {
	case <-accepted:
		require.Fail(t, "the second was accepted beside the first")
	default:
		require.Len(t, l.bounds.places, 1)
	}
	require.NoError(t, first.Close())
	_ = first.Close() // net/http closes more than once
	second := <-accepted
	require.NotNil(t, second)
	require.Len(t, l.bounds.places, 1)

	refused := make(chan error)
	go func() {
		_, err := l.Accept()
		refused <- err
	}()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-refused, net.ErrClosed)
	require.Equal(t, 1, l.Open())
	l.CloseAll()
	require.Zero(t, l.Open())
	require.Empty(t, l.bounds.places)
}

// A client that comes too often is closed, and others are served; who comes for many is not counted.
func TestListenerShares(t *testing.T) {
	l := newListener(t, 9, 2, netip.MustParsePrefix("127.0.0.3/32"))
	var greedy []net.Conn
	for range 5 {
		greedy = append(greedy, dial(t, l, "127.0.0.2"))
	}
	for range 3 {
		dial(t, l, "127.0.0.3")
	}
	dial(t, l, "127.0.0.1")
	var from []string
	for range 2 + 3 + 1 {
		conn, err := l.Accept()
		require.NoError(t, err)
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		from = append(from, host)
	}
	require.Equal(t, []string{"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.1"}, from)
	for _, conn := range greedy[2:] {
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	l.CloseAll()
	require.Empty(t, l.bounds.clients.clients)
	require.Empty(t, l.bounds.places)
}

// Too many open files pass: the listener goes on, and ends when it is closed.
func TestListenerSurvives(t *testing.T) {
	l := newListener(t, 9, 9)
	accept, failures := l.accept, []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, errors.New("something else")}
	l.accept = func() (*net.TCPConn, error) {
		if len(failures) > 0 {
			err := failures[0]
			failures = failures[1:]
			return nil, err
		}
		return accept()
	}
	dial(t, l, "127.0.0.1")
	conn, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Empty(t, failures)

	failing := make(chan struct{}, 1)
	l.accept = func() (*net.TCPConn, error) {
		select {
		case failing <- struct{}{}:
		default:
		}
		return nil, syscall.EMFILE
	}
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	<-failing
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}
