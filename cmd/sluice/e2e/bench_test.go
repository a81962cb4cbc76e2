package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	benchRung    = "720p=1280x720@30:2800k"
	benchSeconds = 15
)

// BenchmarkStream measures one 720p30 stream: what this program and its ffmpeg cost, beside ffmpeg doing the same from a
// file at the same pace. One iteration takes about 40 s, so run it with -benchtime 1x.
func BenchmarkStream(b *testing.B) {
	for b.Loop() {
		s := startService(b, "--ladder", benchRung)
		idle := residentMiB(b, s.cmd.Process.Pid)
		p := newBenchPublisher(b, s, "bench")
		p.rounds = 2
		p.send()
		lapse(3 * time.Second)
		ffmpeg := s.encoder()
		own, encoder := cpuSeconds(b, s.cmd.Process.Pid), cpuSeconds(b, ffmpeg)
		lapse(benchSeconds * time.Second)
		own, encoder = cpuSeconds(b, s.cmd.Process.Pid)-own, cpuSeconds(b, ffmpeg)-encoder
		memory := residentMiB(b, s.cmd.Process.Pid)
		arguments := commandLine(b, ffmpeg)
		p.stop()
		s.stop()
		alone := encodeAlone(b, arguments)
		b.ReportMetric(own/benchSeconds*100, "own-%core")
		b.ReportMetric(encoder/benchSeconds*100, "ffmpeg-%core")
		b.ReportMetric(own/encoder*100, "own-%of-ffmpeg")
		b.ReportMetric(alone*100, "alone-%core")
		b.ReportMetric((own+encoder)/benchSeconds/alone, "together/alone")
		b.ReportMetric(idle, "idle-MiB")
		b.ReportMetric(memory, "MiB")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkPassthrough measures, of publishers of H.264 in 720p30, what each way to serve them takes for each: passed on as they
// come, with smaller renditions beside, or encoded. One iteration of each takes about 25 s, so run it with -benchtime 1x.
func BenchmarkPassthrough(b *testing.B) {
	clip, err := newClip(h264, "1280x720", "2500k", clipLength)
	require.NoError(b, err)
	const smaller = "480p=854x480@30:1200k,240p=426x240@30:400k"
	for _, way := range []struct {
		name, ladder, passthrough string
		silent                    bool
		streams                   int
	}{
		{"as it comes, no sound", benchRung, "true", true, 1},
		{"eight as they come, no sound", benchRung, "true", true, 8},
		{"as it comes", benchRung, "true", false, 1},
		{"as it comes and 480p 240p", smaller, "true", false, 1},
		{"encoded 720p", benchRung, "false", false, 1},
		{"encoded 720p 480p 240p", benchRung + "," + smaller, "false", false, 1},
		{"encoded 720p and 720p of H.265", benchRung + ",h265=1280x720@30:2000k:h265", "false", false, 1},
		{"encoded 720p and 720p of AV1", benchRung + ",av1=1280x720@30:1800k:av1", "false", false, 1},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				s := startService(b, "--ladder", way.ladder, "--passthrough="+way.passthrough)
				sent := *clip
				if way.silent {
					sent.audio = nil
				}
				var publishers []*publisher
				for i := range way.streams {
					p := publishClip(b, s, fmt.Sprintf("bench-%d", i), &sent)
					p.rounds = 2
					p.send()
					publishers = append(publishers, p)
				}
				lapse(4 * time.Second)
				own, encoders := s.cpu(b)
				lapse(benchSeconds * time.Second)
				ownAfter, encodersAfter := s.cpu(b)
				for i, p := range publishers {
					require.Equal(b, way.passthrough == "true", s.stream(fmt.Sprintf("bench-%d", i)).Encoder.Copies)
					p.stop()
				}
				s.stop()
				share := benchSeconds * float64(way.streams)
				own, encoders = (ownAfter-own)/share, (encodersAfter-encoders)/share
				b.ReportMetric(own*100, "own-%core")
				b.ReportMetric(encoders*100, "ffmpeg-%core")
				b.ReportMetric(1/(own+encoders), "streams/core")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// cpu is the CPU time in seconds of the service and of its ffmpeg runs.
func (s *service) cpu(b *testing.B) (own, encoders float64) {
	for _, pid := range encodersOf(s) {
		encoders += cpuSeconds(b, pid)
	}
	return cpuSeconds(b, s.cmd.Process.Pid), encoders
}

// BenchmarkFurtherStream measures the memory that a second stream adds.
func BenchmarkFurtherStream(b *testing.B) {
	for b.Loop() {
		s := startService(b, "--ladder", smallRung)
		first := newBenchPublisher(b, s, "first")
		first.rounds = 2
		first.send()
		lapse(8 * time.Second)
		one := residentMiB(b, s.cmd.Process.Pid)
		second := newBenchPublisher(b, s, "second")
		second.send()
		lapse(8 * time.Second)
		b.ReportMetric(one, "first-MiB")
		b.ReportMetric(residentMiB(b, s.cmd.Process.Pid)-one, "further-MiB")
		b.ReportMetric(0, "ns/op")
		first.stop()
		second.stop()
		s.stop()
	}
}

// BenchmarkStart measures from the WHIP POST to the first playable manifests.
func BenchmarkStart(b *testing.B) {
	s := startService(b, "--ladder", oneRung)
	_, err := makeLargeClip()
	require.NoError(b, err)
	var hls, dash time.Duration
	i := 0
	for b.Loop() {
		i++
		name := fmt.Sprintf("start-%d", i)
		posted := time.Now()
		p := newBenchPublisher(b, s, name)
		done := make(chan time.Duration, 1)
		go func() { done <- firstAnswer(s.base+"/live/"+name+"/manifest.mpd", posted) }()
		p.send()
		hls += firstAnswer(s.base+"/live/"+name+"/index.m3u8", posted)
		dash += <-done
		p.stop()
	}
	b.ReportMetric(hls.Seconds()/float64(i), "s-to-HLS")
	b.ReportMetric(dash.Seconds()/float64(i), "s-to-DASH")
	b.ReportMetric(0, "ns/op")
	s.stop()
}

// firstAnswer asks for a manifest until there is one.
func firstAnswer(url string, since time.Time) time.Duration {
	for {
		response, err := http.Get(url)
		if err != nil {
			return 0
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return time.Since(since)
		}
		lapse(10 * time.Millisecond)
	}
}

// encoder is the process of the stream's ffmpeg; others come and go beside it, for thumbnails and MP4s.
func (s *service) encoder() int {
	s.t.Helper()
	for _, pid := range children(s.cmd.Process.Pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(text), "pipe:3") {
			return pid
		}
	}
	s.t.Fatal("no ffmpeg is running")
	return 0
}

// cpuSeconds is the CPU time that a process has used.
func cpuSeconds(b *testing.B, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	const ticksPerSecond = 100 // USER_HZ on every Linux
	return (user + system) / ticksPerSecond
}

func residentMiB(b *testing.B, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kilobytes / 1024
		}
	}
	return 0
}

func commandLine(b *testing.B, pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	require.NoError(b, err)
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// encodeAlone runs ffmpeg's command with files for its pipes, at the pace of the media, and returns the cores that it takes.
func encodeAlone(b *testing.B, arguments []string) float64 {
	directory := b.TempDir()
	video, audio := filepath.Join(directory, "in.ivf"), filepath.Join(directory, "in.ogg")
	require.NoError(b, encodeClip(vp8, video, audio, flashing("1280x720"), 30, "2500k", clipLength))
	var alone []string
	for _, argument := range arguments[1:] {
		switch {
		case argument == "pipe:3":
			argument = video
		case argument == "pipe:4":
			argument = audio
		case strings.HasPrefix(argument, "/") && strings.Contains(argument, "/live/"):
			argument = filepath.Join(directory, filepath.Base(argument))
		case argument == "pipe": // of -protocol_whitelist
			argument = "pipe,file"
		case argument == "-f" && len(alone) < 20:
			alone = append(alone, "-re")
		}
		alone = append(alone, argument)
	}
	command := exec.Command(arguments[0], alone...)
	out, err := command.CombinedOutput()
	require.NoError(b, err, "%s", out)
	state := command.ProcessState
	return (state.UserTime() + state.SystemTime()).Seconds() / clipLength.Seconds()
}
