package ingest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
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

// formatsOf lists what a section offers of what we take, in its order, Opus for sound.
func formatsOf(m *sdp.MediaDescription) []format {
	var formats []format
	mapped, parameters := attributesByPayload(m, "rtpmap"), attributesByPayload(m, "fmtp")
	for _, payload := range m.MediaName.Formats {
		if !isPayload(payload) {
			continue
		}
		f := format{payload: payload, parameters: parameters[payload]}
		encoding := m.MediaName.Media + "/" + mapped[payload]
		if m.MediaName.Media == "audio" {
			if strings.EqualFold(encoding, webrtc.MimeTypeOpus+"/48000/2") {
				f.red = redBefore(m, payload, mapped, parameters)
				formats = append(formats, f)
			}
			continue
		}
		mimeType, ok := strings.CutSuffix(encoding, "/90000")
		if f.codec = videoCodecOf(mimeType); !ok || f.codec == nil {
			continue
		}
		if _, taken := f.codec.rank(f.parameters); taken {
			f.repair = repairOf(m, payload, mapped, parameters)
			formats = append(formats, f)
		}
	}
	return formats
}

// attributesByPayload are the first values of a=key for each payload type.
func attributesByPayload(m *sdp.MediaDescription, key string) map[string]string {
	values := map[string]string{}
	for _, a := range m.Attributes {
		payload, value, _ := strings.Cut(a.Value, " ")
		if _, known := values[payload]; a.Key == key && !known {
			values[payload] = strings.TrimSpace(value)
		}
	}
	return values
}

func repairOf(m *sdp.MediaDescription, payload string, mapped, parameters map[string]string) string {
	for _, repair := range m.MediaName.Formats {
		if isPayload(repair) && strings.EqualFold(mapped[repair], "rtx/90000") && parameter(parameters[repair], "apt", "") == payload {
			return repair
		}
	}
	return ""
}

// keep leaves only this format, its retransmissions and its redundancy in the section: the answer names one codec, so that what comes
// is what has been chosen.
func (f format) keep(m *sdp.MediaDescription) {
	kept := []string{f.payload}
	if f.repair != "" {
		kept = append(kept, f.repair)
	}
	if f.red != "" { // first: that is what the client sends
		kept = []string{f.red, f.payload}
	}
	m.MediaName.Formats = kept
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		payload, _, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtcp-fb":
			return payload != "*" && payload != f.payload
		case "rtpmap":
			return !slices.Contains(kept, payload)
		case "fmtp":
			return payload != f.payload
		}
		return false
	})
	if f.repair != "" { // pion knows it with nothing else in the line
		m.WithValueAttribute("fmtp", f.repair+" apt="+f.payload)
	}
	if f.red != "" {
		m.WithValueAttribute("fmtp", f.red+" "+f.redParameters())
	}
}

// register makes the format one that the connection can negotiate, and no other.
func (f format) register(media *webrtc.MediaEngine) error {
	if f.codec == nil {
		return f.registerSound(media)
	}
	picture := webrtc.RTPCodecParameters{RTPCodecCapability: f.capability(), PayloadType: payloadType(f.payload)}
	picture.RTCPFeedback = []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"}}
	if err := media.RegisterCodec(picture, webrtc.RTPCodecTypeVideo); err != nil || f.repair == "" {
		return err
	}
	return media.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: videoClockRate, SDPFmtpLine: "apt=" + f.payload},
		PayloadType:        payloadType(f.repair),
	}, webrtc.RTPCodecTypeVideo)
}

func (f format) registerSound(media *webrtc.MediaEngine) error {
	sound := webrtc.RTPCodecParameters{RTPCodecCapability: f.capability(), PayloadType: payloadType(f.payload)}
	if err := media.RegisterCodec(sound, webrtc.RTPCodecTypeAudio); err != nil || f.red == "" {
		return err
	}
	return media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: f.redCapability(), PayloadType: payloadType(f.red)}, webrtc.RTPCodecTypeAudio)
}

// capability is the format as pion names it for tracks.
func (f format) capability() webrtc.RTPCodecCapability {
	if f.codec == nil {
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: f.parameters}
	}
	return webrtc.RTPCodecCapability{MimeType: f.codec.mimeType, ClockRate: videoClockRate, SDPFmtpLine: f.parameters}
}

// isPayload tells whether this is a payload type, written as everybody does.
func isPayload(s string) bool {
	n, err := strconv.ParseUint(s, 10, 7)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// payloadType converts what has been checked.
func payloadType(payload string) webrtc.PayloadType {
	n, _ := strconv.ParseUint(payload, 10, 7)
	return webrtc.PayloadType(n)
}

// best returns the first of the formats with the lowest rank, of those that rank takes.
func best(formats []format, rank func(format) (int, bool)) *format {
	var chosen *format
	lowest := 0
	for i := range formats {
		if n, taken := rank(formats[i]); taken && (chosen == nil || n < lowest) {
			chosen, lowest = &formats[i], n
		}
	}
	return chosen
}
