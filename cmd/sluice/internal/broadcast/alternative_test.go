package broadcast

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// blackKeys are key frames of 640x360.
func blackKeys() []depay.Frame {
	return []depay.Frame{
		{Codec: depay.VP9, Key: true, Data: vp9.AppendBlack(nil)},
		{Codec: depay.AV1, Key: true, Data: av1.AppendBlack(nil)},
	}
}

// TestAlternativeOf lets VP9 and AV1 be an alternative rendition where that changes nothing for those who play H.264.
func TestAlternativeOf(t *testing.T) {
	renditions := func(height, fps int) transcode.Rendition {
		return transcode.Rendition{Width: 2 * height, Height: height, FPS: fps}
	}
	for _, key := range blackKeys() {
		for _, test := range []struct {
			name   string
			ladder transcode.Ladder
			fps    int
			fault  string
		}{
			{"one rendition, larger and smaller ones", transcode.DefaultLadder(), 30, ""},
			{"of the same size", transcode.Ladder{renditions(360, 30)}, 30, ""},
			{"at the ladder's rate", transcode.Ladder{renditions(360, 60), renditions(240, 60)}, 60, ""},
			{"larger renditions only", transcode.Ladder{renditions(720, 30), renditions(480, 30)}, 30, "smaller than the smallest rendition"},
			{"renditions of several rates", transcode.Ladder{renditions(720, 60), renditions(240, 30)}, 0, "several rates"},
			{"as many renditions as there may be", make(transcode.Ladder, transcode.MaxRenditions), 0, "8 renditions already"},
		} {
			l := newLadder(test.ladder)
			source, err := l.alternativeOf(key)
			require.Equal(t, test.fps, source.FPS, test.name)
			if test.fault == "" {
				require.NoError(t, err, test.name)
				require.Equal(t, test.ladder, l.beside(key.Codec, source), "the ladder stays as it is")
			} else {
				require.ErrorContains(t, err, test.fault, test.name)
			}
		}
	}
}

// TestAlternativeIsLast offers the renditions before the publisher's own pictures of VP9, and keeps the name when those are encoded.
func TestAlternativeIsLast(t *testing.T) {
	l := newLadder(transcode.DefaultLadder())
	offer := func(video depay.Codec, source transcode.Rendition) (ids, reps []string) {
		o := transcode.Options{Video: video, Audio: depay.Opus, Passthrough: source, Ladder: l.beside(video, source)}
		described := l.standIns(renditions(o))
		require.NoError(t, timeline.EpochOptions{Renditions: described}.Validate())
		for _, r := range described {
			require.Equal(t, r.ID == SourceName && source.Name != "", r.Copied)
			ids, reps = append(ids, r.ID), append(reps, r.Rep)
		}
		return ids, reps
	}
	source, err := l.alternativeOf(blackKeys()[0])
	require.NoError(t, err)
	ids, reps := offer(depay.VP9, source)
	require.Equal(t, []string{"720p", "480p", "240p", "source", "audio"}, ids)
	require.Equal(t, []string{"1", "2", "3", "0", "4"}, reps)
	require.True(t, l.hasLess(depay.VP9, source, l.now))
	ids, reps = offer(depay.VP9, transcode.Rendition{})
	require.Equal(t, []string{"source", "720p", "480p", "240p", "audio"}, ids)
	require.Equal(t, []string{"0", "0", "1", "2", "3"}, reps)
	o := transcode.Options{Video: depay.VP9, Passthrough: source, Ladder: l.now}
	require.Equal(t, "source", renditions(o)[3].ID, "without sound")
}
