package transcode

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp8"
)

const pictureW, pictureH = 64, 48

// plainPicture has one colour.
func plainPicture(y, u, v byte) []byte {
	const area = pictureW * pictureH
	return bytes.Join([][]byte{bytes.Repeat([]byte{y}, area), bytes.Repeat([]byte{u}, area/4), bytes.Repeat([]byte{v}, area/4)}, nil)
}

// Every picture is answered before the next one is written, so an ffmpeg that held one back would be found here.
func TestPictureFilterAnswersEachPicture(t *testing.T) {
	logo := imageFile(t, "logo.png", "red", "64x48")
	for _, transform := range Transforms() {
		if transform == TransformFaces { // no filter has it
			continue
		}
		t.Run(string(transform), func(t *testing.T) {
			f, err := StartPictureFilter(PictureOptions{Width: pictureW, Height: pictureH, Transform: transform, Title: "cam", Logo: logo})
			require.NoError(t, err)
			defer f.Close()
			for i := range 3 {
				picture := plainPicture(byte(60+50*i), 90, 200)
				require.NoError(t, f.Change(picture, time.Duration(i)*700*time.Millisecond))
				switch transform {
				case TransformMonochrome:
					require.Equal(t, plainPicture(byte(60+50*i), 128, 128), picture, "without colours")
				case TransformEdges:
					require.Less(t, picture[pictureW*pictureH/2], byte(20), "nothing has contours")
				case TransformMirror, TransformBlur:
					require.Equal(t, plainPicture(byte(60+50*i), 90, 200), picture)
				case TransformClock, TransformLogo:
					require.NotEqual(t, plainPicture(byte(60+50*i), 90, 200), picture)
				}
			}
		})
	}
}

func TestPictureEncoderAnswersEachPicture(t *testing.T) {
	e, err := StartPictureEncoder(PictureOptions{Width: pictureW, Height: pictureH})
	require.NoError(t, err)
	defer e.Close()
	for i, key := range []bool{true, false, true, false} { // at 0, 1, 2 and 3 s
		frame, err := e.Encode(plainPicture(byte(60+20*i), 90, 200), time.Duration(i)*time.Second)
		require.NoError(t, err)
		header, err := vp8.ParseHeader(frame)
		require.NoError(t, err)
		require.Equal(t, key, header.Key, "picture %d", i)
	}
}

func TestPictureRefusals(t *testing.T) {
	_, err := StartPictureEncoder(PictureOptions{Width: 63, Height: 48})
	require.ErrorContains(t, err, "even")
	_, err = StartPictureFilter(PictureOptions{Width: 64, Height: 48, Transform: "swirl"})
	require.ErrorContains(t, err, "swirl")
	_, err = StartPictureEncoder(PictureOptions{Width: 64, Height: 48, FFmpeg: "/nowhere/ffmpeg"})
	require.ErrorContains(t, err, "apt-get install ffmpeg")
	f, err := StartPictureFilter(PictureOptions{Width: 64, Height: 48, Transform: TransformMirror})
	require.NoError(t, err)
	require.ErrorContains(t, f.Change(make([]byte, 5), 0), "5 bytes")
	f.Close()
	require.Error(t, f.Change(plainPicture(1, 2, 3), 0), "it has ended")
}
