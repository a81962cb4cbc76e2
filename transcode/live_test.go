package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp8"
)

// Every picture is answered before the next one is written, whatever its codec, with its own time; and there is a key frame each second.
func TestLiveFilterAnswersEachPicture(t *testing.T) {
	for _, codec := range []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} {
		t.Run(codec.String(), func(t *testing.T) {
			frames := videoClip(t, codec, "testsrc=s=64x48:r=10", 2)
			f, err := StartLiveFilter(LiveOptions{Codec: codec, Width: 64, Height: 48, Transform: TransformMonochrome})
			require.NoError(t, err)
			defer f.Close()
			require.Greater(t, len(frames), 12)
			for i, frame := range frames {
				written := 3 * (frame.PTS - frames[0].PTS) // 10 a second
				require.NoError(t, f.Write(written, frame.Data))
				at, picture, err := f.Read()
				require.NoError(t, err)
				require.Equal(t, written, at)
				header, err := vp8.ParseHeader(picture)
				require.NoError(t, err)
				require.Equal(t, i%10 == 0, header.Key, "picture %d", i)
			}
		})
	}
}

func TestLiveFilterRefusals(t *testing.T) {
	_, err := StartLiveFilter(LiveOptions{Codec: depay.Opus, Width: 64, Height: 48})
	require.ErrorContains(t, err, "cannot be decoded")
	_, err = StartLiveFilter(LiveOptions{Codec: depay.VP8, Width: 1, Height: 48})
	require.ErrorContains(t, err, "1x48")
	_, err = StartLiveFilter(LiveOptions{Codec: depay.VP8, Width: 64, Height: 48, Transform: TransformLogo})
	require.ErrorContains(t, err, "no logo")
}

// Pictures are made no larger than 720p, whichever way they stand, and keep their shape.
func TestLiveSize(t *testing.T) {
	for _, c := range [][4]int{{64, 48, 64, 48}, {1920, 1080, 1280, 720}, {1080, 1920, 720, 1280}, {853, 479, 854, 480}, {4096, 2, 1280, 2}} {
		width, height := LiveOptions{Width: c[0], Height: c[1]}.size()
		require.Equal(t, c[2:], []int{width, height})
	}
}
