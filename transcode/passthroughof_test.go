package transcode

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/vp9"
)

func TestPassthroughOf(t *testing.T) {
	clip := func(more ...string) []depay.Frame {
		return videoClip(t, depay.H264, "testsrc2=r=30:s=322x180", 1, more...)
	}
	r, err := PassthroughOf(clip()[0], "source", 30)
	require.NoError(t, err)
	require.Equal(t, Rendition{Name: "source", Width: 322, Height: 180, FPS: 30, Bitrate: 500_000}, r)
	for _, test := range []struct {
		name string
		key  depay.Frame
		fps  int
		want string
	}{
		{"not a key frame", clip()[1], 30, "unknown parameter set"},
		{"not H.264", depay.Frame{Codec: depay.H264, Data: []byte{1, 2, 3}}, 30, "no slice"},
		{"a codec that is not passed through", vp8Clip(t, "testsrc2=r=30:s=322x180", 1)[0], 30, "VP8 is not passed through"},
		{"a rate of odd ticks", clip()[0], 7, "not a whole number of ticks"},
		{"4:4:4", clip("-pix_fmt", "yuv444p", "-profile:v", "high444")[0], 30, "profile 244"},
		{"interlaced", clip("-profile:v", "high", "-flags", "+ildct+ilme")[0], 30, "interlaced"},
		{"B-frames", clip("-profile:v", "main", "-tune", "ssim", "-bf", "2", "-preset", "fast")[0], 30, "not be in the order"},
		{"samples that are not square", clip("-vf", "setsar=4/3")[0], 30, "not square"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := PassthroughOf(test.key, "source", test.fps)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestPassthroughOfVP9AndAV1(t *testing.T) {
	for _, video := range []depay.Codec{depay.VP9, depay.AV1} {
		t.Run(video.String(), func(t *testing.T) {
			clip := func(size string, more ...string) []depay.Frame {
				return videoClip(t, video, "testsrc2=r=30:s="+size, 1, more...)
			}
			r, err := PassthroughOf(clip("322x180")[0], "source", 30)
			require.NoError(t, err)
			require.Equal(t, Rendition{Name: "source", Width: 322, Height: 180, FPS: 30, Bitrate: 500_000}, r)
			for _, test := range []struct {
				name string
				key  depay.Frame
				want string
			}{
				{"not a key frame", clip("64x64")[1], "read key frame"},
				{"nothing of it", depay.Frame{Codec: video, Data: []byte{1, 2, 3}}, "read key frame"},
				{"odd sides", clip("64x64", "-s", "65x65")[0], "65x65: both sides must be even"},
				{"4:4:4", clip("64x64", "-pix_fmt", "yuv444p")[0], "not 8 bit 4:2:0"},
			} {
				_, err := PassthroughOf(test.key, "source", 30)
				require.ErrorContains(t, err, test.want, test.name)
			}
		})
	}
}

// A picture in spatial layers shows one that is no key frame: renditions beside it would have no segments (FFmpeg takes key frames from what is shown).
func TestPassthroughOfSpatialLayers(t *testing.T) {
	clip := videoClip(t, depay.VP9, "testsrc2=r=30:s=64x64", 1)
	layered := func(key, shown depay.Frame) depay.Frame {
		picture, err := vp9.AppendHidden(nil, key.Data, vp9.Size{Width: 64, Height: 64})
		require.NoError(t, err)
		first := len(picture)
		picture = append(picture, shown.Data...)
		key.Data = vp9.AppendIndex(picture, []int{first, len(shown.Data)})
		return key
	}
	_, err := PassthroughOf(layered(clip[0], clip[1]), "source", 30)
	require.ErrorContains(t, err, "spatial layers")

	_, err = PassthroughOf(clip[0], "source", 30)
	require.NoError(t, err)
	c := &passthroughVP9{}
	require.Zero(t, c.next(clip[0].Data).fault)
	require.Zero(t, c.next(clip[1].Data).fault)
	require.Zero(t, c.next(layered(clip[1], clip[2]).Data).fault, "only a key frame has to be shown")
	require.Equal(t, KeyFrameHidden, c.next(layered(clip[0], clip[1]).Data).fault)
}

func TestPassthroughOfSpatialLayersOfAV1(t *testing.T) {
	clip := videoClip(t, depay.AV1, "testsrc2=r=30:s=64x64", 1)
	_, err := PassthroughOf(clip[0], "source", 30)
	require.NoError(t, err)
	delimiter := len(av1.AppendTemporalDelimiter(nil))
	both := clip[0]
	both.Data = append(slices.Clone(clip[0].Data), clip[1].Data[delimiter:]...)
	_, err = PassthroughOf(both, "source", 30)
	require.ErrorContains(t, err, "spatial layers")
}
