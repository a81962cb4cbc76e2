package broadcast

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// TestStandIns keeps the name of every rendition, whatever is still encoded, until there is nothing left to take away.
func TestStandIns(t *testing.T) {
	l := newLadder(transcode.DefaultLadder())
	renditions := func() (names, reps []string) {
		o := transcode.Options{Video: depay.VP8, Audio: depay.Opus, Ladder: l.now}
		described := l.standIns(renditions(o))
		require.NoError(t, timeline.EpochOptions{Renditions: described}.Validate())
		for _, r := range described {
			names, reps = append(names, r.ID), append(reps, r.Rep)
		}
		return names, reps
	}
	_, reps := renditions()
	require.Equal(t, []string{"0", "1", "2", "3"}, reps)
	require.Empty(t, l.reason)
	for l.hasLess(depay.VP8, transcode.Rendition{}, l.now) {
		before := l.now
		l.reduce(&transcode.SlowError{Speed: 0.99})
		require.NotEqual(t, before, l.now)
		names, _ := renditions()
		require.Equal(t, []string{"720p", "480p", "240p", "audio"}, names)
		t.Log(l.reason)
	}
	_, reps = renditions()
	require.Equal(t, []string{"0", "0", "0", "1"}, reps)
	b := &Broadcast{ladder: newLadder(transcode.DefaultLadder()), video: depay.VP8}
	require.Equal(t, maxLag, b.maxLag(transcode.Rendition{}, b.ladder.now))
	b.options.FixedLadder = true
	require.Zero(t, b.maxLag(transcode.Rendition{}, b.ladder.now))
	require.Contains(t, l.reason, "240p, 426x240 with the preset ultrafast; 720p 480p shows the same.")
	whole := newLadder(transcode.DefaultLadder())
	require.False(t, whole.hasLess(0, transcode.Rendition{}, whole.now), "sound has no ladder")
}

// TestBesidePassthrough encodes only what is smaller than what is passed on, at their rate, and keeps every name that was offered.
func TestBesidePassthrough(t *testing.T) {
	l := newLadder(transcode.DefaultLadder(), timeline.RenditionInfo{ID: "720p"})
	source := transcode.Rendition{Name: SourceName, Width: 1280, Height: 720, FPS: 60, Bitrate: 2_000_000}
	offer := func() (ids, reps []string) {
		o := transcode.Options{Video: depay.H264, Audio: depay.Opus, Passthrough: source, Ladder: l.beside(depay.H264, source)}
		described := l.standIns(renditions(o))
		require.NoError(t, timeline.EpochOptions{Renditions: described}.Validate())
		require.True(t, described[0].Copied)
		for _, r := range described {
			ids, reps = append(ids, r.ID), append(reps, r.Rep)
		}
		return ids, reps
	}
	for _, r := range l.beside(depay.H264, source) {
		require.Equal(t, 60, r.FPS)
	}
	ids, reps := offer()
	require.Equal(t, []string{"source", "720p", "480p", "240p", "audio"}, ids)
	require.Equal(t, []string{"0", "0", "1", "2", "3"}, reps)
	require.True(t, l.hasLess(depay.H264, source, l.beside(depay.H264, source)))

	l.encodeNone(&transcode.SlowError{Speed: 0.5})
	require.False(t, l.hasLess(depay.H264, source, l.beside(depay.H264, source)))
	ids, reps = offer()
	require.Equal(t, []string{"source", "720p", "480p", "240p", "audio"}, ids)
	require.Equal(t, []string{"0", "0", "0", "0", "1"}, reps)
	require.Contains(t, l.reason, "the publisher's own pictures only; 720p 480p 240p shows the same.")

	fresh := newLadder(transcode.DefaultLadder())
	l, source.Width, source.Height = fresh, 320, 180
	ids, _ = offer()
	require.Equal(t, []string{"source", "audio"}, ids, "nobody is offered what is not made")
}

// codecLadder has H.265 and AV1 behind H.264.
func codecLadder() transcode.Ladder {
	return append(transcode.DefaultLadder(),
		transcode.Rendition{Name: "720p-h265", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_000_000, Codec: transcode.H265},
		transcode.Rendition{Name: "480p-av1", Width: 854, Height: 480, FPS: 30, Bitrate: 700_000, Codec: transcode.AV1})
}

// TestOtherCodecsBesidePassthrough encodes H.265 that is not larger than what is passed on, and no AV1, whose encoder has key frames of its own.
func TestOtherCodecsBesidePassthrough(t *testing.T) {
	l := newLadder(codecLadder())
	for _, test := range []struct {
		video         depay.Codec
		width, height int
		want          string
	}{
		{depay.H264, 1280, 720, "480p 240p 720p-h265"},
		{depay.H264, 854, 480, "240p"},
		{depay.VP8, 0, 0, "720p 480p 240p 720p-h265 480p-av1"},
	} {
		var source transcode.Rendition
		if test.width > 0 {
			source = transcode.Rendition{Name: SourceName, Width: test.width, Height: test.height, FPS: 30, Bitrate: 2_000_000}
		}
		beside := l.beside(test.video, source)
		require.Equal(t, test.want, beside.String())
		o := transcode.Options{Dir: "d", Video: test.video, Passthrough: source, Ladder: beside}
		require.NoError(t, o.Validate())
	}
	layer := transcode.Rendition{Name: "layer", Width: 1280, Height: 720, FPS: 30, Bitrate: 900_000, Layer: 1}
	require.Equal(t, "720p 480p 240p 720p-h265 480p-av1", withLayers(codecLadder(), []transcode.Rendition{layer}).String())
	require.Equal(t, 1, withLayers(codecLadder(), []transcode.Rendition{layer})[0].Layer, "in the place of one of H.264")
	_, err := l.alternativeOf(blackKeys()[0])
	require.ErrorContains(t, err, "renditions of AV1")
}

// TestOtherCodecsGoFirst says what is gone, and has it back.
func TestOtherCodecsGoFirst(t *testing.T) {
	l := newLadder(codecLadder())
	l.standIns(renditions(transcode.Options{Video: depay.VP8, Ladder: l.now}))
	l.reduce(&transcode.SlowError{Speed: 0.95})
	require.Equal(t, "720p 480p 240p 480p-av1", l.now.String())
	require.Contains(t, l.reason, "720p-h265 shows the same")
	var offered []string
	for _, r := range l.standIns(renditions(transcode.Options{Video: depay.VP8, Ladder: l.now})) {
		offered = append(offered, r.ID+" "+r.Rep)
	}
	require.Equal(t, []string{"720p 0", "480p 1", "240p 2", "720p-h265 0", "480p-av1 3"}, offered)
	more := l.candidates(depay.VP8, transcode.Options{Video: depay.VP8, Ladder: l.now})
	require.Len(t, more, 1)
	l.grow(more[0])
	require.Equal(t, codecLadder(), l.now)
	require.Empty(t, l.reason)
}

// TestRelieve does to the ladder what has been decided, and nothing when it has not.
func TestRelieve(t *testing.T) {
	b := &Broadcast{ladder: newLadder(transcode.DefaultLadder()), log: slog.New(slog.DiscardHandler)}
	b.relieve(noRelief, errors.New("killed"))
	require.Zero(t, b.ladder.reductions)
	b.relieve(reduceLadder, fmt.Errorf("ffmpeg: %w", &transcode.SlowError{Speed: 0.2}))
	require.Equal(t, 1, b.ladder.reductions)
	require.Equal(t, "240p", b.ladder.now.String())
	require.False(t, b.ladder.alone)
	b.relieve(encodeNone, &transcode.SlowError{Speed: 0.2})
	require.Equal(t, 2, b.ladder.reductions)
	require.True(t, b.ladder.alone)
}
