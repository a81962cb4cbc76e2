package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rtmpAddress = regexp.MustCompile(`RTMP +rtmp://(\S+)/live`)

// What an encoder sends over RTMP is passed through to HLS, listed as what it is, and kept until it stops.
func TestRTMPIsPlayed(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--rtmp-listen", "127.0.0.1:0")
	eventually(t, func() bool { return rtmpAddress.MatchString(s.output.String()) })
	url := "rtmp://" + rtmpAddress.FindStringSubmatch(s.output.String())[1] + "/live/cam"
	args := "-hide_banner -loglevel error -re -f lavfi -i testsrc2=size=214x120:rate=30 -f lavfi -i sine=sample_rate=44100 -t 60 " +
		"-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -c:a aac -f flv "
	encoder := exec.Command("ffmpeg", strings.Fields(args+url)...)
	require.NoError(t, encoder.Start())
	ended := make(chan error, 1)
	go func() { ended <- encoder.Wait() }()
	t.Cleanup(func() { _ = encoder.Process.Kill() })
	live := s.waitFor("cam", func(st stream) bool { return st.State == "live" && st.Encoder.Copies })
	require.Equal(t, "H264", live.Publisher.Video.Codec)
	_, _, sessions := s.get("/api/v1/sessions")
	require.Contains(t, string(sessions), `"kind":"rtmp"`)
	_, _, playlist := s.get("/live/cam/index.m3u8")
	require.Regexp(t, `CODECS="avc1\.[0-9A-F]{6},mp4a\.40\.2"`, string(playlist))
	require.NoError(t, encoder.Process.Signal(os.Interrupt))
	<-ended
	recording := s.recording("cam")
	s.waitState("cam", "ended")
	requireDuration(t, recording+"/source-1.mkv", time.Second)
}
