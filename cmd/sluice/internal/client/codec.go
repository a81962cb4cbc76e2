package client

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/cmd/sluice/internal/doctor"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// videoCodec is one that sluice publish encodes and sends, and that sluice play takes.
type videoCodec struct {
	name     string      // in --codec
	frames   depay.Codec // of what is received
	mimeType string
	// formats are the fmtp parameters (RFC 8866 §6.15) of what is taken, each with a payload type of its own. The first is what
	// is sent, and the only one that a publisher offers.
	formats   []string
	encoder   string   // ffmpeg's
	options   []string // of the encoder, beside what all have
	container string   // ffmpeg's, for the pipe
	payloader func() rtp.Payloader
}

// videoCodecs lists them in the order in which a player prefers them. Each encoder is the one that Debian's ffmpeg has, set to
// real time and without pictures out of order. Seconds of CPU for 5 s of the test picture at 30 fps, 640x480 and 1280x720: VP9
// 0.9 and 1.5, AV1 1.8 and 3.4 (SVT-AV1, 2.0 and 1.7, calls its low delay a work in progress).
func videoCodecs() []videoCodec {
	return []videoCodec{
		{
			name: "vp8", frames: depay.VP8, mimeType: webrtc.MimeTypeVP8, formats: []string{""}, encoder: "libvpx", container: "ivf",
			options:   []string{"-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-error-resilient", "1"},
			payloader: func() rtp.Payloader { return &codecs.VP8Payloader{EnablePictureID: true} }, // RFC 7741 §4.2
		},
		{
			name: "h264", frames: depay.H264, mimeType: webrtc.MimeTypeH264, encoder: "libx264", container: "h264",
			formats: []string{h264Format("42e01f"), h264Format("42001f"), h264Format("4d001f"), h264Format("64001f")},
			// Constrained Baseline has no B-frames. The access unit delimiters tell where in the pipe a picture begins; the payloader
			// leaves them out.
			options:   []string{"-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "baseline", "-sc_threshold", "0", "-aud", "1"},
			payloader: func() rtp.Payloader { return &codecs.H264Payloader{} }, // RFC 6184 §6.3: STAP-A and FU-A
		},
		{
			name: "vp9", frames: depay.VP9, mimeType: webrtc.MimeTypeVP9, formats: []string{"profile-id=0"}, encoder: "libvpx-vp9", container: "ivf",
			options: []string{"-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-lag-in-frames", "0", "-error-resilient", "1"},
			// RFC 9628 §4.2. The payloader takes a picture that only shows an older one for a key frame of 0x0 pixels; without lag the
			// encoder makes none.
			payloader: func() rtp.Payloader { return &codecs.VP9Payloader{} },
		},
		{
			name: "av1", frames: depay.AV1, mimeType: webrtc.MimeTypeAV1, formats: []string{"level-idx=5;profile=0;tier=0"}, encoder: "libaom-av1", container: "ivf",
			options:   []string{"-usage", "realtime", "-aom-params", "cpu-used=10", "-row-mt", "1", "-lag-in-frames", "0"},
			payloader: func() rtp.Payloader { return &codecs.AV1Payloader{} }, // leaves out temporal delimiters and sizes, as §4.5 and §5 ask
		},
	}
}

// h264Format describes H.264 in packetization mode 1 (RFC 6184 §8.1).
func h264Format(profileLevel string) string {
	return "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profileLevel
}

// codecNames returns the names in --codec, for sentences.
func codecNames(some []videoCodec) string {
	var names []string
	for _, c := range some {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// parseCodecs reads a list of names in order of preference.
func parseCodecs(list string) ([]videoCodec, error) {
	var chosen []videoCodec
	for name := range strings.SplitSeq(list, ",") {
		is := func(c videoCodec) bool { return c.name == strings.ToLower(strings.TrimSpace(name)) }
		i := slices.IndexFunc(videoCodecs(), is)
		switch {
		case i < 0:
			return nil, fmt.Errorf("%q cannot be sent, these can: %s", name, codecNames(videoCodecs()))
		case slices.ContainsFunc(chosen, is):
			return nil, fmt.Errorf("%s is there twice", name)
		}
		chosen = append(chosen, videoCodecs()[i])
	}
	return chosen, nil
}

// answeredVideo returns which of the offered codecs an answer has chosen for video: its first (RFC 3264 §6.1).
func answeredVideo(answer string, offered []videoCodec) (chosen videoCodec, ok bool) {
	description := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}
	parsed, err := description.Unmarshal()
	if err != nil {
		return videoCodec{}, false
	}
	for _, media := range parsed.MediaDescriptions {
		if media.MediaName.Media != "video" || media.MediaName.Port.Value == 0 {
			continue
		}
		for _, format := range media.MediaName.Formats {
			if i := slices.IndexFunc(offered, func(c videoCodec) bool { return mapsTo(media, format, c) }); i >= 0 {
				return offered[i], true
			}
		}
	}
	return videoCodec{}, false
}

// mapsTo reports whether a media section maps a payload type to a codec (RFC 8866 §6.6).
func mapsTo(media *sdp.MediaDescription, format string, c videoCodec) bool {
	return slices.ContainsFunc(media.Attributes, func(a sdp.Attribute) bool {
		payloadType, encoding, _ := strings.Cut(a.Value, " ")
		name, _, _ := strings.Cut(encoding, "/")
		return a.Key == "rtpmap" && payloadType == format && strings.EqualFold("video/"+name, c.mimeType)
	})
}

// checkEncoders tells which of the encoders ffmpeg lacks.
func checkEncoders(ctx context.Context, wanted []videoCodec) error {
	out, err := sandbox.Output(exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-encoders"), sandbox.Policy{})
	if err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	have := doctor.Listed(string(out))
	for _, c := range wanted {
		if !slices.Contains(have, c.encoder) {
			return fmt.Errorf("ffmpeg has no encoder %s, which --codec %s needs: install one that is built with it, such as Debian's or Ubuntu's, "+
				"or choose another codec", c.encoder, c.name)
		}
	}
	return nil
}
