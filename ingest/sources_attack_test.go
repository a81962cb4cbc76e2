package ingest

import (
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// maxAttack is how much an attack may make the heap grow, in bytes: it would be hundreds of MiB without a bound.
const maxAttack = 48 << 20

// A client that names ever new sources is ended, with little memory spent, while others play on.
func TestSourcesAreBounded(t *testing.T) {
	const opus, vp8, retransmission, unknown = 111, 96, 97, 35
	rtpOf := func(payload uint8) func(*peer, *roamer, uint32) error {
		return func(p *peer, out *roamer, next uint32) error {
			packet := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payload, SSRC: next}, Payload: make([]byte, 1000)}
			_, err := out.out.WriteRTP(&packet.Header, packet.Payload)
			return err
		}
	}
	for name, attack := range map[string]func(p *peer, out *roamer, next uint32) error{
		"RTP of sound":             rtpOf(opus),
		"RTP of pictures":          rtpOf(vp8),
		"RTP of retransmissions":   rtpOf(retransmission),
		"RTP that is not expected": rtpOf(unknown),
		"REMB": func(p *peer, _ *roamer, next uint32) error {
			var sources []uint32
			for i := range uint32(255) {
				sources = append(sources, next<<8+i)
			}
			return p.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: sources}})
		},
		"sender reports": func(p *peer, _ *roamer, next uint32) error {
			return p.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: next}})
		},
		"ever new senders": func(p *peer, _ *roamer, next uint32) error {
			return p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: next, MediaSSRC: 1}})
		},
		"requests": func(p *peer, _ *roamer, next uint32) error {
			return p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: next}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var logged logBuffer
			f := newFixture(t, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			studio := newPeer(t, peerOptions{})
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.keepSending()
			takeFrom(t, tapOf(t, f, studio, media.KindVideo), 5)

			attacker := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv})
			out := roam(attacker, attacker.video)
			attacker.publish(f, "/echo")
			attacker.waitConnected()
			ended := f.server.sessions.Session(attacker.location)
			before := heap()
			deadline := time.Now().Add(2 * time.Minute)
			for next := uint32(1000); ; next++ {
				select {
				case <-ended.Closing():
				default:
					require.True(t, time.Now().Before(deadline), "the session goes on")
					_ = attack(attacker, out, next) // fails once the end has come
					runtime.Gosched()
					continue
				}
				break
			}
			require.Less(t, heap(), before+maxAttack)
			rtptest.Wait(t, ended.Done(), "the end")
			require.ErrorIs(t, ended.Err(), session.ErrTooManySources)
			require.Equal(t, uint64(1), f.server.Sessions().Excesses())
			require.Contains(t, logged.String(), session.ErrTooManySources.Error())
			takeFrom(t, tapOf(t, f, studio, media.KindVideo), 5)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
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
