package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// eachVideoCodec runs a test for every codec that pictures may have.
func eachVideoCodec(t *testing.T, test func(t *testing.T, c depay.Codec)) {
	for _, c := range []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} {
		t.Run(c.String(), func(t *testing.T) { test(t, c) })
	}
}

// TestPictureChangesSize lets a publisher do what Chrome does, turn to portrait, and be of odd sides: the canvas stays, and
// so do the parts, of which none is missing.
func TestPictureChangesSize(t *testing.T) {
	eachVideoCodec(t, func(t *testing.T, c depay.Codec) {
		o := Options{Dir: t.TempDir(), Video: c, Audio: depay.Opus, Ladder: smallLadder(), Thumbnail: -1}
		var video []depay.Frame
		for _, size := range []string{"320x180", "640x360", "180x320", "301x227", "400x100", "320x180"} {
			video = append(video, videoClip(t, c, "testsrc2=r=30:s="+evenFor(c, size), 1)...)
		}
		for i := range video {
			video[i].PTS = int64(i) * 3000
		}
		stats := play(t, o, interleave(video, opusClip(t, "sine", 6))).Stats()
		require.EqualValues(t, 180, stats.Progress.Frame)
		require.Zero(t, stats.Progress.Dup+stats.Progress.Drop, "each picture once")
		for _, r := range o.Representations() {
			name := joined(t, o.Dir, r)
			checkRepresentation(t, r, name)
		}
	})
}

// evenFor spares the encoder of H.264 sides that it does not take in 4:2:0.
func evenFor(c depay.Codec, size string) string {
	if c == depay.H264 && size == "301x227" {
		return "302x226"
	}
	return size
}

// TestFirstPictureIsNotLost looks for each picture in what was encoded, from the first on: they become brighter.
func TestFirstPictureIsNotLost(t *testing.T) {
	eachVideoCodec(t, func(t *testing.T, c depay.Codec) {
		o := Options{Dir: t.TempDir(), Video: c, Ladder: smallLadder()[:1], Thumbnail: -1}
		play(t, o, videoClip(t, c, "color=black:s=320x180:r=30,geq=lum='40+6*N':cb=128:cr=128", 1))
		luma := lumaOf(t, joined(t, o.Dir, o.Representations()[0]))
		require.Len(t, luma, 30)
		for i := range luma[1:] {
			require.Greater(t, luma[i+1], luma[i], "picture %d", i+1)
		}
	})
}

// TestColoursAreKept publishes what says nothing of its colours, as browsers do, and what says BT.709, as OBS does: the same
// red is seen after both, and the stream says what it is.
func TestColoursAreKept(t *testing.T) {
	eachVideoCodec(t, func(t *testing.T, c depay.Codec) {
		for _, s := range []struct {
			name, matrix string
			tag          []string
		}{
			{"untold", "bt601", nil},
			{"BT.709", "bt709", []string{"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"}},
		} {
			if c == depay.VP8 && s.tag != nil {
				continue // it cannot say it
			}
			t.Run(s.name, func(t *testing.T) {
				o := Options{Dir: t.TempDir(), Video: c, Ladder: smallLadder()[:1], Thumbnail: -1}
				graph := "color=red:s=320x180:r=30,format=gbrp,scale=out_color_matrix=" + s.matrix + ":out_range=tv,format=yuv420p"
				play(t, o, videoClip(t, c, graph, 1, s.tag...))
				name := joined(t, o.Dir, o.Representations()[0])
				requireColour(t, name)
			})
		}
	})
}

// requireColour looks at the planes themselves: 81, 90, 240 is red in BT.601.
func requireColour(t *testing.T, name string) {
	t.Helper()
	planes := ffmpegOutput(t, "-i", name, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	luma := 320 * 180
	for i, want := range map[int]int{luma / 2: 81, luma + luma/8: 90, luma + luma*3/8: 240} {
		require.InDelta(t, want, int(planes[i]), 3, "sample %d", i)
	}
	_, sps := parameterSets(t, name)
	require.NotNil(t, sps.VUI)
	require.EqualValues(t, 6, sps.VUI.MatrixCoefficients, "BT.601 (ITU-T H.264 table E-5)")
	require.EqualValues(t, 1, sps.VUI.ColourPrimaries)
	require.False(t, sps.VUI.VideoFullRangeFlag)
}
