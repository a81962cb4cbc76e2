package broadcast

import (
	"bytes"
	"io"
	"log/slog"
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
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
)

// encoded is a second of what ffmpeg makes.
func encoded(t *testing.T, args ...string) io.Reader {
	t.Helper()
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-f", "lavfi", "-i"}, args...), "-t", "1", "-")...)
	out, err := cmd.Output()
	require.NoError(t, err, "ffmpeg (install it with apt-get install ffmpeg)")
	return bytes.NewReader(out)
}

// probe is what ffprobe says of a file, and that there is nothing wrong with it.
func probe(t *testing.T, file, entries string) string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "warning", "-count_packets", "-show_entries", entries, "-of", "csv=p=0", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Join(strings.Fields(string(out)), " ")
}

// recorded is a running recording.
func recorded(t *testing.T) *recording.Recording {
	p, err := packager.New(packager.Options{LiveDir: t.TempDir(), RecordingsDir: t.TempDir(), Record: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	stream, err := p.Open("cam")
	require.NoError(t, err)
	return stream.Recording()
}

// Pictures come half a second after the first sound, and ffprobe says the same of both files.
func TestSourceAsIVF(t *testing.T) {
	pictures, err := ivf.NewReader(encoded(t, "testsrc=size=160x120:rate=25", "-c:v", "libvpx", "-deadline", "realtime", "-f", "ivf"))
	require.NoError(t, err)
	sound, err := ogg.NewReader(encoded(t, "sine=sample_rate=48000", "-ac", "2", "-c:a", "libopus", "-f", "ogg"))
	require.NoError(t, err)
	kept, zero := recorded(t), time.Now()
	w := &sourceWriter{current: func() *recording.Recording { return kept }, ivf: true, log: slog.New(slog.DiscardHandler)}
	record := func(f depay.Frame) {
		w.record(sourceFrame{f, zero, depay.VP8, depay.Opus, false})
		require.False(t, w.failed)
	}
	for n := int64(0); ; n++ {
		_, packet, err := sound.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		record(depay.Frame{Codec: depay.Opus, PTS: n * 960, Duration: 960, Data: bytes.Clone(packet)})
	}
	record(depay.Frame{Codec: depay.VP8, PTS: 40000, Data: []byte{1, 2, 3}}) // of no use before a key frame
	for n := int64(0); ; n++ {
		_, data, err := pictures.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		f := depay.Frame{Codec: depay.VP8, PTS: 45000 + n*3600, Data: bytes.Clone(data), Key: n == 0}
		if f.Key {
			f.Width, f.Height = 160, 120
		}
		record(f)
	}
	w.record(sourceFrame{}) // nothing is expected for a while
	w.finish()
	require.Equal(t, []string{"source-1.ogg", "source-1.ivf"}, kept.Info().Sources)
	video, audio := filepath.Join(kept.Dir(), "source-1.ivf"), filepath.Join(kept.Dir(), "source-1.ogg")
	require.Equal(t, "vp8,160,120,1/90000,25 0.500000,1.500000", probe(t, video, "stream=codec_name,width,height,time_base,nb_read_packets:format=start_time,duration"))
	require.Regexp(t, `^opus,48000,2,5[01] 0\.0`, probe(t, audio, "stream=codec_name,sample_rate,channels,nb_read_packets:format=start_time"))
}

func TestSourceFilesAsIVF(t *testing.T) {
	sound := func(ms int64, with depay.Codec) sourceStep {
		return sourceStep{ms, depay.Frame{Codec: depay.Opus, Duration: 960, Data: []byte("sound")}, with}
	}
	picture := func(ms int64, codec depay.Codec, key bool, data string) sourceStep {
		return sourceStep{ms, depay.Frame{Codec: codec, Key: key, Data: []byte(data)}, codec}
	}
	for _, c := range []struct {
		name  string
		steps []sourceStep
		want  []string
	}{
		{"video first", []sourceStep{picture(0, depay.VP8, true, "key"), sound(10, depay.VP8)}, []string{"source-1.ivf", "source-1.ogg"}},
		{"sound alone", []sourceStep{sound(0, depay.VP9), sound(20, depay.VP9)}, []string{"source-1.ogg"}},
		{"no key frame", []sourceStep{picture(0, depay.AV1, false, "x")}, []string{}},
		{"H.264 is Matroska", []sourceStep{sound(0, depay.H264), picture(10, depay.H264, true, h264Key)}, []string{"source-1.mkv"}},
		{"another codec", []sourceStep{picture(0, depay.VP8, true, "key"), sound(10, depay.VP8), picture(20, depay.AV1, true, av1Key), sound(30, depay.AV1),
			picture(40, depay.H264, true, h264Key), picture(50, depay.VP9, true, "key")},
			[]string{"source-1.ivf", "source-1.ogg", "source-2.ivf", "source-2.ogg", "source-3.mkv", "source-4.ivf"}},
		{"time that steps back", []sourceStep{sound(50, depay.VP8), sound(20, depay.VP8), picture(50, depay.VP8, true, "key"), picture(50, depay.VP8, true, "key")},
			[]string{"source-1.ogg", "source-1.ivf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, zero := recorded(t), time.Now()
			w := &sourceWriter{current: func() *recording.Recording { return kept }, ivf: true, log: slog.New(slog.DiscardHandler)}
			for _, step := range c.steps {
				step.f.PTS = step.ms * step.f.Codec.ClockRate() / 1000
				w.record(sourceFrame{step.f, zero, step.with, depay.Opus, false})
				require.False(t, w.failed)
			}
			w.finish()
			require.Equal(t, c.want, kept.Info().Sources)
			for _, name := range c.want {
				if filepath.Ext(name) == ".ivf" {
					increasing(t, filepath.Join(kept.Dir(), name))
				}
			}
		})
	}
}

// increasing wants the times in an IVF file to rise, and returns the last one.
func increasing(t *testing.T, name string) (last int64) {
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	r, err := ivf.NewReader(file)
	require.NoError(t, err)
	for last = -1; ; {
		pts, _, err := r.Next()
		if err == io.EOF {
			return last
		}
		require.NoError(t, err)
		require.Greater(t, pts, last)
		last = pts
	}
}

// What stops a recording stops its IVF as well, and the next recording goes on.
func TestSourceAsIVFOfAFailedRecording(t *testing.T) {
	first, second := recorded(t), recorded(t)
	current, zero := first, time.Now()
	w := &sourceWriter{current: func() *recording.Recording { return current }, ivf: true, log: slog.New(slog.DiscardHandler)}
	take := func(seconds int64) {
		w.record(sourceFrame{depay.Frame{Codec: depay.VP8, PTS: seconds * 90000, Key: true, Data: []byte("key")}, zero, depay.VP8, depay.Opus, false})
	}
	take(0)
	first.Fail(io.ErrShortWrite)
	take(1)
	require.True(t, w.failed)
	require.Nil(t, w.files)
	current = second
	take(3600)
	w.finish()
	require.Equal(t, []string{"source-1.ivf"}, second.Info().Sources)
	require.EqualValues(t, 90000, increasing(t, filepath.Join(second.Dir(), "source-1.ivf")), "a second before its first frame")
}

func TestMendSource(t *testing.T) {
	dir := t.TempDir()
	var whole bytes.Buffer
	w := ivf.NewWriter(&whole, ivf.Header{FourCC: ivf.VP8, Width: 16, Height: 16})
	require.NoError(t, w.WriteFrame(0, []byte("key")))
	require.NoError(t, w.WriteFrame(3000, []byte("torn")))
	for _, name := range []string{"source-1.ivf", "source-1.ogg"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), whole.Bytes()[:whole.Len()-1], 0o600))
		require.NoError(t, MendSource(filepath.Join(dir, name)))
	}
	info, err := os.Stat(filepath.Join(dir, "source-1.ivf"))
	require.NoError(t, err)
	require.EqualValues(t, 32+12+3, info.Size())
	info, err = os.Stat(filepath.Join(dir, "source-1.ogg"))
	require.NoError(t, err)
	require.EqualValues(t, whole.Len()-1, info.Size())
	require.NoError(t, os.Symlink("source-1.ogg", filepath.Join(dir, "source-2.ivf")))
	require.Error(t, MendSource(filepath.Join(dir, "source-2.ivf")), "elsewhere is not written")
	require.Error(t, MendSource(filepath.Join(dir, "source-3.ivf")))
}

func TestTicks(t *testing.T) {
	require.EqualValues(t, 960, ticks(20*time.Millisecond, 48000))
	require.EqualValues(t, 48000*86400*365, ticks(365*24*time.Hour, 48000), "beyond what nanoseconds times the rate would hold")
	require.EqualValues(t, 3, ticks(33334*time.Nanosecond, 90000))
	require.EqualValues(t, -90000, ticks(-time.Second, 90000))
}
