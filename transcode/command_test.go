package transcode

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"default", Options{Video: depay.VP8, Audio: depay.Opus}},
		{"video-only", Options{Video: depay.VP8, Ladder: smallLadder()[:1], Thumbnail: -1}},
		{"audio-only", Options{Audio: depay.Opus, AudioBitrate: 96_000, Offset: 7125 * time.Millisecond}},
		{"vp9", Options{Video: depay.VP9, Ladder: smallLadder()}},
		{"h264", Options{Video: depay.H264, Ladder: smallLadder()[:1]}},
		{"av1", Options{Video: depay.AV1, Ladder: smallLadder()[:1]}},
		{"passthrough", Options{Video: depay.H264, Audio: depay.Opus, Passthrough: passedThrough(), Ladder: smallLadder()}},
		{"passthrough-only", Options{Video: depay.H264, Audio: depay.Opus, Passthrough: passedThrough(), LateKeyFrames: 400 * time.Millisecond}},
		{"passthrough-vp9", Options{Video: depay.VP9, Passthrough: passedThrough(), Ladder: smallLadder()[:1]}},
		{"passthrough-av1", Options{Video: depay.AV1, Passthrough: passedThrough(), Ladder: smallLadder()[:1]}},
		{"clock", Options{Video: depay.VP8, Ladder: smallLadder(), Transform: TransformClock, Title: "studio-1"}},
		{"logo", Options{Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder(), Transform: TransformLogo, Logo: "/data/logo.png"}},
		{"blur", Options{Video: depay.VP8, Ladder: smallLadder()[:1], Transform: TransformBlur}},
		{"faces", Options{Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder(), Transform: TransformFaces, Faces: &FaceFinder{}}},
		{"codecs", Options{Video: depay.VP8, Audio: depay.Opus, Ladder: codecLadder()}},
		{"vaapi", Options{Video: depay.VP8, Ladder: codecLadder()[:2], Encoder: Encoder{VAAPI, "/dev/dri/renderD128"}}},
		{"nvenc", Options{Video: depay.H264, Passthrough: passedThrough(), Ladder: smallLadder()[1:], Encoder: Encoder{NVENC, "/dev/nvidia0"}}},
		{"qsv", Options{Video: depay.VP8, Ladder: smallLadder(), Encoder: Encoder{QSV, "/dev/dri/renderD129"}, Transform: TransformLogo, Logo: "/data/logo.png"}},
		{"low-latency", Options{Video: depay.VP8, Audio: depay.Opus, Segment: 2 * time.Second, Part: 100 * time.Millisecond, KeyFrames: 400 * time.Millisecond, Buffer: 150 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.FFmpeg, c.o.Dir = "/usr/bin/ffmpeg", "/data/live/stream/epoch"
			argv, err := Command(c.o)
			require.NoError(t, err)
			golden(t, filepath.Join("testdata", c.name+".golden"), strings.Join(argv, "\n")+"\n")
			again, err := Command(c.o)
			require.NoError(t, err)
			require.Equal(t, argv, again)
		})
	}
}

// golden compares with a file; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestOptionsValidate(t *testing.T) {
	good := Options{Dir: "d", Video: depay.VP8, Audio: depay.Opus}
	require.NoError(t, good.Validate())
	for _, c := range []struct {
		name  string
		spoil func(*Options)
		want  []string
	}{
		{"nothing set", func(o *Options) { *o = Options{} }, []string{"Dir: is missing", "neither video nor audio"}},
		{"codecs swapped", func(o *Options) { o.Video, o.Audio = depay.Opus, depay.VP8 }, []string{"Video: opus is none of VP8, VP9, H264 and AV1", "is not Opus"}},
		{"segment of odd parts", func(o *Options) { o.Part = 300 * time.Millisecond }, []string{"Segment: 2s is not a multiple of the part, which is 300ms"}},
		{"segment of odd groups", func(o *Options) { o.KeyFrames = 1500 * time.Millisecond }, []string{"Segment: 2s does not end at a key frame, of which there is one every 1.5s: choose 1.5s or 3s"}},
		{"part of odd pictures", func(o *Options) { o.Ladder = Ladder{{Name: "a", Width: 320, Height: 180, FPS: 24, Bitrate: 300_000}} }, []string{`Ladder: rendition "a": a part of 200ms is not a whole number of pictures at 24 fps: choose a part of 125ms or 250ms, or 20 or 25 fps`}},
		{"part that nobody's ladder fits", func(o *Options) { o.Part = 250 * time.Millisecond }, []string{`Part: rendition "720p": a part of 250ms is not a whole number of pictures at 30 fps: choose a part of 200ms or 400ms, or 28 or 32 fps`}},
		{"durations out of range", func(o *Options) { o.Segment, o.Part = time.Minute, time.Millisecond }, []string{"Segment: 1m0s", "Part: 1ms"}},
		{"window too short", func(o *Options) { o.Window = time.Second }, []string{"Window: 1s"}},
		{"negative times", func(o *Options) { o.Stall, o.Grace = -1, -1 }, []string{"must be more than 0"}},
		{"odd offset", func(o *Options) { o.Offset = time.Microsecond }, []string{"Offset: 1µs must be whole milliseconds"}},
		{"no renditions", func(o *Options) { o.Ladder = Ladder{} }, []string{"0 renditions"}},
		{"odd and unknown", func(o *Options) {
			o.Ladder = Ladder{{Name: "A b", Width: 321, Height: 8, FPS: 0, Bitrate: 1, Preset: "placebo"}}
		}, []string{"name must be", "321x8", "0 fps", "a bitrate of 1", `preset "placebo"`}},
		{"codecs", func(o *Options) {
			o.Ladder = Ladder{
				{Name: "a", Width: 320, Height: 180, FPS: 30, Bitrate: 100_000, Codec: "vp9"},
				{Name: "b", Width: 320, Height: 180, FPS: 30, Bitrate: 100_000, Codec: H265, Preset: "fast"},
				{Name: "c", Width: 640, Height: 360, FPS: 30, Bitrate: 100_000},
			}
		}, []string{`"a": codec "vp9" is none of h264, h265 and av1`, `"b": preset "fast" is one of x264`, `"c": put those of H.264`, `"b": not every player takes H.265`}},
		{"AV1 beside passthrough", func(o *Options) {
			o.Video, o.Passthrough, o.Ladder = depay.H264, passedThrough(), codecLadder()
		}, []string{`"90p-av1": AV1 cannot have its key frames where the source has them`}},
		{"same name twice", func(o *Options) { o.Ladder = append(DefaultLadder(), DefaultLadder()...) }, []string{"there twice"}},
		{"passthrough of VP8", func(o *Options) { o.Passthrough = passedThrough() }, []string{"video codec VP8: only H264, VP9 and AV1 are passed through"}},
		{"passthrough at a rate of its own", func(o *Options) {
			o.Video, o.Passthrough = depay.H264, passedThrough()
			o.Passthrough.FPS, o.Ladder = 7, smallLadder()
		}, []string{"7 fps is not a whole number of ticks", `"180p": 30 fps beside a source of 7 fps`}},
		{"passthrough with late key frames", func(o *Options) {
			o.Video, o.Passthrough, o.LateKeyFrames = depay.H264, passedThrough(), 1500*time.Millisecond
		}, []string{"key frames up to 1.5s late"}},
		{"passthrough named as a rendition", func(o *Options) {
			o.Video, o.Passthrough, o.Ladder = depay.H264, passedThrough(), smallLadder()
			o.Passthrough.Name = "180p"
		}, []string{"there twice"}},
		{"transform", func(o *Options) { o.Transform, o.Title = "movie=x", "a:b'" }, []string{`transform "movie=x": there are ["monochrome"`, `title "a:b'"`}},
		{"transform of video that is passed through", func(o *Options) {
			o.Video, o.Passthrough, o.Ladder, o.Transform = depay.H264, passedThrough(), smallLadder(), TransformBlur
		}, []string{"passed through cannot be changed"}},
		{"sound and hint", func(o *Options) { o.AudioBitrate, o.Width = 1, 70000 }, []string{"AudioBitrate: 1 is", "Width: 70000x480"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.spoil(&o)
			_, err := Command(o)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			_, err = NewJob(o)
			require.Error(t, err)
		})
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct {
		width, height, fps int
		want               string
	}{
		{426, 240, 30, "3.0"}, {640, 480, 30, "3.0"}, {854, 480, 30, "3.1"}, {1280, 720, 30, "3.1"}, {1280, 720, 60, "3.2"},
		{1920, 1080, 30, "4.0"}, {1920, 1080, 60, "4.2"}, {3840, 2160, 30, "5.1"}, {3840, 2160, 60, "5.2"}, {4096, 4096, 120, "6.2"},
	} {
		require.Equal(t, c.want, Rendition{Width: c.width, Height: c.height, FPS: c.fps}.level(), "%+v", c)
	}
}

// passedThrough is the rendition that video is passed through as in tests.
func passedThrough() Rendition {
	return Rendition{Name: "source", Width: 640, Height: 360, FPS: 30, Bitrate: 2_000_000}
}

func TestRepresentationsWithPassthrough(t *testing.T) {
	reps := Options{Video: depay.H264, Audio: depay.Opus, Passthrough: passedThrough(), Ladder: smallLadder()}.Representations()
	require.Len(t, reps, 4)
	require.True(t, reps[0].PassedThrough)
	require.Equal(t, passedThrough(), reps[0].Rendition)
	require.False(t, reps[1].PassedThrough)
	require.Equal(t, "180p", reps[1].Rendition.Name)
	require.Len(t, Options{Video: depay.H264, Passthrough: passedThrough()}.Representations(), 1, "no ladder unless one is given")
	require.Len(t, Options{Audio: depay.Opus, Passthrough: passedThrough()}.Representations(), 1, "nothing to pass through without video")
}

func TestRepresentations(t *testing.T) {
	reps := Options{Video: depay.VP8, Audio: depay.Opus}.Representations()
	require.Len(t, reps, 4)
	require.Equal(t, "720p", reps[0].Rendition.Name)
	require.Equal(t, "init-0.mp4", reps[0].Init())
	require.Equal(t, "seg-2-00007.m4s", reps[2].Segment(7))
	require.True(t, reps[3].Audio)
	require.Equal(t, "media_3.m3u8", reps[3].Playlist())
}
