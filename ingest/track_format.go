package ingest

import (
	"strconv"
	"strings"

	"github.com/pion/webrtc/v4"
)

// format is one of a section's payload types and what it stands for (RFC 8866 §6.6, §6.15).
type format struct {
	payload    string
	repair     string      // payload type of its retransmissions (RFC 4588 §8.1), or ""
	red        string      // payload type that the client would rather send it in, with redundancy (RFC 2198), or ""
	codec      *videoCodec // nil for Opus
	parameters string      // a=fmtp
}

// videoClockRate is the clock rate of all video in RTP, in Hz.
const videoClockRate = 90000

const mimeTypeRED = "audio/red"

// videoCodec is a video codec that is received and forwarded. Whoever reads offers fills it in.
type videoCodec struct {
	name, title string // in options, and in sentences
	mimeType    string // as in a=rtpmap
	// keyStarts reports whether an RTP payload looks like the beginning of a key frame.
	keyStarts func(payload []byte) bool
	// size reads the size of a picture, in pixels, from the first payload of a key frame; nil where only decoders find it out.
	size func(payload []byte) (width, height int)
	// rank reports whether the codec is taken with these parameters, and which of several to prefer: the lowest.
	rank func(parameters string) (rank int, taken bool)
	// plays reports whether, and how well, what has been offered as stream can be sent as what has been offered as player.
	plays func(stream, player string) (rank int, plays bool)
}

// capability is the format as pion names it for tracks.
func (f format) capability() webrtc.RTPCodecCapability {
	if f.codec == nil {
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: f.parameters}
	}
	return webrtc.RTPCodecCapability{MimeType: f.codec.mimeType, ClockRate: videoClockRate, SDPFmtpLine: f.parameters}
}

// redParameters are the a=fmtp of redundancy.
func (f format) redParameters() string { return f.payload + "/" + f.payload }

// redCapability is the redundancy as pion names it.
func (f format) redCapability() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{MimeType: mimeTypeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: f.redParameters()}
}

// comesAs tells whether packets of that MIME type are of the format.
func (f format) comesAs(mimeType string) bool {
	return strings.EqualFold(mimeType, f.capability().MimeType) || f.red != "" && strings.EqualFold(mimeType, mimeTypeRED)
}

// playsAs reports whether, and how well, a stream of this format can be sent to a client that has offered other.
func (f format) playsAs(other format) (rank int, plays bool) {
	if other.codec.name != f.codec.name {
		return 0, false
	}
	return f.codec.plays(f.parameters, other.parameters)
}

// payloadType converts what has been checked.
func payloadType(payload string) webrtc.PayloadType {
	n, _ := strconv.ParseUint(payload, 10, 7)
	return webrtc.PayloadType(n)
}
