package transcode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// TestConfinement tries real ffmpeg.
func TestConfinement(t *testing.T) {
	holds := sandbox.Check()
	require.Empty(t, holds.Lacks(), "the tests need a kernel with Landlock and seccomp, and a container that allows them")
	require.NoError(t, TryConfinement(t.Context(), "", holds))
}

// TestConfinementOfWhatDoesNotWork tells an ffmpeg that cannot run from one that is not confined.
func TestConfinementOfWhatDoesNotWork(t *testing.T) {
	holds := sandbox.Check()
	err := TryConfinement(t.Context(), "/nowhere/ffmpeg", holds)
	require.ErrorContains(t, err, "ffmpeg is not installed")
	require.NotErrorIs(t, err, ErrNotConfined)
	err = TryConfinement(t.Context(), script(t, "echo no library >&2; exit 127"), holds)
	require.ErrorContains(t, err, "does not work when it is confined: ffmpeg: exit status 127: no library")
	err = TryConfinement(t.Context(), script(t, "cat <&3 >/dev/null"), holds)
	require.ErrorIs(t, err, ErrNotConfined, "this one fails at nothing")
	require.ErrorContains(t, err, "it read another file")
}

// TestJobIsConfined lets the ffmpeg of a broadcast write to its own directory and nowhere else.
func TestJobIsConfined(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	o := quickOptions(t, script(t, "echo inside >$DIR/inside; echo outside >"+other+"; cat "+other+" || echo refused >&2; exit 1"))
	require.NoError(t, os.WriteFile(other, []byte("secret"), 0o600))
	j, err := NewJob(o)
	require.NoError(t, err)
	err = j.Run(t.Context())
	require.ErrorContains(t, err, "Permission denied")
	require.ErrorContains(t, err, "refused")
	require.FileExists(t, filepath.Join(o.Dir, "inside"))
	left, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "secret", string(left))
}

// TestTransformsAreConfined gives ffmpeg the fonts and the logo that transforms need.
func TestTransformsAreConfined(t *testing.T) {
	logo := filepath.Join(t.TempDir(), "logo.png")
	ffmpegOutput(t, "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", logo)
	frames := vp8Clip(t, "color=black:s=64x64:r=30", 1)
	for _, transform := range []Transform{TransformClock, TransformLogo} {
		t.Run(string(transform), func(t *testing.T) {
			kept := filepath.Join(t.TempDir(), "ffmpeg.log")
			play(t, Options{
				Dir: t.TempDir(), Video: depay.VP8, Ladder: smallLadder()[1:], Thumbnail: -1,
				Transform: transform, Title: "cam", Logo: logo, Log: kept,
			}, frames)
			words, err := os.ReadFile(kept)
			require.NoError(t, err)
			require.NotContains(t, string(words), "ermission")
		})
	}
}
