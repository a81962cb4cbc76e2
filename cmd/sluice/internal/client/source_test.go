package client

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/golden"
)

func TestSourceArgs(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	var all strings.Builder
	for _, tc := range []struct {
		name    string
		options Publish
		codec   string
	}{
		{"test", Publish{Source: testSource, FPS: 30, bitrate: 1_500_000}, "vp8"},
		{"test, sound only", Publish{Source: testSource, FPS: 30, bitrate: 1_500_000, NoVideo: true}, "vp8"},
		{"file", Publish{Source: "-odd name.mp4", FPS: 25, bitrate: 500_000}, "vp8"},
		{"file in a loop, scaled, for 1.5 s", Publish{Source: "a.mp4", FPS: 25, bitrate: 500_000, Loop: true, Size: "640x360", Duration: 1500 * time.Millisecond}, "vp8"},
		{"test as H.264", Publish{Source: testSource, FPS: 30, bitrate: 1_500_000, NoAudio: true}, "h264"},
		{"test as VP9", Publish{Source: testSource, FPS: 30, bitrate: 1_500_000, NoAudio: true}, "vp9"},
		{"test as AV1", Publish{Source: testSource, FPS: 30, bitrate: 1_500_000, NoAudio: true}, "av1"},
		{"file without sound", Publish{Source: "a.mp4", FPS: 25, bitrate: 500_000, NoAudio: true}, "vp8"},
	} {
		all.WriteString("# " + tc.name + "\n" + strings.Join(sourceArgs(tc.options, codecOf(t, tc.codec), start), "\n") + "\n\n")
	}
	golden.Require(t, "testdata/publish-args.golden", all.String())
}

func TestMediaSourceTellsWhyFFmpegEnds(t *testing.T) {
	source, err := newMediaSource(t.Context(), Publish{Source: "no such file", FPS: 30, bitrate: 1e6}, codecOf(t, "vp8"))
	require.NoError(t, err)
	err = source.Run(func() error { return nil })
	require.ErrorContains(t, err, "ffmpeg: exit status 1: no such file: No such file or directory")
}

func TestMediaSourceWithoutFFmpeg(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	source, err := newMediaSource(t.Context(), Publish{Source: testSource, FPS: 30, bitrate: 1e6}, codecOf(t, "vp8"))
	require.NoError(t, err)
	err = source.Run(func() error { return nil })
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "start ffmpeg")
}

func TestMediaSourceDiesWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source, err := newMediaSource(ctx, Publish{Source: testSource, FPS: 30, bitrate: 1e6}, codecOf(t, "vp8"))
	require.NoError(t, err)
	err = source.Run(func() error {
		cancel() // nobody reads the pipes: only the kill ends it
		return nil
	})
	require.ErrorContains(t, err, "killed")
}

func TestTail(t *testing.T) {
	var end tail
	for range 100 {
		n, err := end.Write([]byte(strings.Repeat("x", 99) + "\n"))
		require.NoError(t, err)
		require.Equal(t, 100, n)
	}
	require.Len(t, end.b, stderrTail)
	_, _ = end.Write([]byte(strings.Repeat("y", 3*stderrTail)))
	require.Equal(t, strings.Repeat("y", stderrTail), end.String())
}
