package quota

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How long Accept waits after a failure that others may mend: a descriptor is freed, memory is given back. It doubles up to the most.
const (
	firstPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// Connections bounds those of one or more listeners that are open at once: each takes memory and a descriptor, of which ffmpeg and the
// disk need some.
type Connections struct {
	places  chan struct{}
	clients *Pool
	exempt  []netip.Prefix
	log     *slog.Logger
}

// NewConnections bounds connections to most of them, and to a share for each client but those exempt: proxies, which come for many.
func NewConnections(most, share int, exempt []netip.Prefix, log *slog.Logger) *Connections {
	return &Connections{make(chan struct{}, most), NewPool(most, share), exempt, log}
}

// Listener bounds the connections that it accepts. A connection beyond the share of its client is closed at once, one beyond the total
// waits to be accepted. netutil.LimitListener would do for the total, but its connections have no ReadFrom, without which net/http
// copies files through the process instead of calling sendfile(2).
type Listener struct {
	*net.TCPListener
	bounds *Connections
	accept func() (*net.TCPConn, error)
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[*placed]struct{}
}

// Listen makes a listener of one that is bound already.
func (c *Connections) Listen(l *net.TCPListener) *Listener {
	return &Listener{TCPListener: l, bounds: c, accept: l.AcceptTCP, closed: make(chan struct{}), open: map[*placed]struct{}{}}
}

// Accept waits for a place and for a connection. It fails only once the listener is closed: what else goes wrong, such as too many open
// files, passes, and a server that stopped because of it would never serve again.
func (l *Listener) Accept() (net.Conn, error) {
	pause := firstPause
	for {
		select {
		case l.bounds.places <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
		conn, err := l.accept()
		if err == nil {
			if placed := l.place(conn); placed != nil {
				return placed, nil
			}
			pause = firstPause
			continue
		}
		<-l.bounds.places
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if pause == firstPause {
			l.bounds.log.Warn("no connection can be accepted, trying again", "address", l.Addr(), "error", err)
		}
		select {
		case <-time.After(pause):
		case <-l.closed:
			return nil, net.ErrClosed
		}
		pause = min(2*pause, mostPause)
	}
}

// place gives the connection its place, or closes it when its client has enough of them.
func (l *Listener) place(conn *net.TCPConn) *placed {
	remote := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	p := &placed{TCPConn: conn, listener: l, client: ClientOf(remote.String())}
	p.exempt = slices.ContainsFunc(l.bounds.exempt, func(prefix netip.Prefix) bool { return prefix.Contains(remote.Addr().Unmap().WithZone("")) })
	if !p.exempt && l.bounds.clients.Take(p.client) != nil {
		_ = conn.SetLinger(0) // nothing of it stays, not even in the kernel
		_ = conn.Close()
		<-l.bounds.places
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[p] = struct{}{}
	return p
}

// Close closes the listener; connections that it has accepted stay.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.TCPListener.Close()
}

// CloseAll closes the listener and all connections that it has accepted.
func (l *Listener) CloseAll() {
	_ = l.Close()
	l.mu.Lock()
	var open []*placed
	for p := range l.open {
		open = append(open, p)
	}
	l.mu.Unlock()
	for _, p := range open {
		_ = p.Close()
	}
}

// Open is how many of its connections are open.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// placed is a connection that gives its place back when it is closed.
type placed struct {
	*net.TCPConn
	listener *Listener
	client   Client
	exempt   bool
	once     sync.Once
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.TCPConn.Close()
	p.once.Do(func() {
		l := p.listener
		l.mu.Lock()
		delete(l.open, p)
		l.mu.Unlock()
		if !p.exempt {
			l.bounds.clients.Release(p.client)
		}
		<-l.bounds.places
	})
	return err
}
