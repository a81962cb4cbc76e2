package transcode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	b, err := Probe(t.Context(), "")
	require.NoError(t, err)
	require.Regexp(t, `^\d`, b.Version)
	for _, f := range b.Features {
		require.True(t, f.Present || strings.HasPrefix(f.Name, "h264_"), "%+v", f)
	}
}

func TestProbeSaysWhatIsMissing(t *testing.T) {
	ofSnap := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.Symlink("snap", ofSnap)) // as snapd does
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(ofSnap), "snap"), []byte("#!/bin/sh\nexit 1\n"), 0o700))
	for _, c := range []struct {
		name, ffmpeg string
		want         []string
	}{
		{"of a snap", ofSnap, []string{"it comes from a snap", "apt-get install ffmpeg", "--ffmpeg /usr/bin/ffmpeg"}},
		{"not installed", "/nowhere/ffmpeg", []string{"ffmpeg is not installed: apt-get install ffmpeg"}},
		{"not in PATH", "no-such-ffmpeg", []string{"apt-get install ffmpeg"}},
		{"not a program", t.TempDir(), []string{"permission denied"}},
		{"fails", script(t, "echo broken library >&2; exit 127"), []string{"broken library"}},
		{"old and poor", script(t, "case $2 in -version) echo 'ffmpeg version 4.4.2 x';; *) echo ' DEV.LS h264 x (encoders: libx264 )'; echo ' DE aac,dash,ivf y';; esac"),
			[]string{"4.4.2 is too old: 5.1", "without the decoder vp8", "without the demuxer ogg"}},
		{"prints nothing", script(t, "exit 0"), []string{"of unknown version", "encoder libx264"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Probe(t.Context(), c.ffmpeg)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestProbeTakesVersionsThatAreNoNumbers(t *testing.T) {
	for _, version := range []string{"5.1.9-0+deb12u1", "6.0", "N-109421-gd2f482965c", "n7.1"} {
		require.NoError(t, Build{Version: version}.fault(), version)
	}
	require.Error(t, Build{Version: "5.0.3"}.fault())
}

func TestOffered(t *testing.T) {
	has := offered([]string{
		" D..... = Decoding supported",
		" -------",
		" DEV.LS h264                 H.264 / AVC (decoders: h264 h264_qsv ) (encoders: libx264 h264_vaapi )",
		" .EV.L. av1                  AV1 (encoders: libsvtav1 )",
		" D.V.L. vp8                  On2 VP8 (decoders: vp8 libvpx )",
		" DEAIL. aac                  AAC",
	}, []string{
		" D. = Demuxing supported",
		" DE ivf             On2 IVF",
		"  E mp4             MP4",
		" D  mov,mp4,m4a     QuickTime",
		" D d lavfi          of ffmpeg 7",
		"  E mov             QuickTime",
	})
	for name, want := range map[string]bool{
		"encoder libx264": true, "encoder h264_vaapi": true, "encoder h264": false, "decoder h264": true, "decoder libx264": false,
		"encoder libsvtav1": true, "decoder av1": false, "decoder libvpx": true, "encoder vp8": false, "encoder aac": true, "decoder aac": true,
		"muxer ivf": true, "demuxer ivf": true, "muxer mp4": true, "demuxer mp4": true, "muxer m4a": false, "demuxer m4a": true, "muxer mov": true, "demuxer mov": true,
	} {
		require.Equal(t, want, has[name], name)
	}
}

func FuzzOffered(f *testing.F) {
	f.Add(" DEV.LS h264 H.264 (decoders: h264 ) (encoders: libx264 )", "ffmpeg version 5.1 x")
	f.Add(" D  mov,mp4,m4a QuickTime", "ffmpeg")
	f.Fuzz(func(t *testing.T, line, first string) {
		for name := range offered([]string{line}, []string{line}) {
			require.Equal(t, 1, strings.Count(name, " "), name)
		}
		require.NotEmpty(t, version([]string{first}))
		_ = Build{Version: version([]string{first})}.fault()
	})
}
