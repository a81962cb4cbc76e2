package broadcast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

func layerOf(number, width, height int) transcode.Rendition {
	return transcode.Rendition{Name: "layer", Width: width, Height: height, FPS: 30, Bitrate: 500_000, Layer: number}
}

// TestLayersTakeRenditions puts layers where they fit, under the names of the renditions that they stand for, and encodes the rest.
func TestLayersTakeRenditions(t *testing.T) {
	source := transcode.Rendition{Name: SourceName, Width: 1280, Height: 720, FPS: 30, Bitrate: 2_000_000}
	for name, test := range map[string]struct {
		layers []transcode.Rendition
		want   map[string]int // layers by rendition; 0: encoded
	}{
		"half and a quarter":              {[]transcode.Rendition{layerOf(1, 640, 360), layerOf(2, 320, 180)}, map[string]int{"480p": 1, "240p": 2}},
		"in another order":                {[]transcode.Rendition{layerOf(1, 320, 180), layerOf(2, 640, 360)}, map[string]int{"480p": 2, "240p": 1}},
		"one has not come":                {[]transcode.Rendition{layerOf(1, 320, 180)}, map[string]int{"480p": 0, "240p": 1}},
		"one is too small":                {[]transcode.Rendition{layerOf(1, 640, 360), layerOf(2, 160, 90)}, map[string]int{"480p": 1, "240p": 0}},
		"one is as large as the best":     {[]transcode.Rendition{layerOf(1, 1280, 720)}, map[string]int{"480p": 0, "240p": 0}},
		"two that fit the same rendition": {[]transcode.Rendition{layerOf(1, 960, 540), layerOf(2, 854, 480)}, map[string]int{"480p": 2, "240p": 0}},
		"a portrait phone's":              {[]transcode.Rendition{layerOf(1, 360, 640)}, map[string]int{"480p": 1, "240p": 0}},
		"the nearest pair first":          {[]transcode.Rendition{layerOf(1, 640, 480), layerOf(2, 480, 270)}, map[string]int{"480p": 1, "240p": 2}},
		"none":                            {nil, map[string]int{"480p": 0, "240p": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLadder(transcode.DefaultLadder())
			beside := l.beside(depay.H264, source, test.layers...)
			got := map[string]int{}
			for _, r := range beside {
				got[r.Name] = r.Layer
			}
			require.Equal(t, test.want, got)
			o := transcode.Options{Dir: "d", Video: depay.H264, Passthrough: source, Ladder: beside}
			require.NoError(t, o.Validate())
			described := l.standIns(renditions(o))
			require.NoError(t, timeline.EpochOptions{Renditions: described}.Validate())
			for _, r := range described[1:] {
				require.Equal(t, got[r.ID] > 0, r.Copied, r.ID)
			}
			l.encodeNone(&transcode.SlowError{Speed: 0.5})
			for _, r := range l.beside(depay.H264, source, test.layers...) {
				require.Positive(t, r.Layer, "nothing is encoded any more")
			}
		})
	}
}

// TestEntryOfLayers finds the key frames that show the same picture.
func TestEntryOfLayers(t *testing.T) {
	picture := func(layer int, timestamp uint32, key bool) depay.Frame {
		return depay.Frame{Codec: depay.H264, Layer: layer, RTPTime: timestamp, PTS: int64(timestamp), Key: key}
	}
	sound := depay.Frame{Codec: depay.Opus, Key: true}
	require.False(t, entryOf([]depay.Frame{sound, picture(1, 3000, true), picture(0, 3000, false)}).found(), "of the best layer there is none")
	held := []depay.Frame{
		picture(1, 3090, true), picture(0, 3000, true), sound, picture(1, 6090, false), picture(0, 6000, false),
		picture(2, 9090, true), picture(1, 9090, true), picture(0, 9000, true), picture(1, 12090, false), sound,
	}
	s := entryOf(held)
	require.True(t, s.found())
	require.EqualValues(t, 9000, s.key.PTS)
	require.Len(t, s.layers, 2)
	require.Equal(t, []depay.Frame{picture(1, 9090, true), picture(2, 9090, true), sound, picture(0, 9000, true), picture(1, 12090, false), sound}, s.follows(held))
	require.Empty(t, s.renditions(30), "they cannot be read")
}

// TestLayersStopped does not take a pause of all layers, or a short one of one, for the end of one.
func TestLayersStopped(t *testing.T) {
	l := layers{taps: []media.Layer{{Name: "h"}, {Name: "q"}}, tried: []string{"h", "q"}, passed: []int{1, 2}}
	now := time.Now()
	at := func(after time.Duration, flowing ...string) bool { return l.stopped(now.Add(after), flowing, "f") }
	require.False(t, at(0, "h", "q"))
	require.False(t, at(time.Second, "h"))
	require.False(t, at(2*time.Second, "h", "q"))
	require.False(t, at(3*time.Second, "h"))
	require.True(t, at(3*time.Second+layerMissing+1, "h"))
	require.False(t, l.stopped(now.Add(time.Hour), []string{"h"}, "q"), "it is the best one by now")
	require.False(t, l.others([]string{"h", "q"}))
	require.True(t, l.others([]string{"h", "e"}))
	require.True(t, l.passes(depay.Frame{Layer: 2}))
	require.False(t, l.passes(depay.Frame{Layer: 3}))
}

// TestPassOnForNobody has a publisher leave while a layer's key frame is waited for: what has come is shown, and nobody is missed.
func TestPassOnForNobody(t *testing.T) {
	b, r := waitingRun(t)
	r.held = codedPictures(t, depay.H264, "320x180", 1, "0")
	r.startAnyway()
	require.True(t, r.works())
	require.True(t, r.passthrough)
	require.Equal(t, 1, b.simulcast.breaks)
	b.finish(nil, false)
	require.Equal(t, StateEnded, b.Status().State)
}

// Layers that came apart too often are tried again, later each time.
func TestLayersRest(t *testing.T) {
	var s simulcast
	now := time.Now()
	for _, rest := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 16 * time.Minute} {
		for range maxLayersApart {
			require.Empty(t, s.off)
			s = s.apart(time.Second, "they came apart")
		}
		s = s.resting(now)
		now = now.Add(rest)
		require.NotEmpty(t, s.rested(now.Add(-1)).off)
		s = s.rested(now)
	}
	require.Empty(t, s.off)
}
