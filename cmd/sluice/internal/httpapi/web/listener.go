package web

import (
	"net"
	"sync"
)

// boundedListener bounds the connections that are open at once: each takes memory and a descriptor, of which ffmpeg and the disk
// need some. netutil.LimitListener would do, but its connections have no ReadFrom, without which net/http copies files through the
// process instead of calling sendfile(2).
type boundedListener struct {
	*net.TCPListener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newBoundedListener(listener *net.TCPListener, most int) *boundedListener {
	return &boundedListener{TCPListener: listener, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept waits for a place and for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.AcceptTCP()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placedConn{TCPConn: conn, places: l.places}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.TCPListener.Close()
}

// placedConn gives its place back when it is closed.
type placedConn struct {
	*net.TCPConn
	places chan struct{}
	once   sync.Once
}

func (c *placedConn) Close() error {
	c.once.Do(func() { <-c.places })
	return c.TCPConn.Close()
}
