package media

import (
	"github.com/pion/webrtc/v4"
)

// vp8 is the codec of test tracks, whose key frames begin with rtptest.VP8Packet.
func vp8() *VideoCodec {
	return &VideoCodec{
		Name: "vp8", Title: "VP8", MimeType: webrtc.MimeTypeVP8,
		KeyFrameStarts: func(payload []byte) bool { return len(payload) > 1 && payload[0]&0x10 != 0 && payload[1]&1 == 0 },
	}
}

func testTrack(kind Kind) *Track {
	if kind == KindAudio {
		return NewTrack(kind, Format{Payload: "111", Parameters: "minptime=10;useinbandfec=1"}, NewPacketPool())
	}
	return NewTrack(kind, Format{Payload: "96", Repair: "97", Codec: vp8()}, NewPacketPool())
}
