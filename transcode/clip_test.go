package transcode

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

// ffmpegOutput runs ffmpeg and returns what it wrote to standard output. A missing ffmpeg fails the test.
func ffmpegOutput(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-y", "-loglevel", "error"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "ffmpeg is needed (apt-get install ffmpeg): %s", stderr.String())
	require.Empty(t, stderr.String(), "ffmpeg %v", args)
	return out
}

// vp8Clip encodes what a lavfi graph shows, as a live encoder would.
func vp8Clip(t testing.TB, graph string, seconds int) []depay.Frame {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.ivf")
	ffmpegOutput(t, "-f", "lavfi", "-i", graph, "-t", fmt.Sprint(seconds), "-c:v", "libvpx", "-deadline", "realtime",
		"-cpu-used", "8", "-b:v", "1M", "-g", "600", "-auto-alt-ref", "0", name)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	r, err := ivf.NewReader(file)
	require.NoError(t, err)
	var frames []depay.Frame
	for {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, depay.Frame{
			Codec: depay.VP8, PTS: int64(len(frames)) * 3000, Key: data[0]&1 == 0, Data: append([]byte(nil), data...),
		})
	}
}

// opusPreSkip is what libopus puts before the sound, in samples.
const opusPreSkip = 312

// opusClip encodes what a lavfi graph sounds like. The time stamps are those of the sound itself.
func opusClip(t testing.TB, graph string, seconds int) []depay.Frame {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.ogg")
	ffmpegOutput(t, "-f", "lavfi", "-i", graph, "-t", fmt.Sprint(seconds), "-ar", "48000", "-ac", "2", "-c:a", "libopus", name)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	r, err := ogg.NewReader(file)
	require.NoError(t, err)
	var frames []depay.Frame
	for pts := int64(-opusPreSkip); ; pts += 960 {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		if pts >= 0 {
			frames = append(frames, depay.Frame{Codec: depay.Opus, PTS: pts, Duration: 960, Data: append([]byte(nil), data...)})
		}
	}
}

// interleave puts frames of both inputs into the order of their time.
func interleave(video, audio []depay.Frame) []depay.Frame {
	var all []depay.Frame
	for len(video) > 0 && len(audio) > 0 {
		if video[0].Time() <= audio[0].Time() {
			all, video = append(all, video[0]), video[1:]
		} else {
			all, audio = append(all, audio[0]), audio[1:]
		}
	}
	return append(append(all, video...), audio...)
}

// smallLadder is cheap to encode.
func smallLadder() Ladder {
	return Ladder{
		{Name: "180p", Width: 320, Height: 180, FPS: 30, Bitrate: 500_000},
		{Name: "90p", Width: 160, Height: 90, FPS: 30, Bitrate: 150_000},
	}
}

// play runs a job over the frames, as fast as it takes them, and requires a clean end.
func play(t testing.TB, o Options, frames []depay.Frame) *Job {
	t.Helper()
	j, err := NewJob(o)
	require.NoError(t, err)
	go func() {
		for _, f := range frames {
			j.writeWhenRoom(f)
		}
		j.CloseInput()
	}()
	require.NoError(t, j.Run(t.Context()))
	return j
}

// writeWhenRoom waits for room in the queue, so that nothing is dropped however slow the machine is.
func (j *Job) writeWhenRoom(f depay.Frame) {
	q := j.queueOf(f.Codec)
	for {
		q.mu.Lock()
		room := !q.full(f) || q.ended
		q.mu.Unlock()
		if room {
			_ = j.WriteFrame(f)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// joined puts the init segment and all media segments of a representation into one file, and returns its name.
func joined(t testing.TB, dir string, r Representation) string {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join(dir, r.Init()))
	require.NoError(t, err)
	for _, name := range segments(t, dir, r) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		whole = append(whole, data...)
	}
	name := filepath.Join(t.TempDir(), "joined-"+r.ID+".mp4")
	require.NoError(t, os.WriteFile(name, whole, 0o600))
	return name
}

// segments returns the names of the finished segments, in order.
func segments(t testing.TB, dir string, r Representation) []string {
	t.Helper()
	var names []string
	for n := 1; ; n++ {
		name := filepath.Join(dir, r.Segment(n))
		if _, err := os.Stat(name); err != nil {
			return names
		}
		names = append(names, name)
	}
}
