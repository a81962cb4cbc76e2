package client

import (
	"cmp"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// film makes two seconds of 15 pictures a second and a tone, by ffmpeg's options for the picture.
func film(t *testing.T, name string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := append(strings.Fields("-loglevel error -f lavfi -i testsrc2=size=128x96:rate=30000/2002 -f lavfi -i sine=sample_rate=48000 -t 2 -c:a libopus -pix_fmt yuv420p"), options...)
	out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

var baseline = strings.Fields("-c:v libx264 -preset ultrafast -profile:v baseline -g 15")

func checked(t *testing.T, o Publish) Publish {
	t.Helper()
	o.URL, o.Timeout, o.FPS = "http://127.0.0.1/whip/film", 1, cmp.Or(o.FPS, defaultFPS)
	require.NoError(t, o.check())
	return o
}

// The pictures of a file are sent as they are, with its frame rate, where whoever watches can take them so.
func TestFileIsCopied(t *testing.T) {
	for name, options := range map[string][]string{
		"film.mp4": baseline, "film.mkv": baseline, "film.ts": baseline,
		"film.webm": strings.Fields("-c:v libvpx -deadline realtime -cpu-used 8 -g 15"),
	} {
		t.Run(name, func(t *testing.T) {
			path, codec := film(t, name, options...), map[bool]string{true: "vp8", false: "h264"}[strings.HasSuffix(name, "webm")]
			o, why, err := probe(t.Context(), checked(t, Publish{Source: path}))
			require.NoError(t, err)
			require.Empty(t, why)
			require.Equal(t, codec, o.codecs[0].name)
			if codec == "h264" {
				require.Equal(t, []string{"h264, vp8", h264Format("42e00a")}, []string{codecNames(o.codecs), o.codecs[0].formats[0]})
			}
			o.NoAudio = true
			source, err := newMediaSource(t.Context(), o, o.codecs[0])
			require.NoError(t, err)
			sizes, ticks := 0, []int64{}
			require.NoError(t, source.Run(func() error {
				for in := newPictureReader(source.Video, o.codecs[0], source.rate); ; {
					at, picture, err := in.Next()
					if err == io.EOF {
						return nil
					}
					if err != nil {
						return err
					}
					sizes, ticks = sizes+len(picture), append(ticks, at)
				}
			}))
			require.Len(t, ticks, 30)
			for i, at := range ticks {
				require.InDelta(t, float64(ticks[0])+float64(i)*90000*2002/30000, float64(at), 91, "picture %d, within a millisecond", i)
			}
		})
	}
}

// Where they cannot be, they are encoded, and that is said; nothing is said where an encoder is asked for.
func TestFileIsEncoded(t *testing.T) {
	for name, tc := range map[string]struct {
		options []string
		publish Publish
		why     string
	}{
		"B-frames":           {options: strings.Fields("-c:v libx264 -preset ultrafast -profile:v main -bf 2 -g 15"), why: "B-frames"},
		"4:4:4":              {options: strings.Fields("-c:v libx264 -preset ultrafast -pix_fmt yuv444p"), why: "its pixels are yuv444p"},
		"MPEG-4":             {options: strings.Fields("-c:v mpeg4"), why: "it is mpeg4"},
		"few key frames":     {options: strings.Fields("-c:v libx264 -preset ultrafast -profile:v baseline -g 600 -t 8"), why: "more than 5s apart"},
		"another rate":       {options: baseline, publish: Publish{FPS: 25}},
		"another size":       {options: baseline, publish: Publish{Size: "64x48"}},
		"another bitrate":    {options: baseline, publish: Publish{Bitrate: "100k"}},
		"asked for":          {options: baseline, publish: Publish{Encode: true}},
		"of another codec":   {options: baseline, publish: Publish{Codec: "vp9,vp8"}, why: "--codec does not name"},
		"a rate that varies": {options: append(strings.Fields("-vf setpts=PTS+gte(N\\,10)*0.4/TB -fps_mode vfr"), baseline...), why: "not constant"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.publish.Source = film(t, "film.mkv", tc.options...)
			o, why, err := probe(t.Context(), checked(t, tc.publish))
			require.NoError(t, err)
			require.Nil(t, o.copied)
			require.Contains(t, why, tc.why)
			require.Equal(t, tc.why == "", why == "", why)
			require.NotContains(t, strings.Join(sourceArgs(o, o.codecs[0], time.Time{}), " "), "copy")
		})
	}
}

// What the server would rather have is encoded.
func TestServerTakesAnotherCodec(t *testing.T) {
	o, _, err := probe(t.Context(), checked(t, Publish{Source: film(t, "film.mp4", baseline...)}))
	require.NoError(t, err)
	require.Contains(t, strings.Join(sourceArgs(o, o.codecs[0], time.Time{}), " "), "-c:v copy")
	require.Contains(t, strings.Join(sourceArgs(o, o.codecs[1], time.Time{}), " "), "-c:v libvpx")
	require.Equal(t, rate{30, 1}, rateOf(o, o.codecs[1]))
	require.Equal(t, rate{15000, 1001}, rateOf(o, o.codecs[0]))
}
