package egress

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// payloadVP9 is a packet of a picture in a temporal layer, of the mode that is not flexible (RFC 9628 §4.2): I, L, B and E; the base is where higher
// layers can be taken from (U).
func payloadVP9(id int, tid uint8) []byte {
	b := []byte{0xec, 0x80 | byte(id>>8)&0x7f, byte(id), tid << 5, byte(id / 4), 0x86, 1, 2}
	if tid == 0 {
		b[3] |= 0x10
	}
	return b
}

// payloadAV1 is one OBU of a frame whose extension tells the temporal layer (AV1 §5.3.3).
func payloadAV1(_ int, tid uint8) []byte { return []byte{0x10, 6<<3 | 4, tid << 5, 1, 2, 3} }

// Pictures of VP9 and AV1 in three temporal layers are left out from the next one on, and come again from a picture of the base on.
func TestThinnerOfOtherCodecs(t *testing.T) {
	for mimeType, payload := range map[string]func(int, uint8) []byte{webrtc.MimeTypeVP9: payloadVP9, webrtc.MimeTypeAV1: payloadAV1} {
		track := media.NewTrack(media.KindVideo, mediatest.Format(mimeType), media.NewPacketPool())
		thin, pictures := newThinner(mimeType), 0
		film := func(n int) (sent []uint8) {
			for range n {
				tid := []uint8{0, 2, 1, 2}[pictures%4]
				p := track.NewPacket()
				p.RTP, p.Arrival = *rtptest.VP8Packet(uint16(pictures), false), time.Now()
				p.RTP.Timestamp, p.RTP.Payload = uint32(pictures)*3000, payload(pictures, tid)
				track.Push(p)
				require.Equal(t, tid, p.Layer.Temporal.ID, mimeType)
				c, taken := thin.take(p)
				require.Zero(t, c.numbers, "its pictures keep their numbers")
				if taken {
					sent = append(sent, tid)
				}
				p.Release()
				pictures++
			}
			return sent
		}
		require.Equal(t, []uint8{0, 2, 1, 2, 0, 2}, film(6), mimeType)
		require.Len(t, track.Encodings()[0].Temporal(), 3, mimeType)
		thin.want(extent{allSpatial, 1})
		require.Equal(t, []uint8{1, 0, 1}, film(6), mimeType)
		thin.want(extent{allSpatial, 0})
		require.Equal(t, []uint8{0}, film(4), mimeType)
		thin.want(whole)
		require.Equal(t, []uint8{0, 2, 1, 2, 0, 2}, film(6), mimeType)
		thin.want(extent{allSpatial, 0})
		require.Empty(t, film(1), mimeType)
		thin.want(whole)
		require.Equal(t, []uint8{0, 2}, film(3), "not in the middle: %s", mimeType)
	}
}
