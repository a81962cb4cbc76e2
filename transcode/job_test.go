package transcode

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/depay"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		beParent(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// fragment is what one moof tells.
type fragment struct {
	decodeTime, duration uint64
	key                  bool
}

// fragments reads the boxes of a joined representation.
func fragments(t testing.TB, name string) (timescale uint32, list []fragment) {
	t.Helper()
	file, err := mp4.ReadMP4File(name)
	require.NoError(t, err)
	trak := file.Moov.Trak
	for _, segment := range file.Segments {
		for _, f := range segment.Fragments {
			samples, err := f.GetFullSamples(file.Moov.Mvex.Trex)
			require.NoError(t, err)
			part := fragment{decodeTime: f.Moof.Traf.Tfdt.BaseMediaDecodeTime(), key: samples[0].IsSync()}
			for _, s := range samples {
				part.duration += uint64(s.Dur)
			}
			list = append(list, part)
		}
	}
	return trak.Mdia.Mdhd.Timescale, list
}

func TestRunWritesExactSegments(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder(), Thumbnail: -1}
	job := play(t, o, interleave(
		vp8Clip(t, "testsrc2=s=640x360:r=30", 6),
		opusClip(t, "sine=f=440", 6),
	))
	stats := job.Stats()
	require.Zero(t, stats.Video.Dropped+stats.Audio.Dropped)
	require.EqualValues(t, 180, stats.Video.In)
	require.EqualValues(t, 180, stats.Progress.Frame)

	for _, r := range o.Representations() {
		require.Len(t, segments(t, dir, r), 3, "representation %s", r.ID)
		name := joined(t, dir, r)
		checkRepresentation(t, r, name)
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(data[:64]), "cmfc")
		_, parts := fragments(t, name)
		require.Equal(t, len(parts), bytes.Count(data, []byte("prft")), "each part has its producer reference time")
	}
	checkNames(t, dir, o)
}

// checkRepresentation requires that all of it decodes, and parts as they should be in 6 s.
func checkRepresentation(t *testing.T, r Representation, name string) {
	t.Helper()
	ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", name, "-f", "null", "-")
	timescale, parts := fragments(t, name)
	if r.Audio {
		checkAudioParts(t, timescale, parts)
	} else {
		checkVideoParts(t, timescale, parts)
	}
}

// checkVideoParts requires parts of exactly 0.2 s from 0 on, with a key frame each second and nowhere else.
func checkVideoParts(t *testing.T, timescale uint32, parts []fragment) {
	t.Helper()
	require.Len(t, parts, 30)
	for i, p := range parts {
		require.EqualValues(t, uint64(i)*uint64(timescale)/5, p.decodeTime)
		require.EqualValues(t, timescale/5, p.duration)
		require.Equal(t, i%5 == 0, p.key, "part %d", i)
	}
}

// checkAudioParts requires gapless parts from 0 on, none longer than the part and one AAC frame.
func checkAudioParts(t *testing.T, timescale uint32, parts []fragment) {
	t.Helper()
	require.EqualValues(t, 48000, timescale)
	var end uint64
	for _, p := range parts {
		require.Equal(t, end, p.decodeTime)
		require.LessOrEqual(t, p.duration, uint64(4800+1024))
		end += p.duration
	}
	require.InDelta(t, 6*48000, end, 2*1024)
}

// checkNames requires that a run leaves the files it promises and nothing else.
func checkNames(t *testing.T, dir string, o Options) {
	t.Helper()
	expected := []string{ManifestName, MasterName}
	for _, r := range o.Representations() {
		expected = append(expected, r.Init(), r.Playlist())
		for n := 1; n <= 3; n++ {
			expected = append(expected, r.Segment(n))
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	require.ElementsMatch(t, expected, found)
}

func TestThumbnailIsRenewed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := quickOptions(t, "")
	o.Stall, o.Grace, o.Thumbnail = patience, patience, 10*time.Millisecond
	_, _, result := start(t, ctx, o)
	name := filepath.Join(o.Dir, ThumbnailName)
	var first os.FileInfo
	require.Eventually(t, func() bool {
		info, err := os.Stat(name)
		if err == nil && first == nil {
			first = info
		}
		return err == nil && !os.SameFile(info, first)
	}, patience, time.Millisecond)
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	picture, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, "320x180", fmt.Sprintf("%dx%d", picture.Bounds().Dx(), picture.Bounds().Dy()))
	cancel()
	require.NoError(t, <-result)
	requireAlone(t, name)
}

// TestSegmentsStayWithinTheBitrate encodes what an encoder likes least.
func TestSegmentsStayWithinTheBitrate(t *testing.T) {
	o := Options{Dir: t.TempDir(), Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder(), Thumbnail: -1}
	play(t, o, interleave(
		vp8Clip(t, "testsrc2=s=640x360:r=30,noise=alls=60:allf=t:enable='gt(mod(t,3),2)'", 8),
		opusClip(t, "anoisesrc=a=0.5", 8),
	))
	for _, r := range o.Representations() {
		for _, name := range segments(t, o.Dir, r) {
			info, err := os.Stat(name)
			require.NoError(t, err)
			rate := float64(info.Size()) * 8 / 2
			t.Logf("%s: %.2f of %d bit/s", filepath.Base(name), rate/float64(r.Bitrate), r.Bitrate)
			require.Less(t, rate, 1.1*float64(r.Bitrate))
		}
	}
}

func TestRunWithOneInput(t *testing.T) {
	t.Run("video only", func(t *testing.T) {
		o := Options{Dir: t.TempDir(), Video: depay.VP8, Ladder: smallLadder()[1:], Thumbnail: -1}
		play(t, o, vp8Clip(t, "testsrc2=s=160x90:r=30", 2))
		require.Len(t, segments(t, o.Dir, o.Representations()[0]), 1)
		require.NoFileExists(t, filepath.Join(o.Dir, ThumbnailName))
	})
	t.Run("audio only", func(t *testing.T) {
		o := Options{Dir: t.TempDir(), Audio: depay.Opus}
		play(t, o, opusClip(t, "sine", 3))
		require.Equal(t, "0", o.Representations()[0].ID)
		require.Len(t, segments(t, o.Dir, o.Representations()[0]), 2)
	})
}

// TestWindowBoundsWhatIsKept plays far longer than the window: what is older than two windows goes.
func TestWindowBoundsWhatIsKept(t *testing.T) {
	o := Options{Dir: t.TempDir(), Audio: depay.Opus, Window: 20 * time.Second}
	sound := opusClip(t, "sine", 1)[0]
	var frames []depay.Frame
	for i := range int64(90 * 50) {
		sound.PTS = i * 960
		frames = append(frames, sound)
	}
	play(t, o, frames)
	names, err := filepath.Glob(filepath.Join(o.Dir, "seg-*"))
	require.NoError(t, err)
	require.InDelta(t, 20, len(names), 2)
	playlist, err := os.ReadFile(filepath.Join(o.Dir, o.Representations()[0].Playlist()))
	require.NoError(t, err)
	require.InDelta(t, 10, bytes.Count(playlist, []byte("#EXTINF")), 1)
}

// TestFlashMeetsBeep publishes a flash and a beep at the same instants and finds them in what a player decodes.
func TestFlashMeetsBeep(t *testing.T) {
	o := Options{Dir: t.TempDir(), Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder()[:1], Thumbnail: -1}
	play(t, o, interleave(
		vp8Clip(t, "color=black:s=320x180:r=30,drawbox=c=white:t=fill:enable='between(mod(t,1),0.49,0.65)'", 4),
		opusClip(t, "aevalsrc='if(between(mod(t,1),0.5,0.66),0.5*sin(2*PI*1000*t),0)':s=48000", 4),
	))
	reps := o.Representations()
	flashes := onsets(lumaOf(t, joined(t, o.Dir, reps[0])), 128, 15)
	beeps := onsets(loudnessOf(t, joined(t, o.Dir, reps[1])), 4000, 24000)
	require.Len(t, flashes, 4)
	require.Len(t, beeps, 4)
	for i := range flashes {
		flash, beep := float64(flashes[i])/30, float64(beeps[i])/48000
		t.Logf("flash %.4f s, beep %.4f s, offset %+.1f ms", flash, beep, 1000*(beep-flash))
		require.InDelta(t, 0.5+float64(i), flash, 0.001)
		require.InDelta(t, flash, beep, 0.005)
	}
}

// onsets returns where values rise to a threshold, each at least a distance after the one before.
func onsets(values []int, threshold, distance int) []int {
	var found []int
	for i, v := range values {
		if v >= threshold && (len(found) == 0 || i-found[len(found)-1] >= distance) {
			found = append(found, i)
		}
	}
	return found
}

// lumaOf returns the brightness of each picture, 0 to 255.
func lumaOf(t *testing.T, name string) []int {
	var values []int
	for _, b := range ffmpegOutput(t, "-i", name, "-vf", "scale=1:1:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-") {
		values = append(values, int(b))
	}
	return values
}

// loudnessOf returns the magnitude of each sample at 48 kHz, in mono.
func loudnessOf(t *testing.T, name string) []int {
	pcm := ffmpegOutput(t, "-i", name, "-f", "s16le", "-ac", "1", "-ar", "48000", "-")
	var values []int
	for ; len(pcm) >= 2; pcm = pcm[2:] {
		values = append(values, max(int(int16(binary.LittleEndian.Uint16(pcm))), -int(int16(binary.LittleEndian.Uint16(pcm)))))
	}
	return values
}

// TestLagCountsFromZero gives ffmpeg pictures that begin late, as those of an epoch after a hole do: what it fills is no lag.
func TestLagCountsFromZero(t *testing.T) {
	o := quickOptions(t, "")
	o.Stall, o.Grace, o.Thumbnail = patience, patience, -1
	var clip []depay.Frame
	for _, f := range interleave(vp8Clip(t, "testsrc2=s=320x180:r=30", 2), opusClip(t, "sine", 2)) {
		f.PTS += 3 * f.Codec.ClockRate()
		clip = append(clip, f)
	}
	p := play(t, o, clip).Stats().Progress
	require.EqualValues(t, 5*30, p.Frame)
	require.Equal(t, 5*time.Second, p.OutTime)
	require.Zero(t, p.Lag)
}
