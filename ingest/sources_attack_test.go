package ingest

import (
	"encoding/binary"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/footprint"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// attacker is an echo's client.
type attacker struct {
	*peer
	out    *roamer
	server *net.UDPAddr
	second *net.UDPConn // another socket; nil until it is used
}

// attack is one step of an attack, and why the session is ended by it. It fails once the end has come.
type attack struct {
	step   func(a *attacker, next uint32) error
	reason error
}

func attacks() map[string]attack {
	const opus, vp8, retransmission, unknown = 111, 96, 97, 35
	rtpOf := func(payload uint8) attack {
		return attack{func(a *attacker, next uint32) error {
			packet := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payload, SSRC: next}, Payload: make([]byte, 1000)}
			_, err := a.out.out.WriteRTP(&packet.Header, packet.Payload)
			return err
		}, session.ErrTooManySources}
	}
	rtcpOf := func(packet func(next uint32) rtcp.Packet) attack {
		return attack{func(a *attacker, next uint32) error { return a.pc.WriteRTCP([]rtcp.Packet{packet(next)}) }, session.ErrTooManySources}
	}
	return map[string]attack{
		"RTP of sound":             rtpOf(opus),
		"RTP of pictures":          rtpOf(vp8),
		"RTP of retransmissions":   rtpOf(retransmission),
		"RTP that is not expected": rtpOf(unknown),
		"REMB": rtcpOf(func(next uint32) rtcp.Packet {
			var sources []uint32
			for i := range uint32(255) {
				sources = append(sources, next<<8+i)
			}
			return &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: sources}
		}),
		"sender reports":   rtcpOf(func(next uint32) rtcp.Packet { return &rtcp.SenderReport{SSRC: next} }),
		"ever new senders": rtcpOf(func(next uint32) rtcp.Packet { return &rtcp.PictureLossIndication{SenderSSRC: next, MediaSSRC: 1} }),
		"requests":         rtcpOf(func(next uint32) rtcp.Packet { return &rtcp.PictureLossIndication{MediaSSRC: next} }),
		"receiver reports about nothing": rtcpOf(func(next uint32) rtcp.Packet {
			return &rtcp.ReceiverReport{SSRC: next}
		}),
		"RTCP of an unknown type": rtcpOf(func(next uint32) rtcp.Packet { return rawRTCP(0x80, 210, next) }),
		"RTCP that cannot be read": rtcpOf(func(next uint32) rtcp.Packet {
			return rawRTCP(0x81, uint8(rtcp.TypeReceiverReport), next) // without the block that it announces
		}),
		"addresses": {func(a *attacker, _ uint32) error {
			a.closeSecond()
			return a.check()
		}, session.ErrTooManyAddresses},
		"DTLS": {func(a *attacker, next uint32) error {
			if a.second == nil {
				return a.check()
			}
			_, err := a.second.Write(append([]byte{22}, make([]byte, 1199)...))
			return err
		}, session.ErrTooMuchDTLS},
	}
}

// A client that makes the server remember ever more of it is ended, with little memory spent, while others play on.
func TestSourcesAreBounded(t *testing.T) {
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			var logged logBuffer
			f := newFixture(t, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			studio := newPeer(t, peerOptions{})
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.keepSending()
			takeFrom(t, tapOf(t, f, studio, media.KindVideo), 5)

			a := &attacker{peer: newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv}), server: f.server.UDPAddr().(*net.UDPAddr)}
			a.out = roam(a.peer, a.video)
			a.publish(f, "/echo")
			a.waitConnected()
			ended := f.server.sessions.Session(a.location)
			before := footprint.Take(t)
			deadline := time.Now().Add(2 * time.Minute)
			for next := uint32(1000); ; next++ {
				select {
				case <-ended.Closing():
				default:
					require.True(t, time.Now().Before(deadline), "the session goes on")
					_ = attack.step(a, next)
					runtime.Gosched()
					continue
				}
				break
			}
			a.closeSecond()
			rtptest.Wait(t, ended.Done(), "the end")
			before.RequireBack(t, 0)
			require.ErrorIs(t, ended.Err(), attack.reason)
			require.Equal(t, uint64(1), f.server.Sessions().Excesses())
			require.Contains(t, logged.String(), attack.reason.Error())
			takeFrom(t, tapOf(t, f, studio, media.KindVideo), 5)
		})
	}
}

// check sends a connectivity check from a socket of its own.
func (a *attacker) check() error {
	own, theirs := a.pc.LocalDescription().SDP, a.answer
	check, err := stun.Build(
		stun.BindingRequest, stun.TransactionID, stun.NewUsername(lineOf(theirs, "ice-ufrag")+":"+lineOf(own, "ice-ufrag")), ice.PriorityAttr(1),
		stun.NewShortTermIntegrity(lineOf(theirs, "ice-pwd")), stun.Fingerprint,
	)
	if err != nil {
		return err
	}
	conn, err := net.DialUDP("udp", nil, a.server)
	if err != nil {
		return err
	}
	a.second = conn
	_, err = conn.Write(check.Raw)
	return err
}

func (a *attacker) closeSecond() {
	if a.second != nil {
		_ = a.second.Close()
		a.second = nil
	}
}

// lineOf returns the value of an attribute.
func lineOf(sdp, key string) string {
	_, after, _ := strings.Cut(sdp, "a="+key+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

func rawRTCP(first, kind uint8, sender uint32) rtcp.Packet {
	raw := rtcp.RawPacket(binary.BigEndian.AppendUint32([]byte{first, kind, 0, 1}, sender))
	return &raw
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
