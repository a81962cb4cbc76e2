package egress

import (
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

func TestAskWithin(t *testing.T) {
	encodings := []media.Encoding{{Name: "l", Width: 320, Height: 180}, {Name: "m", Width: 640, Height: 360}, {Name: "h", Width: 1280, Height: 720}}
	for _, tt := range []struct {
		ask  Ask
		want string
	}{
		{Ask{}, "lmh"},
		{Ask{Encoding: "m"}, "m"},
		{Ask{Encoding: "gone"}, "lmh"},
		{Ask{Encoding: "gone", Height: 400}, "lm"},
		{Ask{Width: 640}, "lm"},
		{Ask{Height: 719}, "lm"},
		{Ask{Width: 5000, Height: 180}, "l"},
		{Ask{Width: 100}, "l"},
		{Shown(160, 90), "l"},
		{Shown(400, 225), "l"},
		{Shown(400, 400), "l"},
		{Shown(401, 300), "lm"},
		{Shown(640, 360), "lm"},
		{Shown(1920, 1080), "lmh"},
	} {
		got := ""
		for _, e := range tt.ask.within(encodings) {
			got += e.Name
		}
		require.Equal(t, tt.want, got, tt.ask)
	}
	require.Empty(t, Ask{Width: 100}.within(nil))
}

// Less temporal layers cost less, and no more of them are chosen than are asked for.
func TestAskForTemporalLayers(t *testing.T) {
	source := &layered{Track: mediatest.Track(media.KindVideo)}
	for range 64 {
		for _, p := range source.picture() {
			source.Push(p)
			p.Release()
		}
	}
	encodings := []media.Encoding{{Rate: 1000, Track: source.Track}}
	for _, tt := range []struct {
		ask  Ask
		want []uint8
	}{{Ask{}, []uint8{0, 1, allTemporal}}, {Ask{Temporal: 2}, []uint8{0, 1}}, {Ask{Temporal: 1}, []uint8{0}}, {Ask{Temporal: 9}, []uint8{0, 1, 8}}} {
		options, tracks := optionsOf(encodings, highestOf(tt.ask.Temporal))
		require.Len(t, tracks, len(tt.want))
		var got []uint8
		for i, o := range options {
			got = append(got, o.Temporal)
			require.True(t, i == 0 || o.Rate > options[i-1].Rate)
		}
		require.Equal(t, tt.want, got)
	}
}

func TestShownOfUnknownSize(t *testing.T) {
	require.Len(t, Shown(100, 100).within([]media.Encoding{{Name: "l"}, {Name: "h"}}), 2, "none may be large enough")
	require.True(t, Shown(0, 100).None)
	require.Greater(t, Ask{}.pixels(), Shown(4000, 3000).pixels())
}
