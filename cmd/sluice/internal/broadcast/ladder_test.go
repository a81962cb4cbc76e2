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
	for l.maxLag(depay.VP8, transcode.Rendition{}, l.now) > 0 {
		before := l.now
		l.reduce(&transcode.SlowError{Speed: 0.99})
		require.NotEqual(t, before, l.now)
		names, _ := renditions()
		require.Equal(t, []string{"720p", "480p", "240p", "audio"}, names)
		t.Log(l.reason)
	}
	_, reps = renditions()
	require.Equal(t, []string{"0", "0", "0", "1"}, reps)
	require.Contains(t, l.reason, "240p, 426x240 with the preset ultrafast; 720p 480p shows the same.")
	whole := newLadder(transcode.DefaultLadder())
	require.Zero(t, whole.maxLag(0, transcode.Rendition{}, whole.now), "sound has no ladder")
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
	require.Equal(t, maxLag, l.maxLag(depay.H264, source, l.beside(depay.H264, source)))

	l.encodeNone(&transcode.SlowError{Speed: 0.5})
	require.Zero(t, l.maxLag(depay.H264, source, l.beside(depay.H264, source)))
	ids, reps = offer()
	require.Equal(t, []string{"source", "720p", "480p", "240p", "audio"}, ids)
	require.Equal(t, []string{"0", "0", "0", "0", "1"}, reps)
	require.Contains(t, l.reason, "the publisher's own pictures only; 720p 480p 240p shows the same.")

	fresh := newLadder(transcode.DefaultLadder())
	l, source.Width, source.Height = fresh, 320, 180
	ids, _ = offer()
	require.Equal(t, []string{"source", "audio"}, ids, "nobody is offered what is not made")
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
