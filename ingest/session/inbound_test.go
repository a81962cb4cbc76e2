package session

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var home = netip.MustParseAddrPort("192.0.2.1:5000")

// What pion would remember of each packet is admitted up to a bound; what is known, and media, goes on.
func TestInboundIsBounded(t *testing.T) {
	type sent struct {
		packet []byte
		from   netip.AddrPort
	}
	rtcp := func(n int) sent {
		return sent{binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, uint32(n)), home}
	}
	stun := func(n int) sent {
		return sent{slices.Concat([]byte{0, 1, 0, 0}, make([]byte, 16)), netip.AddrPortFrom(home.Addr(), uint16(n))}
	}
	dtls := func(int) sent { return sent{append([]byte{22}, make([]byte, 1023)...), home} }
	for name, tt := range map[string]struct {
		send  func(n int) sent
		most  int
		known bool
		want  error
	}{
		"senders of RTCP": {rtcp, maxSenders, true, ErrTooManySources},
		"addresses":       {stun, maxAddresses, true, ErrTooManyAddresses},
		"DTLS":            {dtls, maxDTLS / 1024, false, ErrTooMuchDTLS},
	} {
		t.Run(name, func(t *testing.T) {
			var l streams
			var told []error
			l.onExcess(func(reason error) { told = append(told, reason) })
			admits := func(n int) bool {
				s := tt.send(n)
				return l.admits(s.packet, s.from)
			}
			for n := range tt.most {
				require.True(t, admits(n))
				require.True(t, !tt.known || admits(0), "is known already")
			}
			require.Empty(t, told)
			for n := range 10 {
				require.False(t, admits(tt.most+n))
			}
			require.Equal(t, []error{tt.want}, told)
			require.Equal(t, tt.known, admits(0))
			require.True(t, l.admits(binary.BigEndian.AppendUint32([]byte{0x80, 96, 0, 1}, 7), home), "RTP")
			require.LessOrEqual(t, max(len(l.senders), len(l.addresses)), tt.most)
		})
	}
}

// Whatever comes is admitted, or is refused and costs nothing more.
func FuzzInbound(f *testing.F) {
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 1})
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Add([]byte{22, 0xfe, 0xfd})
	f.Fuzz(func(t *testing.T, packet []byte) {
		var l streams
		require.True(t, l.admits(packet, home))
		require.LessOrEqual(t, len(l.senders)+len(l.addresses), 1)
		require.LessOrEqual(t, l.dtls, len(packet))
	})
}

// Packets pass by what is refused, and media makes no garbage.
func TestBoundedConn(t *testing.T) {
	var l streams
	for n := range uint32(maxSenders) {
		l.admits(binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, n), home)
	}
	refused, media := []byte{0x80, 201, 0, 1, 1, 2, 3, 4}, []byte{0x80, 96, 0, 1, 0, 0, 0, 0}
	buf := make([]byte, 100)

	conn := l.bound(&scripted{packets: [][]byte{refused, media, refused}})
	n, _, err := conn.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, media, buf[:n])
	_, _, err = conn.ReadFrom(buf)
	require.ErrorIs(t, err, net.ErrClosed)

	sequence := &scriptedAddrPort{scripted{packets: [][]byte{refused, media}}}
	fast := l.bound(sequence).(boundedAddrPortConn)
	n, from, err := fast.ReadFromAddrPort(buf)
	require.NoError(t, err)
	require.Equal(t, media, buf[:n])
	require.Equal(t, home, from)
	_, err = fast.WriteToAddrPort(media, home)
	require.ErrorIs(t, err, errWritten)
	_, _, err = fast.ReadFromAddrPort(buf)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Nil(t, l.bound(nil))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sequence.packets = append(sequence.packets[:0], media)
		_, _, _ = fast.ReadFromAddrPort(buf)
	}))
}

var errWritten = errors.New("written")

// scripted is a connection from which these packets can be read.
type scripted struct {
	net.PacketConn
	packets [][]byte
}

func (s *scripted) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(s.packets) == 0 {
		return 0, nil, net.ErrClosed
	}
	n := copy(b, s.packets[0])
	s.packets = s.packets[:copy(s.packets, s.packets[1:])]
	return n, net.UDPAddrFromAddrPort(home), nil
}

type scriptedAddrPort struct{ scripted }

func (s *scriptedAddrPort) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if len(s.packets) == 0 {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	n := copy(b, s.packets[0])
	s.packets = s.packets[:copy(s.packets, s.packets[1:])]
	return n, home, nil
}

func (*scriptedAddrPort) WriteToAddrPort([]byte, netip.AddrPort) (int, error) { return 0, errWritten }
