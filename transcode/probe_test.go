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
		{"old and poor", script(t, "case $2 in -version) echo 'ffmpeg version 4.4.2 x';; *) echo ' V..... libx264 x'; echo ' A aac,dash,ivf y';; esac"),
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

func FuzzNames(f *testing.F) {
	f.Add(" V..... libx264 H.264 (codec h264)", "ffmpeg version 5.1 x")
	f.Add(" D  mov,mp4,m4a QuickTime", "ffmpeg")
	f.Fuzz(func(t *testing.T, line, first string) {
		for name := range names([]string{line}) {
			require.NotContains(t, name, " ")
		}
		require.NotEmpty(t, version([]string{first}))
		_ = Build{Version: version([]string{first})}.fault()
	})
}
