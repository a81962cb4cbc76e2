package transcode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
	"github.com/sluice-live/sluice/depay/vp9"
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
	return videoClip(t, depay.VP8, graph, seconds)
}

// encoders are the arguments that make each codec as a browser does: no picture refers to a later one.
var encoders = map[depay.Codec][]string{
	depay.VP8:  {"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-f", "ivf"},
	depay.VP9:  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-f", "ivf"},
	depay.AV1:  {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-f", "ivf"},
	depay.H264: {"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-aud", "1", "-f", "h264"},
}

// videoClip encodes what a lavfi graph shows with only the first picture a key frame, but for what more says.
func videoClip(t testing.TB, c depay.Codec, graph string, seconds int, more ...string) []depay.Frame {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip")
	args := append([]string{"-f", "lavfi", "-i", graph, "-t", fmt.Sprint(seconds), "-pix_fmt", "yuv420p", "-b:v", "1M", "-g", "600"}, encoders[c]...)
	ffmpegOutput(t, append(append(args, more...), name)...)
	var frames []depay.Frame
	for i, data := range coded(t, c, name) {
		frames = append(frames, depay.Frame{Codec: c, PTS: int64(i) * 3000, RTPTime: uint32(i) * 3000, Key: isKey(c, data), Data: data})
	}
	return frames
}

// isKey reports whether the picture is a key frame.
func isKey(c depay.Codec, data []byte) bool {
	switch c {
	case depay.VP8:
		return data[0]&1 == 0
	case depay.H264:
		return bytes.Contains(data, []byte{0, 0, 1, 0x65})
	case depay.VP9:
		h, err := vp9.ParseHeader(data)
		return err == nil && h.Key
	default: // in a key frame's temporal unit the sequence header follows the delimiter
		return len(data) > 2 && av1.Type(data[2]>>3) == av1.SequenceHeaderType
	}
}

// coded returns the coded pictures of a file: IVF, or for H.264 a byte stream in which each begins with a delimiter.
func coded(t testing.TB, c depay.Codec, name string) (pictures [][]byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	if c == depay.H264 {
		delimiter := []byte{0, 0, 0, 1, 9}
		for _, unit := range bytes.Split(data, delimiter)[1:] {
			pictures = append(pictures, append(bytes.Clone(delimiter), unit...))
		}
		return pictures
	}
	r, err := ivf.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return pictures
		}
		require.NoError(t, err)
		pictures = append(pictures, bytes.Clone(data))
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
	o.Stall, o.Grace = orDefault(o.Stall, patience), orDefault(o.Grace, patience)
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
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		q.mu.Lock()
		room := !q.full(f) || q.ended
		q.mu.Unlock()
		if room {
			_ = j.WriteFrame(f)
			return
		}
		<-again.C
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

// parameterSets returns the decoder configuration and the sequence parameter set that an init segment carries.
func parameterSets(t testing.TB, name string) (*mp4.AvcCBox, *avc.SPS) {
	t.Helper()
	file, err := mp4.ReadMP4File(name)
	require.NoError(t, err)
	box := file.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX.AvcC
	sps, err := avc.ParseSPSNALUnit(box.SPSnalus[0], true)
	require.NoError(t, err)
	return box, sps
}

// childCPU returns the CPU time of all children that have ended.
func childCPU(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
