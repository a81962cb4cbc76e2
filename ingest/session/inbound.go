package session

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/pion/ice/v4"
)

// What the peer of one connection may make pion remember until its end, besides streams: each address with a good STUN message becomes a
// candidate, each message of a DTLS handshake is kept, and so is each SSRC that RTCP comes from (RFC 3711 §3.2.3), even if the RTCP is about
// nothing. Browsers need one address for each network that they are in, some KiB of DTLS, and few SSRCs.
const (
	maxAddresses = 256
	maxDTLS      = 1 << 20 // bytes
	maxSenders   = 1024
)

// Sockets are those that all connections share. TCP may be nil.
type Sockets struct {
	UDP ice.UDPMux
	TCP TCPMux
}

// TCPMux is one whose address is known.
type TCPMux interface {
	ice.TCPMux
	LocalAddr() net.Addr
}

// boundedUDP gives one connection what its peer may send.
type boundedUDP struct {
	ice.UDPMux
	streams *streams
}

// GetConn implements ice.UDPMux.
func (m boundedUDP) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	conn, err := m.UDPMux.GetConn(ufrag, local)
	return m.streams.bound(conn), err
}

// boundedTCP gives one connection what its peer may send.
type boundedTCP struct {
	TCPMux
	streams *streams
}

// GetConnByUfrag implements ice.TCPMux.
func (m boundedTCP) GetConnByUfrag(ufrag string, isIPv6 bool, local net.IP) (net.PacketConn, error) {
	conn, err := m.TCPMux.GetConnByUfrag(ufrag, isIPv6, local)
	return m.streams.bound(conn), err
}

// bound returns a connection of which only what is admitted can be read.
func (l *streams) bound(conn net.PacketConn) net.PacketConn {
	if conn == nil {
		return nil
	}
	plain := boundedConn{conn, l}
	if c, ok := conn.(ice.AddrPortReaderWriter); ok {
		return boundedAddrPortConn{plain, c}
	}
	return plain
}

// boundedConn is read by pion.
type boundedConn struct {
	net.PacketConn
	streams *streams
}

// ReadFrom implements net.PacketConn.
func (c boundedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || c.streams.admits(b[:n], addrPort(from)) {
			return n, from, err
		}
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// boundedAddrPortConn is one that makes no garbage of addresses.
type boundedAddrPortConn struct {
	boundedConn
	conn ice.AddrPortReaderWriter
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (c boundedAddrPortConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.conn.ReadFromAddrPort(b)
		if err != nil || c.streams.admits(b[:n], from) {
			return n, from, err
		}
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (c boundedAddrPortConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.conn.WriteToAddrPort(b, to)
}

// admits reports whether pion may have a packet (RFC 7983 §7). It has not been authenticated, only its sender's address has shown the
// credentials of ICE. Media passes without a lock.
func (l *streams) admits(packet []byte, from netip.AddrPort) bool {
	if len(packet) < 8 {
		return true
	}
	switch first := packet[0]; {
	case first < 4: // STUN
		return admit(l, &l.addresses, from, maxAddresses, ErrTooManyAddresses)
	case first >= 20 && first < 64:
		return l.handshakes(len(packet))
	case first >= 128 && first < 192 && packet[1] >= 192 && packet[1] < 224: // SRTCP
		return admit(l, &l.senders, binary.BigEndian.Uint32(packet[4:]), maxSenders, ErrTooManySources)
	}
	return true
}

// admit reports whether the key is in the set, or can still be added.
func admit[K comparable](l *streams, set *map[K]struct{}, key K, most int, excess error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := (*set)[key]; known {
		return true
	}
	if l.refuses(len(*set), most, excess) {
		return false
	}
	if *set == nil {
		*set = map[K]struct{}{}
	}
	(*set)[key] = struct{}{}
	return true
}

// handshakes counts DTLS, and reports whether there may be more.
func (l *streams) handshakes(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuses(l.dtls, maxDTLS, ErrTooMuchDTLS) {
		return false
	}
	l.dtls += n
	return true
}
