package ingest

import (
	"errors"
	"io"
	"net"

	"github.com/pion/ice/v4"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/quota"
)

// tcpMux is pion's, whose connections tell what did not fit into the queue of a client that does not read: pion passes over that.
// It has all methods of pion's: by those that are not in its interface only addresses are announced that it listens on.
type tcpMux struct {
	*ice.TCPMuxDefault
	listener *quota.Listener
	batches  *egress.Batches
}

// Close implements ice.TCPMux. Pion would wait for those that have said nothing yet.
func (m *tcpMux) Close() error {
	m.listener.CloseAll()
	if err := m.TCPMuxDefault.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// GetConnByUfrag implements ice.TCPMux.
func (m *tcpMux) GetConnByUfrag(ufrag string, isIPv6 bool, local net.IP) (net.PacketConn, error) {
	conn, err := m.TCPMuxDefault.GetConnByUfrag(ufrag, isIPv6, local)
	if err != nil {
		return nil, err
	}
	return &tcpConn{conn, m.batches}, nil
}

// tcpConn is all connections of one peer.
type tcpConn struct {
	net.PacketConn
	batches *egress.Batches
}

// WriteTo implements net.PacketConn.
func (c *tcpConn) WriteTo(p []byte, to net.Addr) (int, error) {
	n, err := c.PacketConn.WriteTo(p, to)
	if address, ok := to.(*net.TCPAddr); ok && err != nil && !errors.Is(err, io.ErrClosedPipe) { // which pion tells
		c.batches.Fail(address.AddrPort())
	}
	return n, err
}
