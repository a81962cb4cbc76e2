package ogg

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// run runs an ffmpeg tool with input on its standard input. A test that needs it fails without it.
func run(t *testing.T, input []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-loglevel", "warning"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s (install it with apt-get install ffmpeg): %s", name, &stderr)
	require.Empty(t, stderr.String(), "%s warns", name)
	return stdout.Bytes()
}

func encodeOpus(t *testing.T, args ...string) []byte {
	t.Helper()
	in := []string{"-f", "lavfi", "-i", "sine=440:sample_rate=48000:duration=2", "-ac", "2", "-c:a", "libopus", "-b:a", "96k"}
	return run(t, nil, "ffmpeg", append(append(in, args...), "-f", "ogg", "-")...)
}

func packets(t *testing.T, file []byte) (r *Reader, all [][]byte) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for {
		_, p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, all
		}
		require.NoError(t, err)
		all = append(all, bytes.Clone(p))
	}
}

// What ffmpeg wrote (fifty packets a page, 60 ms packets, long comments) is read, written by us, and comes out of ffmpeg
// bit by bit, at the times that we gave.
func TestThroughFFmpeg(t *testing.T) {
	cases := []struct {
		name     string
		duration int64
		preSkip  uint16
		args     []string
	}{
		{"20 ms", 960, 312, nil},
		{"2.5 ms", 120, 120, []string{"-frame_duration", "2.5", "-application", "lowdelay"}},
		{"60 ms, high rate", 2880, 312, []string{"-frame_duration", "60", "-b:a", "500k", "-page_duration", "1"}},
		{"a comment over several pages", 960, 312, []string{"-metadata", "comment=" + strings.Repeat("long ", 25_000)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, want := packets(t, encodeOpus(t, c.args...))
			require.Equal(t, uint8(2), r.Channels)
			require.Equal(t, c.preSkip, r.PreSkip)
			require.Greater(t, int64(len(want))*c.duration, int64(2*SampleRate))
			var file bytes.Buffer
			w := NewWriter(&file, Header{})
			for i, p := range want {
				require.NoError(t, w.WritePacket(int64(i)*c.duration, c.duration, p))
			}
			require.NoError(t, w.Close())
			copied := run(t, file.Bytes(), "ffmpeg", "-f", "ogg", "-i", "-", "-c", "copy", "-f", "ogg", "-")
			_, got := packets(t, copied)
			require.Equal(t, want, got)
			run(t, file.Bytes(), "ffmpeg", "-xerror", "-err_detect", "explode", "-f", "ogg", "-i", "-", "-f", "null", "-")
		})
	}
}

// ffmpeg gives the first packet after a gap the time at which the one before it ended, and the others their own.
func TestTimesInFFmpeg(t *testing.T) {
	_, sound := packets(t, encodeOpus(t))
	cases := []struct {
		name string
		pts  []int64
		want string
	}{
		{"from zero", []int64{0, 960, 1920, 2880}, "0 960 1920 2880"},
		{"from later", []int64{9600, 10560, 11520}, "9600 10560 11520"},
		{"past 32 bits", []int64{1 << 33, 1<<33 + 960, 1<<33 + 1920}, "8589934592 8589935552 8589936512"},
		{"a gap", []int64{0, 960, 2880, 3840, 4800}, "0 960 1920 3840 4800"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w := NewWriter(&file, Header{})
			for i, pts := range c.pts {
				require.NoError(t, w.WritePacket(pts, 960, sound[i]))
			}
			require.NoError(t, w.Close())
			out := run(t, file.Bytes(), "ffprobe", "-f", "ogg", "-show_entries", "packet=pts", "-of", "default=nk=1:nw=1", "-")
			require.Equal(t, c.want, strings.Join(strings.Fields(string(out)), " "))
		})
	}
}
