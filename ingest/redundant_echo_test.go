package ingest

import (
	"fmt"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// mixed is a local track whose packets keep their payload types, as a browser's do that sends redundancy only when it fits.
type mixed struct {
	*webrtc.TrackLocalStaticRTP
	ssrc uint32
	out  webrtc.TrackLocalWriter
}

func (m *mixed) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	m.ssrc, m.out = uint32(c.SSRC()), c.WriteStream()
	return m.TrackLocalStaticRTP.Bind(c)
}

// send sends a packet with those before it, or alone.
func (m *mixed) send(t testing.TB, seq uint16, before int) {
	t.Helper()
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: seq, Timestamp: uint32(seq) * 960, SSRC: m.ssrc}, Payload: rtptest.SoundOf(seq)}
	if before > 0 {
		p.PayloadType, p.Payload = 63, rtptest.REDPacket(seq, before)
	}
	_, err := m.out.WriteRTP(&p.Header, p.Payload)
	require.NoError(t, err)
}

// A peer's sound of which every other two packets are lost is whole behind the server, whatever it begins with; the echo sends Opus back.
func TestRedundantSound(t *testing.T) {
	for name, first := range map[string]int{"begins with redundancy": 1, "begins without": 0} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			client := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv, audioOnly: true, red: true})
			sound := &mixed{TrackLocalStaticRTP: client.audio}
			require.NoError(t, client.pc.GetSenders()[0].ReplaceTrack(sound))
			back := make(chan *rtp.Packet, 64)
			client.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for p, _, err := remote.ReadRTP(); err == nil; p, _, err = remote.ReadRTP() {
					back <- p
				}
			})
			client.publish(f, "/echo")
			require.Contains(t, client.answer, "SAVPF 63 111\r\n")
			client.waitConnected()
			sound.send(t, 100, first)
			for seq := uint16(102); seq <= 131; seq += 4 {
				sound.send(t, seq, 2)
				sound.send(t, seq+1, 0)
			}
			for seq := uint16(100); seq <= 131; seq++ {
				p := rtptest.Wait(t, back, fmt.Sprint("packet ", seq))
				require.Equal(t, uint8(111), p.PayloadType)
				require.Equal(t, rtptest.SoundOf(seq), p.Payload)
				require.Equal(t, uint32(seq)*960, p.Timestamp)
				require.Equal(t, seq, p.SequenceNumber)
			}
			st := f.server.sessions.Session(client.location).Tracks()[0].Stats()
			require.Equal(t, uint64(15), st.Recovered)
			require.Zero(t, st.Lost)
			require.Zero(t, st.Malformed)
		})
	}
}
