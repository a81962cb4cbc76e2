package e2e

import (
	"bytes"
	"os"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/depay/ivf"
)

// coding is a codec of pictures: how a clip of it is made and sent.
type coding struct {
	name      string // as configuration and commands call it
	mime      string
	file      string // ending of a file that holds it
	encoder   []string
	read      func(path string) ([]sample, error)
	write     func(path string, samples []sample) error
	payloader func() rtp.Payloader
	fmtp      string
}

var (
	vp8 = coding{
		"vp8", webrtc.MimeTypeVP8, "ivf", []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-error-resilient", "1"}, readIVF, writeIVF(ivf.VP8),
		func() rtp.Payloader { return &codecs.VP8Payloader{EnablePictureID: true} }, "",
	}
	vp9 = coding{
		"vp9", webrtc.MimeTypeVP9, "ivf", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-row-mt", "1"}, readIVF, writeIVF(ivf.VP9),
		func() rtp.Payloader { return &codecs.VP9Payloader{} }, "profile-id=0",
	}
	h264 = coding{
		"h264", webrtc.MimeTypeH264, "h264", []string{"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-profile:v", "baseline", "-bsf:v", "h264_metadata=aud=insert"}, readAnnexB, writeAnnexB,
		func() rtp.Payloader { return &codecs.H264Payloader{} }, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	av1 = coding{
		"av1", webrtc.MimeTypeAV1, "ivf", []string{"-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "pred-struct=1"}, readIVF, writeIVF(ivf.AV1),
		func() rtp.Payloader { return &codecs.AV1Payloader{} }, "",
	}
)

// register makes the clip's codecs all that its publisher offers.
func (c *clip) register(media *webrtc.MediaEngine) error {
	opus := webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}}
	if err := media.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil || c.video == nil {
		return err
	}
	return media.RegisterCodec(webrtc.RTPCodecParameters{
		PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: c.codec.mime, ClockRate: 90000, SDPFmtpLine: c.codec.fmtp},
	}, webrtc.RTPCodecTypeVideo)
}

// readAnnexB reads access units that each begin with a delimiter, 30 a second.
func readAnnexB(path string) (samples []sample, err error) {
	stream, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	delimiter := []byte{0, 0, 0, 1, 9}
	for i, unit := range bytes.Split(stream, delimiter)[1:] {
		samples = append(samples, sample{int64(i) * 3000, append(bytes.Clone(delimiter), unit...)})
	}
	return samples, nil
}

func writeAnnexB(path string, samples []sample) error {
	var stream []byte
	for _, s := range samples {
		stream = append(stream, s.data...)
	}
	return os.WriteFile(path, stream, 0o644)
}

// writeIVF returns what writes pictures of 640x480 at most.
func writeIVF(fourCC string) func(path string, samples []sample) error {
	return func(path string, samples []sample) error {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		defer file.Close()
		w := ivf.NewWriter(file, ivf.Header{FourCC: fourCC, Width: 640, Height: 480})
		for _, s := range samples {
			if err := w.WriteFrame(s.pts, s.data); err != nil {
				return err
			}
		}
		return nil
	}
}
