package client

import (
	"bytes"
	"cmp"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/depay/ivf"
)

// Every codec arrives whole: ffmpeg decodes each picture of what the packets hold.
func TestPublishCodecs(t *testing.T) {
	for _, c := range []struct {
		name, flag, takes, want string
		formats                 []string // of the offer
	}{
		{"VP8", "vp8", "vp8,h264,vp9,av1", "vp8", []string{"VP8", "rtx", "apt=96"}},
		{"H.264", "h264", "vp8,h264,vp9,av1", "h264",
			[]string{"H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "rtx", "apt=96"}},
		{"VP9", "vp9", "vp8,h264,vp9,av1", "vp9", []string{"VP9", "profile-id=0", "rtx", "apt=96"}},
		{"AV1", "av1", "vp8,h264,vp9,av1", "av1", []string{"AV1", "level-idx=5;profile=0;tier=0", "rtx", "apt=96"}},
		{"the server's choice", "h264,vp8,vp9", "vp9,vp8", "vp8", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireNoLeak(t)
			s := newWHIPServer(t, 0)
			s.expects = 30
			s.takes, _ = parseCodecs(c.takes)
			out, errs, status := publish(t, t.Context(), "--token=key-of-cam", "--codec="+c.flag, "--size=320x240", "--fps=15", "--bitrate=1M",
				"--duration=2s", "--no-audio", "test", s.URL+"/whip/cam")
			require.Equal(t, exit.Done, status, errs)
			require.Contains(t, out, "ended: 30 pictures, 0 sound packets sent")
			if strings.Contains(c.flag, ",") {
				require.Contains(t, out, "live: the server has chosen "+c.want)
			}
			s.waitPictures(30)
			s.mu.Lock()
			defer s.mu.Unlock()
			var formats []string
			for _, f := range s.formats {
				_, format, _ := strings.Cut(f, " ")
				formats = append(formats, strings.TrimSuffix(strings.TrimSuffix(format, "\r"), "/90000"))
			}
			if c.formats != nil {
				require.Equal(t, c.formats, formats)
			}
			pictures := depacketize(t, c.want, s.video)
			require.Len(t, pictures, 30)
			require.Equal(t, 30, decodedPictures(t, c.want, pictures))
		})
	}
}

// waitPictures waits until that many are there.
func (s *whipServer) waitPictures(wanted int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.pictures() == wanted }, time.Minute, 10*time.Millisecond)
}

// pictures counts those whose last packet has been read.
func (s *whipServer) pictures() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.video {
		if p.Marker {
			n++
		}
	}
	return n
}

// depacketize returns the pictures in packets, by pion's own depacketizers.
func depacketize(t *testing.T, codec string, packets []*rtp.Packet) (pictures [][]byte) {
	t.Helper()
	slices.SortStableFunc(packets, func(a, b *rtp.Packet) int { return cmp.Compare(int16(a.SequenceNumber-b.SequenceNumber), 0) })
	var d rtp.Depacketizer
	switch codec {
	case "vp8":
		d = &codecs.VP8Packet{}
	case "h264":
		d = &codecs.H264Packet{}
	case "vp9":
		d = &codecs.VP9Packet{}
	case "av1":
		d = &codecs.AV1Depacketizer{}
	}
	var picture []byte
	for i, p := range packets {
		require.LessOrEqual(t, len(p.Payload), rtpPayload)
		payload, err := d.Unmarshal(p.Payload)
		require.NoError(t, err)
		picture = append(picture, payload...)
		last := i == len(packets)-1 || packets[i+1].Timestamp != p.Timestamp
		require.Equal(t, last, p.Marker, "the marker ends a picture")
		if last {
			pictures, picture = append(pictures, picture), nil
		}
	}
	return pictures
}

// decodedPictures counts what ffmpeg makes of the pictures without a complaint.
func decodedPictures(t *testing.T, codec string, pictures [][]byte) int {
	t.Helper()
	var file bytes.Buffer
	w := ivf.NewWriter(&file, ivf.Header{FourCC: map[string]string{"vp8": ivf.VP8, "h264": ivf.H264, "vp9": ivf.VP9, "av1": ivf.AV1}[codec]})
	for i, picture := range pictures {
		if codec == "av1" {
			picture = append([]byte{0x12, 0}, picture...) // the temporal delimiter that RTP leaves out
		}
		require.NoError(t, w.WriteFrame(int64(i)*6000, picture))
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-f", "ivf", "-i", "-", "-f", "framemd5", "-")
	cmd.Stdin = &file
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.Empty(t, stderr.String())
	return bytes.Count(out, []byte("\n0,"))
}

func TestPublishWithoutEncoder(t *testing.T) {
	missing := codecOf(t, "av1")
	missing.encoder = "libnone"
	require.EqualError(t, checkEncoders(t.Context(), []videoCodec{codecOf(t, "vp8"), missing}), "ffmpeg has no encoder libnone, which --codec av1 "+
		"needs: install one that is built with it, such as Debian's or Ubuntu's, or choose another codec")
	require.NoError(t, checkEncoders(t.Context(), videoCodecs()))
}

func TestAnsweredVideo(t *testing.T) {
	section := func(lines ...string) string {
		return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n" +
			strings.Join(lines, "\r\n") + "\r\n"
	}
	for _, c := range []struct{ name, answer, want string }{
		{"one", section("m=video 9 UDP/TLS/RTP/SAVPF 98", "a=rtpmap:98 H264/90000"), "h264"},
		{"the first of two", section("m=video 9 UDP/TLS/RTP/SAVPF 97 96 98", "a=rtpmap:98 H264/90000", "a=rtpmap:96 vp8/90000", "a=rtpmap:97 rtx/90000"), "vp8"},
		{"refused", section("m=video 0 UDP/TLS/RTP/SAVPF 98", "a=rtpmap:98 H264/90000"), ""},
		{"not offered", section("m=video 9 UDP/TLS/RTP/SAVPF 98", "a=rtpmap:98 H265/90000"), ""},
		{"no video", section(), ""},
		{"no SDP", "hello", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := answeredVideo(c.answer, videoCodecs())
			require.Equal(t, c.want, got.name)
			require.Equal(t, c.want != "", ok)
		})
	}
}
