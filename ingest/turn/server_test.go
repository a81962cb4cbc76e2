package turn

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"github.com/stretchr/testify/require"
)

// patience is what anything may take.
const patience = 2 * time.Minute

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	o.Listen, o.Sockets, o.Pion = "127.0.0.1:0", sockets(net.ListenTCP), logging.NewDefaultLoggerFactory()
	s, err := Listen(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// sockets binds TCP as it says, and UDP as the system does.
type sockets func(network string, at *net.TCPAddr) (*net.TCPListener, error)

func (s sockets) ListenTCP(_, address string) (*net.TCPListener, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	return s("tcp", at)
}

func (sockets) ListenUDP(_, network, address string) (*net.UDPConn, error) {
	at, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP(network, at)
}

// A port that the system chooses may be taken over TCP; one that is asked for is not replaced.
func TestPortIsTakenOverTCP(t *testing.T) {
	asked, taken := 0, 2
	listenTCP := func(network string, at *net.TCPAddr) (*net.TCPListener, error) {
		if asked++; asked <= taken {
			return nil, syscall.EADDRINUSE
		}
		return net.ListenTCP(network, at)
	}
	udp, tcp, err := bind("127.0.0.1:0", sockets(listenTCP))
	require.NoError(t, err)
	require.Equal(t, udp.LocalAddr().(*net.UDPAddr).Port, tcp.Addr().(*net.TCPAddr).Port)
	require.Equal(t, 3, asked)
	address := udp.LocalAddr().String()
	require.NoError(t, errors.Join(udp.Close(), tcp.Close()))

	asked, taken = 0, 1
	_, _, err = bind(address, sockets(listenTCP))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	asked, taken = 0, 1000
	_, _, err = bind("127.0.0.1:0", sockets(listenTCP))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.Equal(t, maxPorts, asked)
}

// newClient is one that has credentials, over UDP or TCP.
func newClient(t *testing.T, s *Server, network string) *turn.Client {
	t.Helper()
	username, password := Credentials(s.Secret())
	var conn net.PacketConn
	if network == "udp" {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		require.NoError(t, err)
		conn = udp
	} else {
		tcp, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		conn = turn.NewSTUNConn(tcp)
	}
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: s.Addr().String(), TURNServerAddr: s.Addr().String(), Conn: conn, Username: username, Password: password, Realm: realm,
		LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); _ = conn.Close() })
	require.NoError(t, c.Listen())
	return c
}

// socket is one of this machine, and what comes to it.
func socket(t *testing.T) (*net.UDPConn, func() string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, func() string {
		buffer := make([]byte, 100)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		n, from, err := conn.ReadFrom(buffer)
		require.NoError(t, err)
		_, err = conn.WriteTo([]byte("back from there"), from)
		require.NoError(t, err)
		return string(buffer[:n])
	}
}

func port(c net.PacketConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// A relay reaches the media and other relays, and nothing else of this machine or of others.
func TestRelaysReachMediaOnly(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			media, heard := socket(t)
			other, _ := socket(t)
			s := newServer(t, Options{MediaPort: port(media), MaxRelays: 4, MaxPerAddress: 4})
			relay, err := newClient(t, s, network).Allocate()
			require.NoError(t, err)
			require.Equal(t, 1, s.Relays())

			_, err = relay.WriteTo([]byte("to media"), media.LocalAddr())
			require.NoError(t, err)
			require.Equal(t, "to media", heard())
			answer := make([]byte, 100)
			require.NoError(t, relay.SetReadDeadline(time.Now().Add(patience)))
			n, from, err := relay.ReadFrom(answer)
			require.NoError(t, err)
			require.Equal(t, "back from there", string(answer[:n]))
			require.Equal(t, media.LocalAddr().String(), from.String())

			_, err = relay.WriteTo([]byte("to elsewhere"), other.LocalAddr())
			require.NoError(t, err)
			require.Eventually(t, func() bool { return s.Dropped() == 1 }, patience, time.Millisecond)
			_, err = relay.WriteTo([]byte("to the network"), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port(media)})
			require.ErrorContains(t, err, "403", "no permission for another machine")

			second, err := newClient(t, s, network).Allocate()
			require.NoError(t, err)
			// Each has to permit the other (RFC 8656 §9), which what it sends does.
			_, err = second.WriteTo([]byte("permitted"), relay.LocalAddr())
			require.NoError(t, err)
			_, err = relay.WriteTo([]byte("to a relay"), second.LocalAddr())
			require.NoError(t, err)
			require.NoError(t, second.SetReadDeadline(time.Now().Add(patience)))
			n, _, err = second.ReadFrom(answer)
			require.NoError(t, err)
			require.Equal(t, "to a relay", string(answer[:n]))

			require.NoError(t, relay.Close())
			require.Eventually(t, func() bool { return s.Relays() == 1 }, patience, time.Millisecond)
		})
	}
}

// One address has its share, and wrong and expired credentials nothing.
func TestWhoMayRelay(t *testing.T) {
	s := newServer(t, Options{MediaPort: 9, MaxRelays: 8, MaxPerAddress: 2})
	for range 2 {
		_, err := newClient(t, s, "udp").Allocate()
		require.NoError(t, err)
	}
	_, err := newClient(t, s, "udp").Allocate()
	require.ErrorContains(t, err, "508", "the third of the address")
	require.Equal(t, 2, s.Relays())

	right := s.secret
	s.secret = "another"
	_, err = newClient(t, s, "udp").Allocate()
	require.ErrorContains(t, err, "400", "credentials of another secret")
	s.secret = right
	handler := byAddress(turn.LongTermTURNRESTAuthHandler(right, logging.NewDefaultLoggerFactory().NewLogger("turn")))
	_, _, ok := handler(&turn.RequestAttributes{Username: "1000000000:sluice", SrcAddr: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}})
	require.False(t, ok, "expired in 2001")
}

// What clients are told: the public address, or the one that was bound, or one of this machine's.
func TestAnnounced(t *testing.T) {
	loopback, public := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("203.0.113.7")
	own, announced := addresses(loopback, nil)
	require.Equal(t, loopback, announced)
	require.True(t, own[loopback])
	own, announced = addresses(netip.IPv4Unspecified(), []netip.Addr{public})
	require.Equal(t, public, announced)
	require.True(t, own[public] && own[loopback])
	_, announced = addresses(netip.IPv6Unspecified(), nil)
	require.False(t, announced.IsUnspecified())
	s := newServer(t, Options{MediaPort: 9, MaxRelays: 1, MaxPerAddress: 1})
	require.Equal(t, []string{"turn:" + s.Addr().String() + "?transport=udp", "turn:" + s.Addr().String() + "?transport=tcp"}, s.URLs())
}

// Relays that end while others begin are counted right.
func TestRelaysAreCounted(t *testing.T) {
	s := newServer(t, Options{MediaPort: 9, MaxRelays: 8, MaxPerAddress: 8})
	var all sync.WaitGroup
	for range 4 {
		client := newClient(t, s, "udp")
		all.Go(func() {
			for range 3 {
				relay, err := client.Allocate()
				if err == nil {
					_ = relay.Close()
				}
			}
		})
	}
	all.Wait()
	require.Eventually(t, func() bool { return s.Relays() == 0 }, patience, time.Millisecond)
}
