package transcode

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// runFiles plays 4 s of flash and beep, whose decode times begin with an offset, and returns the files of the rendition and the sound.
func runFiles(t *testing.T, rendition Rendition, offset time.Duration) RemuxInput {
	t.Helper()
	o := Options{Dir: t.TempDir(), Video: depay.VP8, Audio: depay.Opus, Ladder: Ladder{rendition}, Offset: offset, Grace: time.Minute, Thumbnail: -1}
	play(t, o, interleave(
		vp8Clip(t, "color=black:s=320x180:r=30,drawbox=c=white:t=fill:enable='between(mod(t,1),0.49,0.65)'", 4),
		opusClip(t, "aevalsrc='if(between(mod(t,1),0.5,0.66),0.5*sin(2*PI*1000*t),0)':s=48000", 4),
	))
	files := func(r Representation) []string {
		return append([]string{filepath.Join(o.Dir, r.Init())}, segments(t, o.Dir, r)...)
	}
	reps := o.Representations()
	return RemuxInput{Video: files(reps[0]), Audio: files(reps[1])}
}

func TestRemux(t *testing.T) {
	const offset = 30*time.Hour + 125*time.Millisecond // more than 32 bits have ticks for
	run, reduced := runFiles(t, smallLadder()[0], offset), runFiles(t, Rendition{Name: "low", Width: 160, Height: 90, FPS: 30, Bitrate: 150_000, Preset: presets[0]}, 0)
	require.EqualValues(t, 108000*15360+1920, firstDecodeTime(t, run.Video))
	require.EqualValues(t, 108000*48000+6000, firstDecodeTime(t, run.Audio))
	for _, c := range []struct {
		name            string
		runs            []RemuxInput
		flashes, beeps  int
		seconds, within float64
	}{
		{"one run", []RemuxInput{run}, 4, 4, 4, 0.05},
		{"video only", []RemuxInput{{Video: run.Video}}, 4, 0, 4, 0.05},
		{"audio only", []RemuxInput{{Audio: run.Audio}}, 0, 4, 4, 0.05},
		{"three runs", []RemuxInput{run, run, run}, 12, 12, 12, 0.1},
		{"ladder reduced", []RemuxInput{run, reduced}, 8, 8, 8, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "it's a video.mp4")
			require.NoError(t, Remux(t.Context(), "", c.runs, out))
			requireFastStart(t, out)
			requireAlone(t, out)
			ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", out, "-f", "null", "-")
			var flashes, beeps []int
			if c.flashes > 0 {
				flashes = onsets(lumaOf(t, out), 128, 15)
				require.Len(t, flashes, c.flashes)
			}
			if c.beeps > 0 {
				beeps = onsets(loudnessOf(t, out), 4000, 24000)
				require.Len(t, beeps, c.beeps)
			}
			for i := range min(len(flashes), len(beeps)) {
				require.InDelta(t, float64(flashes[i])/30, float64(beeps[i])/48000, 0.045, "flash and beep %d", i)
			}
		})
	}
}

// firstDecodeTime is the first one of an init segment and what follows it, in ticks.
func firstDecodeTime(t *testing.T, files []string) uint64 {
	t.Helper()
	data, err := os.ReadFile(files[1])
	require.NoError(t, err)
	at := bytes.Index(data, []byte("tfdt"))
	require.EqualValues(t, 1, data[at+4], "version")
	return binary.BigEndian.Uint64(data[at+8:])
}

// Where a run lacks pictures or sound they begin, or go on, with the next run that has them.
func TestRemuxOfRunsThatLackATrack(t *testing.T) {
	run := runFiles(t, smallLadder()[0], 5*time.Second)
	run.Duration = 188 * 1024 * time.Second / 48000 // whole frames of AAC, the longer ones
	sound, pictures := RemuxInput{Audio: run.Audio, Duration: run.Duration}, RemuxInput{Video: run.Video, Duration: run.Duration}
	for _, c := range []struct {
		name                   string
		runs                   []RemuxInput
		videoBegins, videoEnds float64 // seconds
		audioBegins, audioEnds float64
		videoPackets           int
	}{
		{name: "sound, then pictures too", runs: []RemuxInput{sound, run, run}, videoBegins: 4, videoEnds: 12, audioEnds: 12, videoPackets: 240},
		{name: "pictures, then sound too", runs: []RemuxInput{pictures, run}, videoEnds: 8, audioBegins: 4, audioEnds: 8, videoPackets: 240},
		{name: "sound is lacking in between", runs: []RemuxInput{run, pictures, run}, videoEnds: 12, audioEnds: 12, videoPackets: 360},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "video.mp4")
			require.NoError(t, Remux(t.Context(), "", c.runs, out))
			requireFastStart(t, out)
			requireAlone(t, out)
			ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", out, "-f", "null", "-")
			video, audio := packetTimes(t, out, "v"), packetTimes(t, out, "a")
			require.Len(t, video, c.videoPackets)
			require.InDelta(t, c.videoBegins, video[0], 0.06)
			require.InDelta(t, c.videoEnds, video[len(video)-1], 0.1)
			require.InDelta(t, c.audioBegins, audio[0], 0.06)
			require.InDelta(t, c.audioEnds, audio[len(audio)-1], 0.1)
		})
	}
}

// packetTimes are the presentation times of a stream's packets, in seconds.
func packetTimes(t *testing.T, file, stream string) (times []float64) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0", file).Output()
	require.NoError(t, err)
	for _, field := range strings.Fields(string(out)) {
		at, err := strconv.ParseFloat(strings.Trim(field, ","), 64)
		require.NoError(t, err)
		times = append(times, at)
	}
	return times
}

// requireFastStart requires the index before the media.
func requireFastStart(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	index, media := bytes.Index(data, []byte("moov")), bytes.Index(data, []byte("mdat"))
	require.True(t, index > 0 && index < media)
	require.NotContains(t, string(data), "moof")
}

// requireAlone requires that no temporary file is left.
func requireAlone(t *testing.T, name string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	for _, e := range entries {
		require.False(t, strings.HasSuffix(e.Name(), TempSuffix), e.Name())
	}
}

func TestRemuxFails(t *testing.T) {
	nonsense := filepath.Join(t.TempDir(), "nonsense")
	require.NoError(t, os.WriteFile(nonsense, bytes.Repeat([]byte("nonsense"), 100_000), 0o600))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		ffmpeg string
		runs   []RemuxInput
		want   string
	}{
		{"no runs", t.Context(), "", nil, "no media"},
		{"empty run", t.Context(), "", []RemuxInput{{}}, "no media"},
		{"missing file", t.Context(), "", []RemuxInput{{Video: []string{"/nowhere/init.mp4"}}}, "no such file"},
		{"no media in it", t.Context(), "", []RemuxInput{{Video: []string{nonsense}, Audio: []string{nonsense}}}, "exit status"},
		{"no ffmpeg", t.Context(), "/nowhere/ffmpeg", []RemuxInput{{Video: []string{nonsense}}}, "apt-get install"},
		{"context ended", ended, "", []RemuxInput{{Video: []string{nonsense}}}, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "video.mp4")
			require.ErrorContains(t, Remux(c.ctx, c.ffmpeg, c.runs, out), c.want)
			require.NoFileExists(t, out)
			requireAlone(t, out)
		})
	}
}

// TestRemuxOfBadMedia loses no more than what is bad.
func TestRemuxOfBadMedia(t *testing.T) {
	run := runFiles(t, smallLadder()[0], 0)
	for _, c := range []struct {
		name    string
		damage  func(segment []byte)
		packets int // at least; of 120
	}{
		{"times that go back", func(b []byte) { // by the last picture of the segment before, and some ticks
			at := bytes.Index(b, []byte("tfdt"))
			decode := binary.BigEndian.Uint64(b[at+8:])
			binary.BigEndian.PutUint64(b[at+8:], decode-decode/60-7)
		}, 120},
		{"a segment that cannot be read", func(b []byte) {
			at := bytes.Index(b, []byte("traf"))
			copy(b[at-4:], bytes.Repeat([]byte{0xff}, 200))
		}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := RemuxInput{Video: slices.Clone(run.Video), Audio: run.Audio}
			data, err := os.ReadFile(run.Video[2])
			require.NoError(t, err)
			c.damage(data)
			bad.Video[2] = filepath.Join(t.TempDir(), "bad.m4s")
			require.NoError(t, os.WriteFile(bad.Video[2], data, 0o600))
			for _, runs := range [][]RemuxInput{{bad}, {bad, run}} {
				out := filepath.Join(t.TempDir(), "video.mp4")
				require.NoError(t, Remux(t.Context(), "", runs, out))
				requireFastStart(t, out)
				requireAlone(t, out)
				times := packetTimes(t, out, "v")
				require.GreaterOrEqual(t, len(times), c.packets+120*(len(runs)-1))
				require.True(t, slices.IsSorted(times))
				require.Len(t, slices.Compact(slices.Clone(times)), len(times), "no time is given twice")
			}
		})
	}
}
