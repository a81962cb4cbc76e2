package webm_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
	"github.com/sluice-live/sluice/depay/webm"
)

const (
	width, height = 322, 178
	fps           = 30
)

// frame is what goes into WriteFrame.
type frame struct {
	track webm.Track
	pts   time.Duration
	key   bool
	data  []byte
}

// run runs an ffmpeg tool with input on its standard input. A test that needs it fails without it.
func run(t *testing.T, input []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-loglevel", "error"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %v (install it with apt-get install ffmpeg): %s", name, args, &stderr)
	return stdout.Bytes()
}

// videoFrames is 3 s of a moving picture, key frames every 45.
func videoFrames(t *testing.T) []frame {
	t.Helper()
	file := run(t, nil, "ffmpeg", "-f", "lavfi", "-i", "testsrc2=size=322x178:rate=30:duration=3", "-c:v", "libvpx", "-deadline",
		"realtime", "-cpu-used", "8", "-g", "45", "-b:v", "300k", "-f", "ivf", "-")
	return fromIVF(t, file)
}

func fromIVF(t *testing.T, file []byte) (frames []frame) {
	t.Helper()
	r, err := ivf.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for i := 0; ; i++ {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		pts := time.Duration(i) * time.Second / fps
		frames = append(frames, frame{webm.Video, pts, data[0]&1 == 0, bytes.Clone(data)})
	}
}

// audioFrames is 3 s of a tone in packets of 20 ms.
func audioFrames(t *testing.T) []frame {
	t.Helper()
	return fromOgg(t, run(t, nil, "ffmpeg", "-f", "lavfi", "-i", "sine=440:sample_rate=48000:duration=3", "-ac", "2", "-c:a", "libopus",
		"-b:a", "64k", "-f", "ogg", "-"))
}

func fromOgg(t *testing.T, file []byte) (frames []frame) {
	t.Helper()
	r, err := ogg.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for i := 0; ; i++ {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, frame{webm.Audio, time.Duration(i) * 20 * time.Millisecond, false, bytes.Clone(data)})
	}
}

// nearlyInOrder mixes the tracks as they arrive: audio up to 60 ms later than its time says.
func nearlyInOrder(video, audio []frame) (mixed []frame) {
	for _, v := range video {
		for len(audio) > 0 && audio[0].pts+60*time.Millisecond < v.pts {
			mixed, audio = append(mixed, audio[0]), audio[1:]
		}
		mixed = append(mixed, v)
	}
	return append(mixed, audio...)
}

func both() webm.Options {
	return webm.Options{
		Video: &webm.VideoTrack{Codec: webm.VP8, Width: width, Height: height},
		Audio: &webm.AudioTrack{Channels: 2, PreSkip: 480},
	}
}

func write(t *testing.T, w *webm.Writer, frames []frame) {
	t.Helper()
	for _, f := range frames {
		require.NoError(t, w.WriteFrame(f.track, f.pts, f.key, f.data))
	}
}

// probed is one packet as ffprobe sees it.
type probed struct {
	stream int
	ms     int64
	size   int
	key    bool
}

func probe(t *testing.T, file []byte) (packets []probed) {
	t.Helper()
	out := run(t, file, "ffprobe", "-f", "matroska", "-show_entries", "packet=stream_index,pts,size,flags", "-of", "csv=p=0", "-")
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		require.Len(t, fields, 4, line)
		number := func(i int) int64 {
			n, err := strconv.ParseInt(fields[i], 10, 64)
			require.NoError(t, err)
			return n
		}
		packets = append(packets, probed{int(number(0)), number(1), int(number(2)), fields[3][0] == 'K'})
	}
	return packets
}

// want is what ffprobe must say about the frames of one track: to the millisecond, and audio earlier by its pre-skip.
func want(frames []frame, stream int, shift time.Duration) (packets []probed) {
	for _, f := range frames {
		ms := (f.pts.Round(time.Millisecond) - shift).Round(time.Millisecond).Milliseconds()
		packets = append(packets, probed{stream, ms, len(f.data), f.key || f.track == webm.Audio})
	}
	return packets
}

func ofStream(packets []probed, stream int) (some []probed) {
	for _, p := range packets {
		if p.stream == stream {
			some = append(some, p)
		}
	}
	return some
}

func payloads(frames []frame) (data [][]byte) {
	for _, f := range frames {
		data = append(data, f.data)
	}
	return data
}
