package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// TestBeginsInTheMiddle has a run begin in the middle of a group, with pictures that become brighter: all that came before are decoded,
// though they are more than wait in the queue, the last is shown, and none of those that follow is lost.
func TestBeginsInTheMiddle(t *testing.T) {
	const earlier, follow = MaxVideoFrames + 16, 10
	const graph = "color=black:s=160x90:r=30,geq=lum='30+2*N':cb=128:cr=128"
	options := func(c depay.Codec) Options {
		return Options{Dir: t.TempDir(), Video: c, Ladder: smallLadder(), Thumbnail: -1, Stall: patience, Grace: patience}
	}
	whole := options(depay.VP8)
	play(t, whole, videoClip(t, depay.VP8, graph, 3))
	eachVideoCodec(t, func(t *testing.T, c depay.Codec) {
		clip, o := videoClip(t, c, graph, 3), options(c)
		o.Earlier = clip[:earlier]
		following := clip[earlier : earlier+follow]
		for i := range following {
			following[i].PTS = int64(i+1) * 3000
		}
		stats := play(t, o, following).Stats()
		require.EqualValues(t, 1+follow, stats.Progress.Frame)
		require.EqualValues(t, follow, stats.Video.In)
		for i, r := range o.Representations() {
			sent, shown := lumaOf(t, joined(t, whole.Dir, whole.Representations()[i])), lumaOf(t, joined(t, o.Dir, r))
			require.Len(t, shown, 1+follow)
			for i, luma := range shown {
				require.InDelta(t, sent[earlier-1+i], luma, 1, "picture %d", i)
			}
		}
	})
}

// TestEarlierPicturesMakeRoom has what comes while earlier pictures are decoded wait for its turn.
func TestEarlierPicturesMakeRoom(t *testing.T) {
	key := depay.Frame{Codec: depay.VP8, Key: true, Width: 64, Height: 48, Data: []byte("key")}
	j, err := NewJob(Options{Dir: t.TempDir(), Video: depay.VP8, Earlier: append([]depay.Frame{key}, make([]depay.Frame, 4*earlierPace-1)...)})
	require.NoError(t, err)
	for i := range MaxVideoFrames + 5 {
		require.NoError(t, j.WriteFrame(depay.Frame{Codec: depay.VP8, PTS: int64(100 + i), Data: []byte("picture")}))
	}
	require.EqualValues(t, 1, j.Stats().Video.Dropped, "four more than otherwise")
	require.EqualValues(t, MaxVideoFrames+4, j.Stats().Video.Queued)
}

func TestEarlierRefused(t *testing.T) {
	key := depay.Frame{Codec: depay.VP8, Key: true}
	for name, test := range map[string]struct {
		earlier     []depay.Frame
		passthrough string
		want        string
	}{
		"too many":         {append([]depay.Frame{key}, make([]depay.Frame, MaxEarlier)...), "", "601 pictures: must be up to 600"},
		"no key frame":     {[]depay.Frame{{Codec: depay.VP8}}, "", "they do not begin with a key frame of the video"},
		"of another codec": {[]depay.Frame{{Codec: depay.H264, Key: true}}, "", "they do not begin with a key frame of the video"},
		"passed through":   {[]depay.Frame{key}, "source", "pictures that are passed through cannot be left out"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: "x", Video: depay.VP8, Earlier: test.earlier, Passthrough: Rendition{Name: test.passthrough}}
			require.ErrorContains(t, o.Validate(), "Earlier: "+test.want)
		})
	}
}
