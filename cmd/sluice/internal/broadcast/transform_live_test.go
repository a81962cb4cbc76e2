package broadcast

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/sluice-live/sluice/transcode"
)

// livePicture is a frame that TransformLive has made.
type livePicture struct {
	timestamp uint32
	frame     []byte
}

// liveSink is a LiveOutput.
type liveSink struct {
	pictures chan livePicture
	reports  chan media.SenderReport
}

func (s *liveSink) Send(timestamp uint32, frame []byte) {
	s.pictures <- livePicture{timestamp, bytes.Clone(frame)}
}
func (s *liveSink) Report(r media.SenderReport) { s.reports <- r }
func (s *liveSink) Drop()                       {}

func waitLive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(2 * time.Minute):
		t.Fatal("it has not come")
	}
	return v
}

// halves is VP8 of one key frame, red on the left and blue on the right.
func halves(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	ffmpeg := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=blue:s=64x48,drawbox=c=red:w=32:h=48:t=fill",
		"-frames:v", "1", "-c:v", "libvpx", "-b:v", "1M", "-f", "ivf", "pipe:1")
	ffmpeg.Stdout = &file
	require.NoError(t, ffmpeg.Run())
	r, err := ivf.NewReader(&file)
	require.NoError(t, err)
	_, frame, err := r.Next()
	require.NoError(t, err)
	return bytes.Clone(frame)
}

// redness is how red both halves of a key frame are: the V of its colour, from 0 to 255.
func redness(t *testing.T, frame []byte) (left, right int) {
	t.Helper()
	var file, out bytes.Buffer
	require.NoError(t, ivf.NewWriter(&file, ivf.Header{FourCC: ivf.VP8, Width: 64, Height: 48}).WriteFrame(0, frame))
	ffmpeg := exec.Command("ffmpeg", "-loglevel", "error", "-f", "ivf", "-i", "pipe:0", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1")
	ffmpeg.Stdin, ffmpeg.Stdout = &file, &out
	require.NoError(t, ffmpeg.Run())
	v := out.Bytes()[64*48*5/4:]
	require.Len(t, v, 32*24)
	return int(v[12*32+8]), int(v[12*32+24])
}

// ffmpegs are those that this process has started, as the kernel counts them.
func ffmpegs(t *testing.T) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if bytes.Contains(stat, []byte("(ffmpeg)")) && fields[1] == strconv.Itoa(os.Getpid()) && fields[0] != "Z" {
			pid, err := strconv.Atoi(string(stat[:bytes.IndexByte(stat, ' ')]))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// Viewers get pictures as they are transformed now, with the time stamps and reports of the publisher, by one ffmpeg, which ends with its context. When it is
// killed, the error says so and the next call goes on.
func TestTransformLive(t *testing.T) {
	b := &Broadcast{options: Options{Stream: "cam"}, log: slog.New(slog.DiscardHandler), done: make(chan struct{})}
	status := &Status{Transform: transcode.TransformMirror, newer: make(chan struct{})}
	b.status.Store(status)
	track := media.NewTrack(media.KindVideo, *transformed.Format(), media.NewPacketPool())
	publisher := media.NewPacketizer(track)
	publish := publishStills(t, &publisher, halves(t))
	sink := &liveSink{make(chan livePicture, 1<<16), make(chan media.SenderReport, 64)}
	begin := func() (stop func(), ended chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		ended = make(chan error, 1)
		go func() { ended <- b.TransformLive(ctx, track, sink) }()
		return cancel, ended
	}
	stop, ended := begin()
	publish()
	first := waitLive(t, sink.pictures)
	left, right := redness(t, first.frame)
	require.Less(t, left+60, right, "left and right are changed")
	report := waitLive(t, sink.reports)
	require.Less(t, first.timestamp-report.RTPTime, uint32(2*60*transcode.LiveRate), "it is on the publisher's clock")
	require.Zero(t, (first.timestamp-report.RTPTime)%stillEvery, "and of one of its pictures")
	require.Len(t, ffmpegs(t), 1)

	b.status.Store(&Status{newer: make(chan struct{})})
	close(status.newer)
	for left <= right+60 { // pictures without a transform
		if frame := waitLive(t, sink.pictures).frame; frame[0]&1 == 0 { // a key frame (RFC 6386 §9.1)
			left, right = redness(t, frame)
		}
	}
	for _, pid := range ffmpegs(t) {
		process, err := os.FindProcess(pid)
		require.NoError(t, err)
		require.NoError(t, process.Kill())
	}
	err := waitLive(t, ended)
	require.Error(t, err)
	require.False(t, errors.Is(err, io.EOF) && err.Error() == "EOF", "it says what has become of ffmpeg: %v", err)
	require.Empty(t, ffmpegs(t))
	stop()

	for len(sink.pictures) > 0 {
		<-sink.pictures
	}
	stop, ended = begin()
	left, right = redness(t, waitLive(t, sink.pictures).frame)
	require.Greater(t, left, right+60)
	stop()
	require.NoError(t, waitLive(t, ended))
	require.Empty(t, ffmpegs(t))
}

// stillEvery in ticks is between pictures of publishStills.
const stillEvery = transcode.LiveRate / 25

// publishStills returns what begins to send a key frame again and again, until the end of the test.
func publishStills(t *testing.T, z *media.Packetizer, frame []byte) (begin func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	payloader := codecs.VP8Payloader{}
	parts := payloader.Payload(media.MaxPayload, frame)
	return func() {
		t.Cleanup(func() { cancel(); <-done })
		go func() {
			defer close(done)
			begun, pace := time.Now(), time.NewTicker(40*time.Millisecond)
			defer pace.Stop()
			z.Report(begun, 0)
			for at := time.Duration(0); ctx.Err() == nil; at += 40 * time.Millisecond {
				for i, part := range parts {
					z.Send(i == len(parts)-1, at, time.Now(), part)
				}
				<-pace.C
			}
		}()
	}
}
