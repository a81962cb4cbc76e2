package transcode

import (
	"bufio"
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/h264"
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

// What is made at a bit rate is H.264 where that is asked for, without pictures that wait for later ones, with parameter sets at each key frame; or VP8.
// The time of a picture is within a millisecond of that of what it was made of, and of 60 pictures a second half are made.
func TestLiveFilterAtABitrate(t *testing.T) {
	for _, to := range []depay.Codec{depay.VP8, depay.H264} {
		for _, rate := range []int64{10, 60} {
			t.Run(fmt.Sprint(to, " ", rate), func(t *testing.T) {
				frames := videoClip(t, depay.H264, fmt.Sprintf("testsrc=s=640x480:r=%d", rate), 3)
				f, err := StartLiveFilter(LiveOptions{Codec: depay.H264, Width: 640, Height: 480, Encode: to, Bitrate: 100_000, Side: 240})
				require.NoError(t, err)
				defer f.Close()
				made := int64(0)
				for i, frame := range frames {
					written := int64(i) * LiveRate / rate
					require.NoError(t, f.Write(written, frame.Data))
					if rate == 60 && i%2 == 1 {
						continue
					}
					at, picture, err := f.Read()
					require.NoError(t, err)
					require.InDelta(t, written, at, flvTicks)
					made++
					key := made%(min(rate, 30)*2) == 1
					if to == depay.VP8 {
						header, err := vp8.ParseHeader(picture)
						require.NoError(t, err)
						require.Equal(t, key, header.Key, "picture %d", i)
						continue
					}
					types := map[h264.NALType]bool{}
					for nal := range h264.Units(picture) {
						types[h264.Type(nal[0])] = true
						if h264.Type(nal[0]) == h264.TypeSPS {
							require.Equal(t, byte(66), nal[1], "baseline")
							require.NotZero(t, nal[2]&0x40, "and constrained")
						}
					}
					require.Equal(t, key, types[h264.TypeIDR] && types[h264.TypeSPS] && types[h264.TypePPS], "picture %d", i)
				}
			})
		}
	}
}

// What is no FLV of H.264 ends in an error.
func FuzzLiveFLV(f *testing.F) {
	f.Add([]byte("FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00\x09\x00\x00\x05\x00\x00\x01\x00\x00\x00\x00\x17\x01\x00\x00\x00\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := &liveFLV{from: bufio.NewReader(bytes.NewReader(file))}
		for {
			at, _, err := r.Next()
			if err != nil {
				return
			}
			require.GreaterOrEqual(t, at, int64(0))
		}
	})
}

func TestLiveFilterRefusals(t *testing.T) {
	_, err := StartLiveFilter(LiveOptions{Codec: depay.Opus, Width: 64, Height: 48})
	require.ErrorContains(t, err, "cannot be decoded")
	_, err = StartLiveFilter(LiveOptions{Codec: depay.VP8, Width: 64, Height: 48, Encode: depay.AV1})
	require.ErrorContains(t, err, "not encoded live")
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
	width, height := LiveOptions{Width: 1280, Height: 720, Side: 360}.size()
	require.Equal(t, []int{640, 360}, []int{width, height})
}
