package turn

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/turn/v5"

	"github.com/sluice-live/sluice/ingest/quota"
)

var (
	errUDP    = errors.New("only UDP is relayed")
	errFamily = errors.New("there are relays of the other address family only")
)

// relays makes the sockets of allocations. It implements turn.RelayAddressGenerator.
type relays struct {
	host      string     // that they are bound to
	announced netip.Addr // that peers are told
	media     uint16     // port of the media sockets, on each of own
	own       map[netip.Addr]bool
	dropped   *atomic.Uint64 // packets to elsewhere
	places    *quota.Pool

	mu    sync.RWMutex
	ports map[uint16]bool // of those that there are
}

// Validate implements turn.RelayAddressGenerator.
func (*relays) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator. Clients do not choose ports.
func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if r.announced.Is4() != (c.Network == "udp4") {
		return nil, nil, errFamily
	}
	client, _ := netip.ParsePrefix(c.UserID) // see byAddress
	if err := r.places.Take(client); err != nil {
		return nil, nil, err
	}
	conn, err := net.ListenPacket(c.Network, net.JoinHostPort(r.host, "0"))
	if err != nil {
		r.places.Release(client)
		return nil, nil, err
	}
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ports[port] = true
	return &relay{PacketConn: conn, of: r, client: client, port: port}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.announced, port)), nil
}

// AllocateListener implements turn.RelayAddressGenerator: TCP is not relayed (RFC 6062).
func (*relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errUDP
}

// AllocateConn implements turn.RelayAddressGenerator: TCP is not relayed (RFC 6062).
func (*relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errUDP }

// permits reports whether a client may name a peer of that address at all: one of this machine.
func (r *relays) permits(_ net.Addr, peer net.IP) bool {
	address, ok := netip.AddrFromSlice(peer)
	return ok && r.own[address.Unmap()]
}

// takes reports whether a packet may go there: to the media sockets and to other relays.
func (r *relays) takes(to netip.AddrPort) bool {
	if !r.own[to.Addr().Unmap()] {
		return false
	}
	if to.Port() == r.media {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.ports[to.Port()]
}

// relay is the socket of one allocation.
type relay struct {
	net.PacketConn
	of     *relays
	client quota.Client
	port   uint16
	once   sync.Once
}

// WriteTo drops what is meant for elsewhere.
func (c *relay) WriteTo(p []byte, to net.Addr) (int, error) {
	address, ok := to.(*net.UDPAddr)
	if !ok || !c.of.takes(address.AddrPort()) {
		c.of.dropped.Add(1)
		return len(p), nil
	}
	return c.PacketConn.WriteTo(p, to)
}

// Close gives the client's place back.
func (c *relay) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		delete(c.of.ports, c.port)
		c.of.mu.Unlock()
		c.of.places.Release(c.client)
	})
	return c.PacketConn.Close()
}
