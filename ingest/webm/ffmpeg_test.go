package webm

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// record makes two seconds of 10 pictures a second and sound; output is of the container.
func record(t *testing.T, output ...string) []byte {
	t.Helper()
	args := []string{"-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10", "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-t", "2", "-c:a", "libopus"}
	cmd := exec.Command("ffmpeg", append(args, output...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg (install it with apt-get install ffmpeg): %s", &stderr)
	return stdout.Bytes()
}

// timesOf reads everything and returns the times of each track's blocks.
func timesOf(t *testing.T, data []byte) ([]Track, map[uint64][]time.Duration) {
	t.Helper()
	r := NewReader(bytes.NewReader(data))
	tracks, err := r.Tracks()
	require.NoError(t, err)
	times := map[uint64][]time.Duration{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return tracks, times
		}
		require.NoError(t, err)
		require.NotEmpty(t, b.Data)
		times[b.Track] = append(times[b.Track], b.Time)
	}
}

func checkTimes(t *testing.T, times map[uint64][]time.Duration) {
	t.Helper()
	require.Len(t, times[1], 20)
	for i, at := range times[1] {
		require.InDelta(t, i*100, at.Milliseconds(), 8, "picture %d", i) // ffmpeg moves all by the encoder's delay of 7 ms
	}
	require.InDelta(t, 101, len(times[2]), 1)
	for i, at := range times[2] {
		require.InDelta(t, i*20, at.Milliseconds(), 8, "sound %d", i)
	}
}

func TestFFmpegVP8(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known.webm")
	vp8 := []string{"-c:v", "libvpx", "-deadline", "realtime", "-f", "webm"}
	cases := []struct {
		name string
		data func() []byte
	}{
		{"live", func() []byte { return record(t, append(vp8, "-live", "1", "-")...) }},
		{"a pipe", func() []byte { return record(t, append(vp8, "-")...) }},
		{"short clusters", func() []byte { return record(t, append(vp8, "-cluster_time_limit", "300", "-")...) }},
		{"a file, with sizes and cues", func() []byte {
			record(t, append(vp8, file)...)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			return data
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tracks, times := timesOf(t, c.data())
			require.Len(t, tracks, 2)
			require.Equal(t, Track{Number: 1, Codec: "V_VP8", Video: true, Width: 64, Height: 48}, tracks[0])
			require.Equal(t, "A_OPUS", tracks[1].Codec)
			require.Equal(t, 1, tracks[1].Channels)
			require.Equal(t, "OpusHead", string(tracks[1].Private[:8]))
			checkTimes(t, times)
		})
	}
}

func TestFFmpegH264(t *testing.T) {
	tracks, times := timesOf(t, record(t, "-c:v", "libx264", "-bf", "0", "-f", "matroska", "-"))
	require.Len(t, tracks, 2)
	require.Equal(t, "V_MPEG4/ISO/AVC", tracks[0].Codec)
	avcC := tracks[0].Private
	require.Greater(t, len(avcC), 11)
	require.Equal(t, byte(1), avcC[0], "configurationVersion (ISO/IEC 14496-15 §5.3.3.1)")
	require.Equal(t, byte(0xFF), avcC[4], "lengths of 4 bytes")
	require.Equal(t, byte(0xE1), avcC[5], "one sequence parameter set")
	require.Equal(t, byte(7), avcC[8]&0x1F, "type of the first NAL unit")
	checkTimes(t, times)
}

// After a hole in what ffmpeg writes, everything from the next Cluster on is read.
func TestResumeInFFmpegStream(t *testing.T) {
	data := record(t, "-c:v", "libvpx", "-deadline", "realtime", "-f", "webm", "-cluster_time_limit", "300", "-live", "1", "-")
	all, err := readAll(t, data)
	require.Equal(t, io.EOF, err)
	first, last := bytes.Index(data, id(idCluster)), bytes.LastIndex(data, id(idCluster))
	for from := first; from < last; from += 251 {
		to := (from + last) / 2
		next := to + bytes.Index(data[to:], id(idCluster))
		want, err := readAll(t, join(data[:first], data[next:]))
		require.Equal(t, io.EOF, err)
		r := NewReader(&pieces{data: [][]byte{bytes.Clone(data[:from]), bytes.Clone(data[to:])}, err: errHole})
		before, err := drain(t, r)
		require.ErrorIs(t, err, errHole)
		require.Equal(t, all[:len(before)], append([]got{}, before...))
		r.Resume()
		after, err := drain(t, r)
		require.Equal(t, io.EOF, err)
		require.Equal(t, want, after)
		require.Equal(t, all[len(all)-len(after):], after)
	}
}
