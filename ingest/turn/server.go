package turn

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"github.com/sluice-live/sluice/ingest/quota"
)

const (
	realm  = "sluice"
	option = "TURNListen"
	// idle is how long a TCP connection may be silent: clients refresh what they have every five minutes.
	idle = 10 * time.Minute
	// maxPorts is how many ports that the system chooses are tried.
	maxPorts = 20
)

// Options configures a Server.
type Options struct {
	Listen        string       // host:port, for UDP and TCP
	Sockets       Sockets      // binds that
	PublicIPs     []netip.Addr // addresses that a 1:1 NAT gives this machine; the first is told to clients
	MediaPort     int          // that packets may go to, on this machine's addresses
	MaxRelays     int          // at once
	MaxPerAddress int          // of one client address, and so many TCP connections
	Pion          logging.LoggerFactory
	Logger        *slog.Logger
}

// Sockets binds what is listened on, for the option TURNListen of a server of media.
type Sockets interface {
	ListenTCP(option, address string) (*net.TCPListener, error)
	ListenUDP(option, network, address string) (*net.UDPConn, error)
}

// Server is a TURN server.
type Server struct {
	server   *turn.Server
	listener *quota.Listener
	relays   *relays
	address  netip.AddrPort // that clients are told
	secret   string
	dropped  atomic.Uint64
}

// Listen begins to serve.
func Listen(o Options) (*Server, error) {
	udp, tcp, err := bind(o.Listen, o.Sockets)
	if err != nil {
		return nil, err
	}
	bound := udp.LocalAddr().(*net.UDPAddr)
	host, _, _ := net.SplitHostPort(o.Listen)
	s := &Server{secret: rand.Text()}
	own, announced := addresses(bound.AddrPort().Addr().Unmap(), o.PublicIPs)
	s.address = netip.AddrPortFrom(announced, uint16(bound.Port))
	s.relays = &relays{host: host, announced: announced, media: uint16(o.MediaPort), own: own, dropped: &s.dropped, places: quota.NewPool(o.MaxRelays, o.MaxPerAddress), ports: map[uint16]bool{}}
	s.listener = quota.NewConnections(o.MaxRelays, o.MaxPerAddress, nil, o.Logger).Listen(tcp)
	s.server, err = turn.NewServer(turn.ServerConfig{
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: impatient{s.listener}, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits}},
		Realm:             realm, LoggerFactory: o.Pion,
		AuthHandler: byAddress(turn.LongTermTURNRESTAuthHandler(s.secret, o.Pion.NewLogger("turn"))),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve TURN: %w", err), udp.Close(), tcp.Close())
	}
	return s, nil
}

// bind listens at one port over UDP and TCP. Where the system chooses it, for UDP, another program may have it over TCP: then another is
// taken.
func bind(address string, sockets Sockets) (net.PacketConn, *net.TCPListener, error) {
	_, port, _ := net.SplitHostPort(address)
	for attempts := 1; ; attempts++ {
		udp, err := sockets.ListenUDP(option, "udp", address)
		if err != nil {
			return nil, nil, fmt.Errorf("UDP: %w", err)
		}
		bound := udp.LocalAddr().(*net.UDPAddr)
		tcp, err := sockets.ListenTCP(option, bound.String())
		if err == nil {
			return udp, tcp, nil
		}
		err = errors.Join(fmt.Errorf("TCP: %w", err), udp.Close())
		if port != "0" || attempts == maxPorts || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, err
		}
	}
}

// addresses returns all of this machine that the listener's stands for, and the one that clients are told.
func addresses(bound netip.Addr, public []netip.Addr) (own map[netip.Addr]bool, announced netip.Addr) {
	own, announced = map[netip.Addr]bool{}, bound
	interfaces, _ := net.InterfaceAddrs() // none, and only what is bound is served
	for _, a := range interfaces {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		address := prefix.Addr().Unmap()
		own[address] = true
		if announced.IsUnspecified() && address.Is4() && !address.IsLoopback() {
			announced = address
		}
	}
	own[bound] = true
	for _, a := range public {
		own[a.Unmap()] = true
	}
	if len(public) > 0 {
		announced = public[0].Unmap()
	}
	if announced.IsUnspecified() {
		announced = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return own, announced
}

// URLs are those of the server, as browsers take them (RFC 7065).
func (s *Server) URLs() []string {
	return []string{"turn:" + s.address.String() + "?transport=udp", "turn:" + s.address.String() + "?transport=tcp"}
}

// Secret is what credentials are made of. It changes with each start.
func (s *Server) Secret() string { return s.secret }

// Relays is how many there are.
func (s *Server) Relays() int { return s.relays.places.Taken() }

// Dropped counts packets that were meant for neither this server's media nor another relay.
func (s *Server) Dropped() uint64 { return s.dropped.Load() }

// Addr is where it listens.
func (s *Server) Addr() netip.AddrPort { return s.address }

// Close ends all relays.
func (s *Server) Close() error {
	s.listener.CloseAll()
	if err := s.server.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// byAddress has relays counted by whom they are for.
func byAddress(credentials turn.AuthHandler) turn.AuthHandler {
	return func(r *turn.RequestAttributes) (client string, key []byte, ok bool) {
		_, key, ok = credentials(r)
		return quota.ClientOf(r.SrcAddr.String()).String(), key, ok
	}
}

// impatient is a listener whose connections end when nothing comes.
type impatient struct{ net.Listener }

// Accept implements net.Listener.
func (l impatient) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &waiting{conn}, nil
}

// waiting is a connection of an impatient listener.
type waiting struct{ net.Conn }

// Read implements net.Conn.
func (c *waiting) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
