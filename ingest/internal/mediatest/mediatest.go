package mediatest

import (
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
)

// Format is one that carries the codec, with the parameters that browsers send.
func Format(mimeType string) media.Format {
	parameters := map[string]string{
		webrtc.MimeTypeVP9: "profile-id=0", webrtc.MimeTypeAV1: "level-idx=5;profile=0;tier=0",
		webrtc.MimeTypeH264: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	return media.Format{Payload: "96", Repair: "97", Codec: offer.VideoCodecOf(mimeType), Parameters: parameters[mimeType]}
}

// Opus is the format that browsers send audio in.
func Opus() media.Format {
	return media.Format{Payload: "111", Parameters: "minptime=10;useinbandfec=1"}
}

// Push delivers a packet as the read loop does.
func Push(t *media.Track, seq uint16, key bool) {
	PushAt(t, seq, key, time.Unix(0, int64(seq)*int64(time.Millisecond)))
}

// PushAt delivers a packet that arrived then.
func PushAt(t *media.Track, seq uint16, key bool, arrival time.Time) {
	p := t.NewPacket()
	defer p.Release()
	p.Arrival, p.RTP = arrival, *rtptest.OpusPacket(seq)
	if t.Kind() == media.KindVideo {
		p.RTP = *rtptest.VP8Packet(seq, key)
	}
	t.Push(p)
}

// Nobody is a subscriber that does nothing.
type Nobody struct{}

// Deliver implements media.Subscriber.
func (*Nobody) Deliver(*media.Packet) {}

// End implements media.Subscriber.
func (*Nobody) End() {}

// Track is a new track of VP8 or Opus.
func Track(kind media.Kind) *media.Track {
	if kind == media.KindAudio {
		return media.NewTrack(kind, Opus(), media.NewPacketPool())
	}
	return media.NewTrack(kind, Format(webrtc.MimeTypeVP8), media.NewPacketPool())
}
