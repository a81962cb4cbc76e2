package e2e

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gstreamerSays is what testdata/gstreamer.py prints.
type gstreamerSays struct {
	Pictures int
	First    float64 // seconds from the connection to the first picture
	Rate     float64 // pictures a second from there on
	Errors   []json.RawMessage
}

// BenchmarkGStreamer has webrtcbin, by the signalling at /gst/ws, publish a stream of 30 pictures a second, which is read over HLS too, and play
// it.
func BenchmarkGStreamer(b *testing.B) {
	for b.Loop() {
		// Of this machine's addresses webrtcbin takes all but loopback.
		s := startService(b, "--ladder", smallRung, "--linger", "0s", "--record=false", "--ice-udp", "0.0.0.0:0", "--auth-publish", stageKey)
		began := time.Now()
		published := webrtcbin(b, s, "produce", 30*time.Second)
		s.waitState("gst", "live")
		b.ReportMetric(time.Since(began).Seconds(), "s-to-live")
		ffmpeg(b, "-xerror", "-i", s.base+"/live/gst/index.m3u8", "-t", "3", "-f", "null", "-")
		played := <-webrtcbin(b, s, "consume", 10*time.Second)
		require.Empty(b, played.Errors)
		require.Greater(b, played.Pictures, 100)
		b.ReportMetric(played.First, "s-to-first-picture")
		b.ReportMetric(played.Rate, "pictures/s")
		require.Empty(b, (<-published).Errors)
	}
	b.ReportMetric(0, "ns/op")
}

// webrtcbin starts the client, which ends by itself.
func webrtcbin(b *testing.B, s *service, role string, length time.Duration) <-chan gstreamerSays {
	b.Helper()
	command := exec.Command("/usr/bin/python3", "testdata/gstreamer.py", role, signallingOf(s), "gst", strconv.Itoa(int(length.Seconds())))
	said := make(chan gstreamerSays, 1)
	go func() {
		var says gstreamerSays
		printed, err := command.Output()
		if err == nil {
			err = json.Unmarshal(printed, &says)
		}
		if err != nil {
			says.Errors = append(says.Errors, json.RawMessage(strconv.Quote(err.Error())))
		}
		said <- says
	}()
	return said
}
