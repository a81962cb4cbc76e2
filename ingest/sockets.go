package ingest

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/session"
)

const (
	udpBuffer     = 4 << 20     // bytes, each way: bursts of key frames from many publishers, while this process waits for a core
	tcpReadQueue  = 64          // packets
	tcpWriteQueue = 1 << 20     // bytes; a peer that does not read loses packets instead of stopping others
	unknownWithin = time.Second // that a TCP connection is kept whose STUN message names no session: one that is answered is known before its client is
	portAttempts  = 10
	optionUDP     = "UDPListen"
)

// sockets are the ports that all peers share.
type sockets struct {
	udp      ice.UDPMux
	tcp      *tcpMux // nil: off
	udpAddr  *net.UDPAddr
	tcpAddr  *net.TCPAddr // nil: off
	loopback bool         // announce loopback addresses
	batches  egress.Transports
}

// System is the Sockets of who brings none.
type System struct{}

// ListenTCP implements Sockets.
func (System) ListenTCP(_, address string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// ListenUDP implements Sockets.
func (System) ListenUDP(_, network, address string) (*net.UDPConn, error) {
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func listen(o Options, ts timers, log *slogFactory) (*sockets, error) {
	s := &sockets{batches: egress.Transports{UDP: egress.NewBatches(), TCP: egress.NewBatches()}}
	if err := s.listenUDP(o, log); err != nil {
		return nil, listenError("UDP", o.UDPListen, err)
	}
	if o.TCPListen == "" {
		return s, nil
	}
	if err := s.listenTCP(o, ts.firstSTUN, log); err != nil {
		return nil, errors.Join(listenError("TCP", o.TCPListen, err), s.close())
	}
	return s, nil
}

func (s *sockets) listenUDP(o Options, log *slogFactory) error {
	addr, err := net.ResolveUDPAddr("udp", o.UDPListen)
	if err != nil {
		return err
	}
	s.loopback = anyInterface(addr.IP) || addr.IP.IsLoopback()
	if anyInterface(addr.IP) {
		return s.listenEverywhere(addr, o.Sockets, log)
	}
	conn, err := o.Sockets.ListenUDP(optionUDP, "udp", addr.String())
	if err != nil {
		return err
	}
	// The kernel may grant less; that costs packets under load, not function.
	_ = conn.SetReadBuffer(udpBuffer)
	_ = conn.SetWriteBuffer(udpBuffer)
	s.udpAddr = conn.LocalAddr().(*net.UDPAddr)
	s.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: egress.NewConn(conn, s.batches.UDP), Logger: log.NewLogger("udp")})
	return nil
}

// listenEverywhere binds one socket for each interface address, so that answers leave from the address that was asked.
func (s *sockets) listenEverywhere(addr *net.UDPAddr, from Sockets, log *slogFactory) error {
	base, err := stdnet.NewNet()
	if err != nil {
		return err
	}
	for range portAttempts {
		port := addr.Port
		if port == 0 {
			if port, err = freePort(); err != nil {
				return err
			}
		}
		opts := []ice.UDPMuxFromPortOption{
			ice.UDPMuxFromPortWithLoopback(), ice.UDPMuxFromPortWithReadBufferSize(udpBuffer),
			ice.UDPMuxFromPortWithWriteBufferSize(udpBuffer), ice.UDPMuxFromPortWithLogger(log.NewLogger("udp")),
			ice.UDPMuxFromPortWithNet(&batchNet{base, from, s.batches.UDP}),
		}
		if addr.IP.To4() != nil {
			opts = append(opts, ice.UDPMuxFromPortWithNetworks(ice.NetworkTypeUDP4))
		}
		var mux *ice.MultiUDPMuxDefault
		if mux, err = ice.NewMultiUDPMuxFromPort(port, opts...); err == nil {
			s.udp, s.udpAddr = mux, &net.UDPAddr{IP: addr.IP, Port: port}
			return nil
		}
		if addr.Port != 0 {
			return err
		}
	}
	return err
}

// batchNet makes sockets that gather packets in batches.
type batchNet struct {
	transport.Net
	sockets Sockets
	batches *egress.Batches
}

func (n *batchNet) ListenUDP(network string, address *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.sockets.ListenUDP(optionUDP, network, address.String())
	if err != nil {
		return nil, err
	}
	return egress.NewConn(conn, n.batches), nil
}

func freePort() (int, error) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return 0, err
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	return port, conn.Close()
}

func (s *sockets) listenTCP(o Options, firstSTUN time.Duration, log *slogFactory) error {
	bound, err := o.Sockets.ListenTCP("TCPListen", o.TCPListen)
	if err != nil {
		return err
	}
	l := quota.NewConnections(o.MaxTCPConnections, o.MaxTCPConnectionsPerAddress, nil, o.Logger).Listen(bound)
	s.tcpAddr = l.Addr().(*net.TCPAddr)
	s.loopback = s.loopback || anyInterface(s.tcpAddr.IP) || s.tcpAddr.IP.IsLoopback()
	s.tcp = &tcpMux{ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: l, Logger: log.NewLogger("tcp"), ReadBufferSize: tcpReadQueue, WriteBufferSize: tcpWriteQueue,
		FirstStunBindTimeout: firstSTUN, AliveDurationForConnFromStun: unknownWithin,
	}), l, s.batches.TCP}
	return nil
}

// shared are the sockets of peer connections.
func (s *sockets) shared() session.Sockets {
	if s.tcp == nil {
		return session.Sockets{UDP: s.udp}
	}
	return session.Sockets{UDP: s.udp, TCP: s.tcp}
}

func (s *sockets) close() error {
	err := s.udp.Close()
	if s.tcp != nil {
		err = errors.Join(err, s.tcp.Close())
	}
	return err
}

// announce adds the public addresses to the candidates, besides the sockets' own, which stay good inside the network.
func announce(e *webrtc.SettingEngine, public []string) error {
	if len(public) == 0 {
		return nil
	}
	return e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
		External: public, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteAppend,
	})
}

func anyInterface(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }

// listenError says which address failed and what to do about it.
func listenError(network, address string, err error) error {
	advice := "choose an address of this machine"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		_, port, _ := net.SplitHostPort(address)
		if n, _ := strconv.Atoi(port); n > 0 && n < 65535 {
			port = strconv.Itoa(n + 1)
		}
		advice = "another program has this port: stop it, or choose another such as " + port
	case errors.Is(err, syscall.EACCES):
		advice = "choose a port above 1023"
	}
	return fmt.Errorf("listen for media on %s %s: %s: %w", network, address, advice, err)
}
