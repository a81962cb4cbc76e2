package broadcast

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// TestLadderGrows brings everything back that was taken away, one rendition at a time, and says what is still missing.
func TestLadderGrows(t *testing.T) {
	l := newLadder(transcode.DefaultLadder())
	made := func() transcode.Options {
		return transcode.Options{Video: depay.VP8, Ladder: l.beside(depay.VP8, transcode.Rendition{})}
	}
	require.Empty(t, l.candidates(depay.VP8, made()), "nothing is missing")
	l.reduce(&transcode.SlowError{Speed: 0.1})
	require.Equal(t, "240p", l.now.String())
	var grown []string
	for returns := 1; ; returns++ {
		candidates := l.candidates(depay.VP8, made())
		if len(candidates) == 0 {
			break
		}
		require.Contains(t, l.reason, "it encoded at 0.10 of real time")
		l.grow(candidates[0])
		require.Equal(t, returns, l.returns)
		grown = append(grown, made().Ladder.String())
	}
	require.Equal(t, []string{"480p 240p", "720p 480p 240p"}, grown)
	require.Equal(t, transcode.DefaultLadder(), l.now)
	require.Empty(t, l.reason)
	require.Equal(t, 1, l.reductions)
}

// TestLadderGrowsBesidePassthrough brings back what is encoded beside the publisher's own video, and nothing that is not smaller.
func TestLadderGrowsBesidePassthrough(t *testing.T) {
	source := transcode.Rendition{Name: SourceName, Width: 1280, Height: 720, FPS: 30, Bitrate: 2_000_000}
	layer := transcode.Rendition{Name: "480p", Width: 640, Height: 360, FPS: 30, Bitrate: 600_000, Layer: 1}
	for _, test := range []struct {
		name    string
		video   depay.Codec
		layers  []transcode.Rendition
		before  func(l *ladder)
		encoded []string // of the candidates
	}{
		{"whole", depay.H264, nil, func(*ladder) {}, nil},
		{"nothing is encoded", depay.H264, nil, func(l *ladder) { l.alone = true }, []string{"480p 240p"}},
		{"nothing is encoded beside a layer", depay.H264, []transcode.Rendition{layer}, func(l *ladder) { l.alone = true }, []string{"240p"}},
		{"reduced before", depay.H264, nil, func(l *ladder) { l.now = l.whole[2:] }, []string{"480p 240p", "480p 240p"}},
		{"what is missing is not smaller", depay.H264, nil, func(l *ladder) { l.now = l.whole[1:] }, nil},
		{"beside an alternative rendition", depay.VP9, nil, func(l *ladder) { l.now = l.whole[1:] }, []string{"720p 480p 240p", "720p 480p 240p"}},
		{"nothing would be encoded of another codec", depay.VP9, nil, func(l *ladder) { l.alone = true }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLadder(transcode.DefaultLadder())
			test.before(&l)
			made := transcode.Options{Video: test.video, Passthrough: source, Ladder: l.beside(test.video, source, test.layers...)}
			var encoded []string
			for _, c := range l.candidates(test.video, made) {
				encoded = append(encoded, c.encoded.String())
			}
			require.Equal(t, test.encoded, encoded)
		})
	}
}

// TestViewersOfAGrowingLadder reduces the ladder of a stream that ffmpeg encodes and brings it back: each costs viewers one
// discontinuity, in every rendition, and no URL goes away or changes.
func TestViewersOfAGrowingLadder(t *testing.T) {
	t.Parallel()
	p, url := startPackager(t)
	stream, err := p.Open("cam")
	require.NoError(t, err)
	ladder := transcode.Ladder{
		{Name: "90p", Width: 160, Height: 90, FPS: 10, Bitrate: 200_000},
		{Name: "72p", Width: 128, Height: 72, FPS: 10, Bitrate: 100_000},
	}
	b := New(Options{
		Stream: "cam", Timeline: stream, Disk: p.Disk, Wall: func(t time.Time) time.Time { return t }, FFmpeg: "ffmpeg",
		Ladder: ladder, Segment: 2 * time.Second, Part: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	b.video = depay.VP8
	b.startRun()
	get := func(name string) string {
		answer, err := http.Get(url + "/live/cam/" + name)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}
	// listed waits until so many runs of ffmpeg are listed in all renditions, and returns the names that the multivariant playlist has.
	listed := func(runs int) []string {
		waitFor(t, b, func() bool {
			return !slices.ContainsFunc([]string{"90p.m3u8", "72p.m3u8"}, func(name string) bool {
				return strings.Count(get(name), "#EXT-X-MAP") < runs
			})
		})
		for _, name := range []string{"90p.m3u8", "72p.m3u8"} {
			require.Equal(t, runs-1, strings.Count(get(name), "#EXT-X-DISCONTINUITY\n"), "%s\n%s", name, get(name))
		}
		return uris(get("index.m3u8"))
	}
	names := listed(1)
	require.Equal(t, []string{"90p.m3u8", "72p.m3u8"}, names)

	slow := &transcode.SlowError{Speed: 0.3, Lag: 2 * time.Second}
	require.NoError(t, b.runEnded(slow))
	require.Equal(t, names, listed(2))
	require.Equal(t, "72p", b.ladder.now.String())
	require.Equal(t, []int{128, 128}, widths(stream))

	candidates := b.ladder.candidates(b.video, b.run.made)
	require.NotEmpty(t, candidates)
	b.regain(candidates[0], time.Now())
	require.Equal(t, names, listed(3))
	require.Equal(t, []int{160, 128}, widths(stream))
	b.publishStatus(StateLive, nil)
	require.Equal(t, 1, b.Status().Reductions)
	require.Equal(t, 1, b.Status().Returns)
	require.Empty(t, b.Status().WhyReduced)
	b.endRun(nil)
	require.NoError(t, stream.End())
}

// waitFor feeds the broadcast's ffmpeg with fillers until something is the case.
func waitFor(t *testing.T, b *Broadcast, is func() bool) {
	t.Helper()
	fill, deadline := time.NewTicker(frameInterval), time.Now().Add(2*time.Minute)
	defer fill.Stop()
	for frames := 0; ; frames++ {
		now := <-fill.C
		require.Less(t, now, deadline)
		b.intake.tick(now, true)
		b.run.tick(now)
		require.NoError(t, b.tickRun(now))
		if frames%10 == 0 && is() {
			return
		}
	}
}

// uris are the lines of a playlist that are URIs.
func uris(playlist string) (all []string) {
	for line := range strings.Lines(playlist) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// widths are those of the renditions that viewers are told of now.
func widths(stream *packager.Stream) (all []int) {
	for _, r := range stream.Info().Renditions {
		all = append(all, r.Width)
	}
	return all
}
