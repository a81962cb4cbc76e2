package packager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/recording"
)

func recordBench(t testing.TB, edit func(*Options)) *bench {
	return newBench(t, func(o *Options) {
		o.Record = true
		if edit != nil {
			edit(o)
		}
	})
}

// work does what waits to be done in the background.
func (b *bench) work() { b.recordings.Work(b.t.Context()) }

// recover finishes what the process before left.
func (b *bench) recover() { b.recordings.Recover(b.t.Context()) }

// readInfo reads a recording.json.
func readInfo(dir string) (info recording.Info, err error) {
	text, err := os.ReadFile(filepath.Join(dir, recordingFile))
	if err == nil {
		err = json.Unmarshal(text, &info)
	}
	return info, err
}

const (
	recordingFile = "recording.json"
	mp4File       = "video.mp4"
)

// decode plays a playlist or MPD from the disk with ffmpeg, strictly, and returns the seconds it holds.
func decode(t testing.TB, file string) float64 {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, ffmpegPath(t), "-hide_banner", "-loglevel", "error", "-xerror", "-err_detect", "explode",
		"-allowed_extensions", "ALL", "-i", file, "-map", "0:v", "-map", "0:a", "-f", "null", "-progress", "pipe:1", "-").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text := string(out)
	at := strings.LastIndex(text, "out_time_us=")
	require.GreaterOrEqual(t, at, 0, text)
	var us int64
	_, err = fmt.Sscanf(text[at:], "out_time_us=%d", &us)
	require.NoError(t, err)
	return float64(us) / 1e6
}

func TestRecordingOfABroadcast(t *testing.T) {
	var inputs []recording.RemuxInput
	b := recordBench(t, func(o *Options) {
		o.Remux = func(_ context.Context, in []recording.RemuxInput, out string) error {
			inputs = in
			return os.WriteFile(out, []byte("mp4"), 0o644)
		}
	})
	tl, e, enc := b.epoch("cam")
	rec := tl.Recording()
	require.Contains(t, b.body("/recordings"), `"sources":[],"mp4":false,"zeros":[],"origins":[]`, "lists are lists from the beginning")
	src, err := rec.CreateSource("webm")
	require.NoError(t, err)
	for ext, mime := range map[string]string{"ivf": "video/x-ivf", "ogg": "audio/ogg"} {
		require.NoError(t, os.WriteFile(filepath.Join(rec.Dir(), "source-2."+ext), []byte("frames"), 0o600))
		require.Equal(t, mime, b.get("/recordings/cam/20261120T194500Z/source-2."+ext).Header().Get("Content-Type"))
	}
	_, err = src.Write([]byte("source"))
	require.NoError(t, err)
	_, err = rec.CreateSource("exe")
	require.Error(t, err)
	b.run(e, enc, 9) // more than the live window
	b.keep()
	running, err := os.ReadFile(filepath.Join(rec.Dir(), "audio.m3u8"))
	require.NoError(t, err)
	require.Equal(t, 9, strings.Count(string(running), "#EXTINF"), "complete while it runs")
	require.Contains(t, string(running), "#EXT-X-PLAYLIST-TYPE:EVENT\n")
	require.Contains(t, b.body("/recordings"), `"state":"recording"`)
	require.NoError(t, src.Close())
	require.NoError(t, tl.End())
	b.work()

	info := rec.Info()
	require.Equal(t, "20261120T194500Z", info.Name)
	require.Equal(t, recording.StateFinished, info.State)
	require.True(t, info.MP4)
	require.Equal(t, []string{"source-1.webm"}, info.Sources)
	require.InDelta(t, 18, info.Duration, 0.03)
	require.Equal(t, 320, info.Video.Width)
	require.Equal(t, 48000, info.Audio.SampleRate)
	require.Greater(t, info.Bytes, int64(100_000))
	require.Len(t, inputs, 1)
	require.Len(t, inputs[0].Video, 10)
	require.Len(t, inputs[0].Audio, 10)

	var list struct{ Recordings []recording.Info }
	require.NoError(t, json.Unmarshal([]byte(b.body("/recordings")), &list))
	require.Equal(t, []recording.Info{info}, list.Recordings)
	base := "/recordings/cam/" + info.Name + "/"
	for _, name := range []string{manifest.MultivariantName, manifest.MPDName, "video.m3u8", "audio.m3u8", mp4File, recordingFile, "source-1.webm", "video-1-1.m4s"} {
		b.body(base + name)
	}
	require.Contains(t, b.body(base+"video.m3u8"), "#EXT-X-PLAYLIST-TYPE:VOD\n")
	require.Equal(t, "so", b.get(base+"source-1.webm", "Range", "bytes=0-1").Body.String())
	require.Equal(t, "gzip", b.get(base+"video.m3u8", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"))
	for _, name := range []string{"..%2frecording.json", ".hidden", "x.exe", "source-3.webm", "%2e%2e"} {
		require.NotEqual(t, 200, b.get(base+name).Code, name)
	}
	for _, name := range []string{manifest.MultivariantName, manifest.MPDName} {
		require.InDelta(t, 18, decode(t, filepath.Join(rec.Dir(), name)), 0.1, name)
	}
	_, err = src.Write([]byte("late"))
	require.ErrorIs(t, err, recording.ErrEnded)
	_, err = rec.CreateSource("webm")
	require.ErrorIs(t, err, recording.ErrEnded)
}

// A recording whose end cannot be written is finished as soon as it can be.
func TestRecordingFinishedLater(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	inTheWay := filepath.Join(tl.Recording().Dir(), recordingFile)
	require.NoError(t, os.Remove(inTheWay))
	require.NoError(t, os.MkdirAll(filepath.Join(inTheWay, "x"), 0o755))
	require.NoError(t, tl.End())
	b.keep()
	require.True(t, b.recordings.IsRunning(tl.Recording().Dir()))
	require.NoError(t, os.RemoveAll(inTheWay))
	b.keep()
	require.False(t, b.recordings.IsRunning(tl.Recording().Dir()))
	info, err := readInfo(tl.Recording().Dir())
	require.NoError(t, err)
	require.Equal(t, recording.StateFinished, info.State)
	b.keep()
}

func TestRecordingCutByACrash(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	src, err := tl.Recording().CreateSource("webm")
	require.NoError(t, err)
	b.run(e, enc, 4)
	dir := tl.Recording().Dir()
	b.keep()
	b.run(e, enc, 2) // not in the playlists yet
	asBefore := filepath.Join(dir, recordingFile)
	text, err := os.ReadFile(asBefore)
	require.NoError(t, err)
	require.Contains(t, string(text), `"origins"`)
	require.NoError(t, os.WriteFile(asBefore, bytes.Replace(text, []byte(`"origins"`), []byte(`"later"`), 1), 0o600))
	for _, r := range ladder {
		enc.fragments(r.Rep, 5) // never finished
	}
	require.NoError(t, src.Close())
	b.restart()
	_, second, enc := b.epoch("cam") // continued: the live stream goes on, in a recording of its own
	b.run(second, enc, 1)
	b.recover()

	info, err := readInfo(dir)
	require.NoError(t, err)
	require.Equal(t, recording.StateInterrupted, info.State)
	require.InDelta(t, 13, info.Duration, 0.1)
	require.InDelta(t, 13, decode(t, filepath.Join(dir, manifest.MultivariantName)), 0.1)
	all := b.Recordings()
	require.Len(t, all, 2)
	require.Equal(t, recording.StateRecording, all[0].State)
	require.Equal(t, recording.StateInterrupted, all[1].State)
	require.Contains(t, b.body("/recordings/cam/"+info.Name+"/video.m3u8"), "#EXT-X-ENDLIST\n")
}

func TestRecordingOfTwoRuns(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	e, enc = b.next(tl)
	b.run(e, enc, 3)
	require.NoError(t, tl.End())
	dir := tl.Recording().Dir()
	requireTwoRuns(t, dir)
	m, err := os.ReadFile(filepath.Join(dir, manifest.MPDName))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(m), "<Period "))
	require.InDelta(t, 10, decode(t, filepath.Join(dir, manifest.MultivariantName)), 0.2)
	p, err := os.ReadFile(filepath.Join(dir, "audio.m3u8"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(p), "#EXT-X-DISCONTINUITY\n"))
	require.Equal(t, 5, strings.Count(string(p), "#EXTINF"))
}

// requireTwoRuns requires of a recording that the second run's decode times begin 4.125 s after the first's, and that its MPD says so.
func requireTwoRuns(t *testing.T, dir string) {
	t.Helper()
	info, err := readInfo(dir)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 4125}, info.Origins)
	m, err := os.ReadFile(filepath.Join(dir, manifest.MPDName))
	require.NoError(t, err)
	mpd, err := dash.Parse(m)
	require.NoError(t, err)
	for _, set := range mpd.Periods[1].AdaptationSets {
		template := set.Representations[0].Template
		require.EqualValues(t, template.Timescale*33/8, template.PresentationTimeOffset)
		require.Equal(t, template.PresentationTimeOffset, template.Timeline[0].T)
	}
}

func TestRecordingOfTwoRunsCutByACrash(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	e, enc = b.next(tl)
	b.run(e, enc, 2)
	for _, r := range ladder {
		enc.fragments(r.Rep, 5) // never finished
	}
	dir := tl.Recording().Dir()
	b.restart()
	b.recover()
	requireTwoRuns(t, dir)
	info, err := readInfo(dir)
	require.NoError(t, err)
	require.Equal(t, recording.StateInterrupted, info.State)
	require.InDelta(t, 9, info.Duration, 0.1)
}

func TestRecordingsOfOneSecond(t *testing.T) {
	b := recordBench(t, nil)
	var names []string
	for range 3 {
		tl, e, enc := b.epoch("cam")
		b.run(e, enc, 1)
		require.NoError(t, tl.End())
		names = append(names, tl.Recording().Info().Name)
		b.clock.Advance(-2 * time.Second)
	}
	require.Equal(t, []string{"20261120T194500Z", "20261120T194500Z-2", "20261120T194500Z-3"}, names)
	require.Equal(t, names[2], b.Recordings()[0].Name, "the newest first")
}

func TestRecordingWithNothingInItGoes(t *testing.T) {
	b := recordBench(t, nil)
	tl, _, _ := b.epoch("cam")
	require.NoError(t, tl.End())
	require.Empty(t, b.Recordings())
	require.NoDirExists(t, tl.Recording().Dir())
}

func TestFailedRemux(t *testing.T) {
	b := recordBench(t, func(o *Options) {
		o.Remux = func(context.Context, []recording.RemuxInput, string) error { return errors.New("no ffmpeg") }
	})
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	require.NoError(t, tl.End())
	b.work()
	info, err := readInfo(tl.Recording().Dir())
	require.NoError(t, err)
	require.False(t, info.MP4)
	require.Contains(t, info.Error, "no ffmpeg")
	require.Equal(t, recording.StateFinished, info.State)
}

func TestRemuxIsDoneByTheNextStart(t *testing.T) {
	b := recordBench(t, func(o *Options) {
		o.Remux = func(ctx context.Context, _ []recording.RemuxInput, out string) error {
			return os.WriteFile(out, nil, 0o644)
		}
	})
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, tl.End())
	b.restart()
	b.recover()
	info, err := readInfo(tl.Recording().Dir())
	require.NoError(t, err)
	require.True(t, info.MP4)
	require.Equal(t, recording.StateFinished, info.State)
}

func TestDiskThatFailsTheRecording(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	require.NoError(t, os.RemoveAll(tl.Recording().Dir()))
	b.run(e, enc, 1)
	require.Equal(t, recording.StateFailed, tl.Recording().Info().State)
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 2, "the live stream goes on")
}

func TestRetention(t *testing.T) {
	record := func(b *bench) {
		tl, e, enc := b.epoch("cam")
		b.run(e, enc, 1)
		require.NoError(t, tl.End())
		b.clock.Advance(time.Hour)
	}
	for _, test := range []struct {
		name string
		edit func(o *Options, size int64) // of a recording
		left int
	}{
		{"no limit", func(*Options, int64) {}, 3},
		{"age", func(o *Options, _ int64) { o.Keep = 150 * time.Minute }, 2},
		{"bytes", func(o *Options, size int64) { o.MaxBytes = 2 * size }, 1},
		{"free space", func(o *Options, _ int64) { o.MinFree = 1 << 30 }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := recordBench(t, nil)
			for range 3 {
				record(b)
			}
			newest := b.Recordings()[0]
			test.edit(&b.opts, newest.Bytes)
			b.restart()
			b.free = func(string) int64 { return 2 << 30 }
			tl, e, enc := b.epoch("live")
			b.run(e, enc, 1)
			b.free = func(string) int64 { return b.opts.MinFree - 1 }
			b.recordings.Retain()
			b.recordings.Spare()
			require.Len(t, b.Recordings(), test.left+1)
			wantState := recording.StateRecording
			if test.name == "free space" {
				wantState = recording.StateFailed
			}
			require.Equal(t, wantState, tl.Recording().Info().State)
			if test.left > 0 {
				require.Equal(t, newest.Name, b.Recordings()[1].Name)
			}
		})
	}
}
