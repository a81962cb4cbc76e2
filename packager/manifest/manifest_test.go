package manifest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/timeline"
)

// renditionsOf are a ladder of one rendition, audio, and between them video of more codecs.
func renditionsOf(codecs ...string) []Rendition {
	video := func(id, codec string, width, height int) Rendition {
		return Rendition{Playlist: id + ".m3u8", Description: timeline.Description{
			Rendition: timeline.Rendition{ID: id, Video: true, FPS: 30}, Bandwidth: 1_000_000, Average: 900_000,
			Init: cmaf.Init{Codec: codec, Video: true, Width: width, Height: height, Timescale: 90000},
		}}
	}
	renditions := []Rendition{video("480p", "avc1.64001F", 854, 480)}
	for _, codec := range codecs {
		renditions = append(renditions, video("source", codec, 1280, 720))
	}
	return append(renditions, Rendition{Playlist: "audio.m3u8", Description: timeline.Description{
		Rendition: timeline.Rendition{ID: "audio"}, Bandwidth: 140_000, Average: 138_000,
		Init: cmaf.Init{Codec: "mp4a.40.2", SampleRate: 48000, Channels: 2, Timescale: 48000},
	}})
}

// TestSetsOfCodecs gives each codec a set of its own, whose id does not depend on what else there is, and says with which one players
// are to begin.
func TestSetsOfCodecs(t *testing.T) {
	for _, c := range []struct {
		codec    string
		ids      []int
		priority []int
		roles    []string
	}{
		{"avc1.42C01E", []int{1, 2}, []int{0, 0}, []string{"main", "main"}},
		{"vp09.00.31.08", []int{1, 2, 3}, []int{2, 0, 0}, []string{"main", "main", "alternate"}},
		{"av01.0.05M.08", []int{1, 2, 4}, []int{2, 0, 0}, []string{"main", "main", "alternate"}},
		{"hvc1.1.6.L93.90", []int{1, 2, 5}, []int{2, 0, 0}, []string{"main", "main", "alternate"}},
	} {
		sets := AdaptationSets(renditionsOf(c.codec), func(Rendition) dash.SegmentTemplate { return dash.SegmentTemplate{} })
		var ids, priorities []int
		var roles []string
		for _, set := range sets {
			ids, priorities, roles = append(ids, set.ID), append(priorities, set.Priority), append(roles, set.Roles[0].Value)
			for _, r := range set.Representations {
				require.Equal(t, set.ContentType == "audio", r.ID == "audio")
				require.Equal(t, set.ID > setAudio, r.ID == "source" && c.codec != "avc1.42C01E")
			}
		}
		require.Equal(t, c.ids, ids, c.codec)
		require.Equal(t, c.priority, priorities, c.codec)
		require.Equal(t, c.roles, roles, c.codec)
		require.Equal(t, 1280, max(sets[0].MaxWidth, sets[len(sets)-1].MaxWidth))
	}
}

// TestScores says which variants are to be preferred where there are several codecs, and nothing where there are not.
func TestScores(t *testing.T) {
	for codec, scores := range map[string][]int{"avc1.42C01E": {0, 0}, "vp09.00.31.08": {2, 1}, "av01.0.05M.08": {2, 1}, "hvc1.1.6.L93.90": {2, 1}} {
		list := Multivariant(renditionsOf(codec))
		require.NoError(t, list.Validate())
		require.Len(t, list.Variants, 2)
		for i, v := range list.Variants {
			require.Equal(t, scores[i], v.Score, codec)
		}
		require.Equal(t, codec+",mp4a.40.2", list.Variants[1].Codecs)
	}
	silent := Multivariant(renditionsOf()[1:])
	require.Zero(t, silent.Variants[0].Score, "audio only")
}
