package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp9"
)

func TestPassthroughEnds(t *testing.T) { eachPassthroughCodec(t, checkPassthroughEnds) }

func checkPassthroughEnds(t *testing.T, video depay.Codec) {
	clip := keyed(t, video, "64x64", 4, "0,2")
	const standstill = second * 7 / 5
	without := func(frames []depay.Frame, from, to int) []depay.Frame {
		return append(append([]depay.Frame(nil), frames[:from]...), frames[to:]...)
	}
	later := hidden(t, videoClip(t, video, "testsrc2=r=30:s=64x64", 1, reordering[video]...))
	for _, test := range []struct {
		name   string
		frames []depay.Frame
		scale  float64 // of the times
		cause  PassthroughCause
		at     time.Duration
		again  bool
	}{
		{"no key frame", keyed(t, video, "64x64", 5, "0"), 1, KeyFrameLate, 3100 * time.Millisecond, false},
		{"key frames before and after", keyed(t, video, "64x64", 4, "0,1.5,3.5"), 1, KeyFrameMisplaced, 3100 * time.Millisecond, true},
		{"late pictures", append(clip[:51:51], shift(clip[51:], standstill)...), 1, KeyFrameMisplaced, 3133 * time.Millisecond, true},
		{"a hole of 5 s", append(clip[:30:30], shift(clip[60:], 5*second)...), 1, KeyFrameMissing, 3100 * time.Millisecond, true},
		{"fillers only", fillers(clip[0], clip[1:90], 4), 1, KeyFrameMissing, 3100 * time.Millisecond, true},
		{"another size", append(clip[:45:45], shift(keyed(t, video, "80x64", 1, "0"), second*3/2)...), 1, ParametersChanged, 1500 * time.Millisecond, true},
		{"pictures for later", later, 1, PicturesReordered, 0, false},
		{"more than twice as many", clip, 0.4, PicturesTooMany, 0, true},
		{"something else", append(without(clip, 2, len(clip)), depay.Frame{Codec: video, PTS: 6000, Data: []byte("hello")}), 1, PicturesUnreadable, 67 * time.Millisecond, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newMemoryFrames(t, video)
			var err error
			for _, f := range test.frames {
				f.PTS = int64(float64(f.PTS) * test.scale)
				if err = c.WriteFrame(f); err != nil {
					break
				}
			}
			var ended *PassthroughError
			require.ErrorAs(t, err, &ended)
			require.Equal(t, test.cause, ended.Cause, "%v", err)
			require.Equal(t, test.again, ended.Again())
			if test.at > 0 {
				require.InDelta(t, test.at.Seconds(), ended.At.Seconds(), 0.04)
			}
			require.ErrorContains(t, err, test.cause.String())
		})
	}
}

// reordering makes encoders code pictures that are shown later than others that follow them.
var reordering = map[depay.Codec][]string{
	depay.H264: {"-profile:v", "main", "-tune", "ssim", "-bf", "2", "-preset", "fast"},
	depay.AV1:  {"-usage", "good", "-lag-in-frames", "16", "-bsf:v", "av1_frame_split"},
}

// hidden lets a picture of VP9 be decoded and not shown, as one that is for later is; its encoder does that in superframes only.
func hidden(t *testing.T, pictures []depay.Frame) []depay.Frame {
	t.Helper()
	if pictures[0].Codec == depay.VP9 {
		data, err := vp9.AppendHidden(nil, pictures[5].Data, vp9.Size{Width: 64, Height: 64})
		require.NoError(t, err)
		pictures[5].Data = data
	}
	return pictures
}

// shift returns the frames some ticks later.
func shift(frames []depay.Frame, ticks int64) []depay.Frame {
	moved := append([]depay.Frame(nil), frames...)
	for i := range moved {
		moved[i].PTS += ticks
	}
	return moved
}

// fillers returns a key frame and some pictures, and for the rest of some seconds the last one again and again, as a filler.
func fillers(key depay.Frame, pictures []depay.Frame, seconds int) []depay.Frame {
	frames := append([]depay.Frame{key}, pictures[:30]...)
	for pts := int64(31 * 3000); pts < int64(seconds)*second; pts += 3000 {
		f := pictures[29]
		f.PTS, f.Filler = pts, true
		frames = append(frames, f)
	}
	return frames
}
