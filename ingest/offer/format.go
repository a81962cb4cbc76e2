package offer

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
)

// formatsOf lists what a section offers of what we take, in its order, Opus for sound.
func formatsOf(m *sdp.MediaDescription) []media.Format {
	var formats []media.Format
	mapped, parameters := AttributesByPayload(m, "rtpmap"), AttributesByPayload(m, "fmtp")
	for _, payload := range m.MediaName.Formats {
		if !isPayload(payload) {
			continue
		}
		f := media.Format{Payload: payload, Parameters: parameters[payload]}
		encoding := m.MediaName.Media + "/" + mapped[payload]
		if m.MediaName.Media == "audio" {
			if strings.EqualFold(encoding, webrtc.MimeTypeOpus+"/48000/2") {
				f.Red, f.RedFirst = redOf(m, payload, mapped, parameters)
				formats = append(formats, f)
			}
			continue
		}
		mimeType, ok := strings.CutSuffix(encoding, "/90000")
		if f.Codec = VideoCodecOf(mimeType); !ok || f.Codec == nil {
			continue
		}
		if _, taken := f.Codec.Rank(f.Parameters); taken {
			f.Repair, f.FEC = repairOf(m, payload, mapped, parameters), fecOf(m, mapped)
			formats = append(formats, f)
		}
	}
	return formats
}

// AttributesByPayload are the first values of a=key for each payload type.
func AttributesByPayload(m *sdp.MediaDescription, key string) map[string]string {
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
		if isPayload(repair) && strings.EqualFold(mapped[repair], "rtx/90000") && Parameter(parameters[repair], "apt", "") == payload {
			return repair
		}
	}
	return ""
}

// fecOf is the payload type of error correction (draft-ietf-payload-flexible-fec-scheme-03 §5.1), or "".
func fecOf(m *sdp.MediaDescription, mapped map[string]string) string {
	for _, fec := range m.MediaName.Formats {
		if isPayload(fec) && strings.EqualFold(mapped[fec], "flexfec-03/90000") {
			return fec
		}
	}
	return ""
}

// keep leaves only one format, its retransmissions and its redundancy in the section: the answer names one codec, so that what comes
// is what has been chosen.
func keep(m *sdp.MediaDescription, f media.Format) {
	kept := []string{f.Payload}
	if f.Repair != "" {
		kept = append(kept, f.Repair)
	}
	if f.Red != "" {
		kept = append(kept, f.Red)
	}
	if f.Red != "" && f.RedFirst { // that is what the client sends
		slices.Reverse(kept)
	}
	if f.FEC != "" {
		kept = append(kept, f.FEC)
	}
	m.MediaName.Formats = kept
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		payload, _, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtcp-fb":
			return payload != "*" && payload != f.Payload
		case "rtpmap":
			return !slices.Contains(kept, payload)
		case "fmtp":
			return payload != f.Payload
		}
		return false
	})
	if f.Repair != "" { // pion knows it with nothing else in the line
		m.WithValueAttribute("fmtp", f.Repair+" apt="+f.Payload)
	}
	if f.Red != "" {
		m.WithValueAttribute("fmtp", f.Red+" "+f.REDParameters())
	}
	if f.FEC != "" {
		m.WithValueAttribute("fmtp", f.FEC+" "+media.FECParameters)
	}
}

// Register lets a connection negotiate the format.
func Register(engine *webrtc.MediaEngine, f media.Format) error {
	if f.Codec == nil {
		return registerAudio(engine, f)
	}
	video := webrtc.RTPCodecParameters{RTPCodecCapability: f.Capability(), PayloadType: media.PayloadType(f.Payload)}
	video.RTCPFeedback = []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"}}
	err := engine.RegisterCodec(video, webrtc.RTPCodecTypeVideo)
	for payload, c := range map[string]webrtc.RTPCodecCapability{
		f.Repair: {MimeType: webrtc.MimeTypeRTX, ClockRate: media.VideoClockRate, SDPFmtpLine: "apt=" + f.Payload},
		f.FEC:    {MimeType: webrtc.MimeTypeFlexFEC03, ClockRate: media.VideoClockRate, SDPFmtpLine: media.FECParameters},
	} {
		if payload != "" {
			err = errors.Join(err, engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: media.PayloadType(payload)}, webrtc.RTPCodecTypeVideo))
		}
	}
	return err
}

func registerAudio(engine *webrtc.MediaEngine, f media.Format) error {
	audio := webrtc.RTPCodecParameters{RTPCodecCapability: f.Capability(), PayloadType: media.PayloadType(f.Payload)}
	if err := engine.RegisterCodec(audio, webrtc.RTPCodecTypeAudio); err != nil || f.Red == "" {
		return err
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: f.REDCapability(), PayloadType: media.PayloadType(f.Red)}, webrtc.RTPCodecTypeAudio)
}

// isPayload reports whether this is a payload type, written as everybody does.
func isPayload(s string) bool {
	n, err := strconv.ParseUint(s, 10, 7)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// best returns the first of the formats with the lowest rank, of those that rank takes.
func best(formats []media.Format, rank func(media.Format) (int, bool)) *media.Format {
	var chosen *media.Format
	lowest := 0
	for i := range formats {
		if n, taken := rank(formats[i]); taken && (chosen == nil || n < lowest) {
			chosen, lowest = &formats[i], n
		}
	}
	return chosen
}
