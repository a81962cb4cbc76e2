package media

import (
	"strconv"
	"strings"

	"github.com/pion/webrtc/v4"
)

// Format is one of a section's payload types and what it stands for (RFC 8866 §6.6, §6.15).
type Format struct {
	Payload    string      // payload type, in decimal
	Repair     string      // payload type of its retransmissions (RFC 4588 §8.1), or ""
	Red        string      // payload type of it with redundancy (RFC 2198), or ""
	RedFirst   bool        // the client prefers that
	FEC        string      // payload type of error correction (FlexFEC-03), or ""
	Codec      *VideoCodec // nil for Opus
	Parameters string      // those of a=fmtp: "name=value;…"
}

// VideoClockRate is the clock rate of all video in RTP, in Hz.
const VideoClockRate = 90000

const mimeTypeRED = "audio/red"

// VideoCodec is a video codec that is received and forwarded. Whoever reads offers fills it in.
type VideoCodec struct {
	Name, Title string // in options, and in sentences
	MimeType    string // as in a=rtpmap
	// KeyFrameStarts reports whether an RTP payload looks like the beginning of a key frame.
	KeyFrameStarts func(payload []byte) bool
	// Size reads the size of a picture, in pixels, from the first payload of a key frame; nil where only decoders find it out.
	Size func(payload []byte) (width, height int)
	// Layers reads the layer of a picture from an RTP payload; false where that does not tell it. Nil where none does.
	Layers func(payload []byte) (PictureLayer, bool)
	// SpatialSizes reads the sizes of spatial layers from the first payload of a key frame, as far as that tells them. Nil where pictures have one
	// spatial layer.
	SpatialSizes func(payload []byte, sizes *[MaxSpatial]Size)
	// Described makes what reads the descriptors of a track's packets (DescriptorURI), which tell more than Layers does. Nil where none come.
	Described func() Described
	// Rank reports whether the codec is taken with these parameters, and which of several to prefer: the lowest.
	Rank func(parameters string) (rank int, taken bool)
	// Plays reports whether, and how well, what has been offered as stream can be sent as what has been offered as player.
	Plays func(stream, player string) (rank int, plays bool)
}

// DescriptorURI is that of the header extension which has a descriptor of what the packet is of (AV1 RTP payload format §A).
const DescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// Described reads the descriptors of one track's packets, in the order of arrival.
type Described interface {
	// Read tells which layer a packet is of; false where that is not known.
	Read(descriptor []byte) (layer PictureLayer, known bool)
	// Sizes sets the sizes of spatial layers, as far as they are known.
	Sizes(*[MaxSpatial]Size)
}

// Capability is the format as pion names it for tracks.
func (f Format) Capability() webrtc.RTPCodecCapability {
	if f.Codec == nil {
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: f.Parameters}
	}
	return webrtc.RTPCodecCapability{MimeType: f.Codec.MimeType, ClockRate: VideoClockRate, SDPFmtpLine: f.Parameters}
}

// REDParameters are the a=fmtp of redundancy.
func (f Format) REDParameters() string { return f.Payload + "/" + f.Payload }

// REDCapability is the redundancy as pion names it.
func (f Format) REDCapability() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{MimeType: mimeTypeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: f.REDParameters()}
}

// FECParameters are the a=fmtp of error correction: for how long it may be of use, in microseconds.
const FECParameters = "repair-window=10000000"

// ComesAs reports whether packets of that MIME type are of the format.
func (f Format) ComesAs(mimeType string) bool {
	return strings.EqualFold(mimeType, f.Capability().MimeType) || f.Red != "" && strings.EqualFold(mimeType, mimeTypeRED)
}

// ComesIn reports whether packets of that payload type are of the format.
func (f Format) ComesIn(payload uint8) bool {
	return uint8(PayloadType(f.Payload)) == payload || f.Red != "" && uint8(PayloadType(f.Red)) == payload
}

// RepairedBy reports whether packets of that payload type are retransmissions of the format.
func (f Format) RepairedBy(payload uint8) bool {
	return f.Repair != "" && uint8(PayloadType(f.Repair)) == payload
}

// PlaysAs reports whether, and how well, a stream of this format can be sent to a client that has offered other.
func (f Format) PlaysAs(other Format) (rank int, plays bool) {
	if other.Codec.Name != f.Codec.Name {
		return 0, false
	}
	return f.Codec.Plays(f.Parameters, other.Parameters)
}

// PayloadType converts what has been checked.
func PayloadType(payload string) webrtc.PayloadType {
	n, _ := strconv.ParseUint(payload, 10, 7)
	return webrtc.PayloadType(n)
}
