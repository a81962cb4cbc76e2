package transcode

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
)

// jittered moves pictures about by up to half their distance, as a network and a camera do, and begins late.
func jittered(clip []depay.Frame, from int64) []depay.Frame {
	moved := shift(clip, from)
	for i := range moved {
		moved[i].PTS += int64(i*7919%2800) - 1400
	}
	return moved
}

// TestPassthroughAlignsRenditions passes pictures through with key frames at odd times, and encodes two renditions beside them: all three begin each
// segment at the same instant, with a key frame, play without a fault, and have no hole.
func TestPassthroughAlignsRenditions(t *testing.T) { eachPassthroughCodec(t, checkAlignedRenditions) }

// TestPassthroughAlignsRenditionsAtAnotherRate has a publisher whose parameter sets speak of another rate than that of the grid: ffmpeg would put
// what is passed through where that has it, a picture later than the renditions.
func TestPassthroughAlignsRenditionsAtAnotherRate(t *testing.T) {
	const stated = 15
	o := Options{Dir: t.TempDir(), Video: depay.H264, Passthrough: passedThrough(), Ladder: smallLadder()[:1], Thumbnail: -1}
	clip := keyed(t, depay.H264, "640x360", 6, "0,2,4")
	teller := &passthroughH264{place: depay.H264.ClockRate() / stated}
	var half []depay.Frame
	for _, f := range clip {
		if f.Key {
			f.Data = teller.timed(f.Data)
		}
		half = append(half, f)
	}
	play(t, o, half)
	passed := segmentBegins(t, o.Dir, o.Representations()[0])
	require.Equal(t, []float64{0, 2 * second, 4 * second}, floats(passed))
	require.Equal(t, passed, segmentBegins(t, o.Dir, o.Representations()[1]))
}

func checkAlignedRenditions(t *testing.T, video depay.Codec) {
	const begin = second / 3
	source := passedThrough()
	source.Width, source.Height = 480, 270 // cheaper to make
	o := Options{Dir: t.TempDir(), Video: video, Audio: depay.Opus, Passthrough: source, Ladder: smallLadder(), Thumbnail: -1}
	clip := keyed(t, video, "480x270", 12, "0,1.2,2.3,3.1,3.9,4.35,6.5,8.4,9,10")
	play(t, o, interleave(jittered(clip, begin), opusClip(t, "sine", 12)))
	// What comes a third of a second later than in the clip is off its time by a picture at most.
	passed := segmentBegins(t, o.Dir, o.Representations()[0])
	require.InDeltaSlice(t, []float64{0, 2.3*second + begin, 3.9*second + begin, 6.5*second + begin, 8.4*second + begin, 10*second + begin},
		floats(passed), 3000)
	for _, r := range o.Representations()[:3] {
		checkAligned(t, o.Dir, r, passed)
	}
	sound := segmentBegins(t, o.Dir, o.Representations()[3])
	require.InDeltaSlice(t, floats(passed), floats(sound), 1024*second/48000+3000, "the audio is cut with the video")
	checkSampleEntry(t, o)
}

// checkAligned requires that a rendition begins its segments at those times, plays without a fault, and has no hole.
func checkAligned(t *testing.T, dir string, r Representation, begins []uint64) {
	t.Helper()
	name := joined(t, dir, r)
	ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", name, "-f", "null", "-")
	require.Equal(t, begins, segmentBegins(t, dir, r), "representation %s", r.ID)
	_, parts := fragments(t, name)
	checkGapless(t, parts)
	requireSize(t, name, r.Rendition)
}

// checkGapless requires that each part begins where the one before ended.
func checkGapless(t *testing.T, parts []fragment) {
	t.Helper()
	var end uint64
	for i, p := range parts {
		require.Equal(t, end, p.decodeTime, "part %d", i)
		end += p.duration
	}
}

// segmentBegins returns when each segment begins, in ticks of 1/90000 s, and requires that it does so with a key frame.
func segmentBegins(t *testing.T, dir string, r Representation) (begins []uint64) {
	t.Helper()
	head, err := os.ReadFile(dir + "/" + r.Init())
	require.NoError(t, err)
	for _, name := range segments(t, dir, r) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		whole := t.TempDir() + "/segment.mp4"
		require.NoError(t, os.WriteFile(whole, append(bytes.Clone(head), data...), 0o600))
		timescale, parts := fragments(t, whole)
		require.True(t, parts[0].key, name)
		begins = append(begins, parts[0].decodeTime*second/uint64(timescale))
	}
	return begins
}

func requireSize(t *testing.T, name string, r Rendition) {
	t.Helper()
	file, err := mp4.ReadMP4File(name)
	require.NoError(t, err)
	entry := sampleEntry(file)
	require.EqualValues(t, r.Width, entry.Width)
	require.EqualValues(t, r.Height, entry.Height)
}

// sampleEntry is that of the pictures.
func sampleEntry(file *mp4.File) *mp4.VisualSampleEntryBox {
	table := file.Moov.Trak.Mdia.Minf.Stbl.Stsd
	switch {
	case table.AvcX != nil:
		return table.AvcX
	case table.VpXX != nil:
		return table.VpXX
	}
	return table.Av01
}

// checkSampleEntry requires that the one of video that is passed through says what decoders need to know, and that parameter sets of H.264 are
// nowhere else.
func checkSampleEntry(t *testing.T, o Options) {
	t.Helper()
	file, err := mp4.ReadMP4File(joined(t, o.Dir, o.Representations()[0]))
	require.NoError(t, err)
	entry := sampleEntry(file)
	switch o.Video {
	case depay.VP9:
		require.Equal(t, "vp09", entry.Type())
		require.Zero(t, entry.VppC.Profile)
		require.EqualValues(t, 8, entry.VppC.BitDepth)
		require.EqualValues(t, 21, entry.VppC.Level, "ten times the level that a picture of 480x270 has")
	case depay.AV1:
		require.Equal(t, "av01", entry.Type())
		require.Zero(t, entry.Av1C.SeqProfile)
		require.NotEmpty(t, entry.Av1C.ConfigOBUs, "the sequence header")
	default:
		require.Equal(t, "avc1", entry.Type())
		require.NotNil(t, entry.AvcC.SPSnalus)
		eachSample(t, file, checkNoParameterSets)
	}
}

func eachSample(t *testing.T, file *mp4.File, check func(t *testing.T, data []byte)) {
	t.Helper()
	for _, s := range file.Segments {
		for _, f := range s.Fragments {
			samples, err := f.GetFullSamples(file.Moov.Mvex.Trex)
			require.NoError(t, err)
			for _, sample := range samples {
				check(t, sample.Data)
			}
		}
	}
}

func checkNoParameterSets(t *testing.T, data []byte) {
	t.Helper()
	for len(data) > 4 {
		size := int(data[0])<<24 | int(data[1])<<16 | int(data[2])<<8 | int(data[3])
		require.NotContains(t, []byte{7, 8, 9}, data[4]&0x1f)
		data = data[4+size:]
	}
}

// TestPassthroughKeepsPictures passes pictures through, with audio and without a ladder, and gets back each coded picture as it was.
func TestPassthroughKeepsPictures(t *testing.T) { eachPassthroughCodec(t, checkKeptPictures) }

func checkKeptPictures(t *testing.T, video depay.Codec) {
	o := Options{Dir: t.TempDir(), Video: video, Audio: depay.Opus, Passthrough: passedThrough(), Thumbnail: -1}
	clip := keyed(t, video, "480x270", 6, "0,1,2,3,4,5")
	stats := play(t, o, interleave(clip, opusClip(t, "sine", 6))).Stats()
	require.EqualValues(t, 180, stats.Progress.Frame)
	require.Equal(t, 6*time.Second, stats.Progress.OutTime)
	reps := o.Representations()
	require.Len(t, reps, 2)
	for _, r := range reps {
		checkRepresentation(t, r, joined(t, o.Dir, r))
	}
	sent, written := coding(t, clip), joined(t, o.Dir, reps[0])
	require.Equal(t, pictureHashes(t, sent), pictureHashes(t, written))
	if video == depay.VP9 { // H.264 and AV1 lose what separates pictures in a byte stream
		i := 0
		file, err := mp4.ReadMP4File(written)
		require.NoError(t, err)
		eachSample(t, file, func(t *testing.T, data []byte) {
			require.Equal(t, clip[i].Data, data, "picture %d", i)
			i++
		})
		require.Equal(t, len(clip), i)
	}
}

// TestPassthroughFillsPlaces sends half as many pictures as there are places, and none for a while behind a key frame: passthrough has a repeat
// in the place of each, which decodes to the picture before, and the rendition beside it begins its segments with that.
func TestPassthroughFillsPlaces(t *testing.T) { eachPassthroughCodec(t, checkFilledPlaces) }

func checkFilledPlaces(t *testing.T, video depay.Codec) {
	o := Options{Dir: t.TempDir(), Video: video, Passthrough: passedThrough(), Ladder: smallLadder()[:1], Thumbnail: -1}
	clip := keyed(t, video, "480x270", 3, "0,0.5,1,1.5,2,2.5")
	for i := range clip {
		clip[i].PTS *= 2
	}
	clip = append(clip[:31:31], shift(clip[31:], 10*3000)...)
	play(t, o, clip)
	passed := pictureHashes(t, joined(t, o.Dir, o.Representations()[0]))
	require.Len(t, passed, 189)
	require.Equal(t, pictureHashes(t, coding(t, clip)), slices.Compact(slices.Clone(passed)), "repeats show what was there before")
	for i := 62; i < 72; i++ {
		require.Equal(t, passed[61], passed[i], "picture %d", i)
	}
	require.Equal(t, segmentBegins(t, o.Dir, o.Representations()[0]), segmentBegins(t, o.Dir, o.Representations()[1]))
	require.Len(t, pictureHashes(t, joined(t, o.Dir, o.Representations()[1])), 189)
}

// coding puts pictures into a file that ffmpeg reads, and returns its name.
func coding(t *testing.T, pictures []depay.Frame) string {
	t.Helper()
	name := t.TempDir() + "/clip"
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	decoder, _ := decoderOf(pictures[0].Codec)
	w := ivf.NewWriter(file, ivf.Header{FourCC: decoder.fourCC, Width: 480, Height: 270})
	for _, f := range pictures {
		require.NoError(t, w.WriteFrame(f.PTS, f.Data))
	}
	return name
}

// pictureHashes are the hashes of a file's decoded pictures.
func pictureHashes(t *testing.T, name string) (hashes []string) {
	t.Helper()
	out := ffmpegOutput(t, "-i", name, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "framemd5", "-")
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 6 && !strings.HasPrefix(line, "#") {
			hashes = append(hashes, fields[5])
		}
	}
	return hashes
}

// TestPassthroughEndsProperly lets the publisher send no more key frames: the run ends with the reason, and what was passed through up to then is
// whole, in segments that are no longer than they may be.
func TestPassthroughEndsProperly(t *testing.T) {
	o := quickOptions(t, "")
	o.Stall, o.Grace, o.Thumbnail = patience, patience, -1
	o.Video, o.Passthrough, o.Ladder = depay.H264, passedThrough(), smallLadder()[:1]
	job, err := NewJob(o)
	require.NoError(t, err)
	go func() {
		for _, f := range interleave(keyed(t, depay.H264, "480x270", 8, "0,2"), opusClip(t, "sine", 8)) {
			job.writeWhenRoom(f)
		}
	}()
	err = job.Run(t.Context())
	var ended *PassthroughError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, KeyFrameLate, ended.Cause)
	require.ErrorIs(t, job.WriteFrame(depay.Frame{Codec: depay.H264, PTS: 9 * second}), ErrEnded)
	for _, r := range o.Representations()[:2] {
		name := joined(t, o.Dir, r)
		ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", name, "-f", "null", "-")
		require.Equal(t, []uint64{0, 2 * second}, segmentBegins(t, o.Dir, r))
		timescale, parts := fragments(t, name)
		last := parts[len(parts)-1]
		require.InDelta(t, 5.1, float64(last.decodeTime+last.duration)/float64(timescale), 0.04)
	}
	require.False(t, errors.Is(err, ErrStalled))
}

func floats(ticks []uint64) (all []float64) {
	for _, n := range ticks {
		all = append(all, float64(n))
	}
	return all
}

// BenchmarkPassthrough compares the CPU time that a second of media takes: passed through, passed through beside the default ladder's lower renditions, and
// encoded into what is like it, and three layers that are passed through; and of VP9 and AV1 the ladder without that and with it.
func BenchmarkPassthrough(b *testing.B) {
	const seconds = 30
	source := Rendition{Name: "source", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_500_000}
	sound := opusClip(b, "sine", seconds)
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"passthrough-without-audio", Options{Video: depay.H264, Passthrough: source}},
		{"passthrough", Options{Video: depay.H264, Passthrough: source, Audio: depay.Opus}},
		{"passthrough-and-two", Options{Video: depay.H264, Passthrough: source, Ladder: DefaultLadder()[1:], Audio: depay.Opus}},
		{"passthrough-three-layers", Options{Video: depay.H264, Passthrough: source, Ladder: Ladder{
			{Name: "360p", Width: 640, Height: 360, FPS: 30, Bitrate: 800_000, Layer: 1}, {Name: "180p", Width: 320, Height: 180, FPS: 30, Bitrate: 500_000, Layer: 2},
		}, Audio: depay.Opus}},
		{"encode-720p", Options{Video: depay.H264, Ladder: DefaultLadder()[:1], Audio: depay.Opus}},
		{"encode-ladder", Options{Video: depay.H264, Audio: depay.Opus}},
		{"vp9-ladder", Options{Video: depay.VP9, Audio: depay.Opus}},
		{"vp9-passthrough-and-ladder", Options{Video: depay.VP9, Passthrough: source, Ladder: DefaultLadder(), Audio: depay.Opus}},
		{"av1-ladder", Options{Video: depay.AV1, Audio: depay.Opus}},
		{"av1-passthrough-and-ladder", Options{Video: depay.AV1, Passthrough: source, Ladder: DefaultLadder(), Audio: depay.Opus}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Thumbnail, c.o.Stall = -1, patience
			clip := keyed(b, c.o.Video, "1280x720", seconds, "expr:gte(t,n_forced)")
			if len(c.o.layers()) > 0 {
				clip = layersOf(b, seconds, "expr:gte(t,n_forced)", "1280x720", "640x360", "320x180")
			}
			if c.o.Audio != 0 {
				clip = interleave(clip, sound)
			}
			for b.Loop() {
				c.o.Dir = b.TempDir()
				before := childCPU(b)
				play(b, c.o, clip)
				b.ReportMetric((childCPU(b)-before).Seconds()/seconds, "cpu-s/s")
			}
		})
	}
}
