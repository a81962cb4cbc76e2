package transcode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/vp9"
)

const second = 90000 // ticks

// eachCopiedCodec runs a test for every codec that is copied.
func eachCopiedCodec(t *testing.T, test func(t *testing.T, c depay.Codec)) {
	for _, c := range []depay.Codec{depay.H264, depay.VP9, depay.AV1} {
		t.Run(c.String(), func(t *testing.T) { test(t, c) })
	}
}

// copyOptions are those of a run that copies pictures of 30 a second.
func copyOptions(c depay.Codec) Options {
	return Options{Video: c, Copy: copied(), Ladder: Ladder{}}.withDefaults()
}

// copier is a copiedFrames that writes to memory.
type copier struct {
	*copiedFrames
	video depay.Codec
	file  bytes.Buffer
	asked int
}

func newCopier(t testing.TB, video depay.Codec) *copier {
	t.Helper()
	c := &copier{video: video}
	o := copyOptions(video)
	o.Dir, o.RequestKeyFrame = "d", func() { c.asked++ }
	j, err := NewJob(o)
	require.NoError(t, err)
	c.copiedFrames = newCopiedFrames(ivfFrames{ivf.NewWriter(&c.file, ivf.Header{FourCC: ivf.H264})}, j)
	return c
}

// writtenPicture is one that was written.
type writtenPicture struct {
	pts  int64
	key  bool
	data []byte
}

func (c *copier) pictures(t testing.TB) (all []writtenPicture) {
	t.Helper()
	r, err := ivf.NewReader(&c.file)
	require.NoError(t, err)
	for {
		pts, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, writtenPicture{pts: pts, key: isKey(c.video, data), data: bytes.Clone(data)})
	}
}

// keyed is a clip of 30 pictures a second with key frames at those seconds.
func keyed(t testing.TB, c depay.Codec, size string, seconds int, at string) []depay.Frame {
	t.Helper()
	return videoClip(t, c, "testsrc2=r=30:s="+size, seconds, "-force_key_frames", at, "-g", "9999")
}

// TestCopyPutsPicturesOnTheGrid moves pictures about as networks do: what is written has a place each, and no place is empty.
func TestCopyPutsPicturesOnTheGrid(t *testing.T) { eachCopiedCodec(t, checkGrid) }

func checkGrid(t *testing.T, video depay.Codec) {
	clip := keyed(t, video, "64x64", 4, "0,1,2,3")
	even := func(i int) int64 { return int64(i) * 3000 }
	for _, test := range []struct {
		name   string
		clip   []depay.Frame
		pts    func(i int) int64
		extras bool
	}{
		{"as they should", clip, even, false},
		{"with jitter", clip, func(i int) int64 { return even(i) + int64(i*7919%3600) - 1800 }, false},
		{"half as many", clip[:60], func(i int) int64 { return 2 * even(i) }, false},
		{"at 24 a second", clip[:96], func(i int) int64 { return int64(i) * 3750 }, false},
		{"a clock that is slow", clip, func(i int) int64 { return int64(i) * 3050 }, false},
		{"a clock that is fast", clip, func(i int) int64 { return int64(i) * 2950 }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCopier(t, video)
			off := int64(0)
			for i, f := range test.clip {
				f.PTS, f.Key = test.pts(i), false
				if i > 0 && f.PTS <= 0 {
					f.PTS = 1
				}
				require.NoError(t, c.WriteFrame(f))
				off = max(off, f.PTS-c.last, c.last-f.PTS)
			}
			require.LessOrEqual(t, off, int64(2*3000), "ticks that a picture is off its time")
			written, at := c.pictures(t), int64(0)
			for _, p := range written {
				if p.pts%3000 != 0 {
					require.True(t, test.extras)
					require.Equal(t, at-3000+3000/extraParts, p.pts)
					require.False(t, p.key)
					continue
				}
				require.Equal(t, at, p.pts)
				at += 3000
			}
			require.Equal(t, test.extras, c.copiedFrames.extras.Load() > 0)
			require.GreaterOrEqual(t, len(written), len(test.clip), "nothing is left out")
		})
	}
}

// TestCopyBeginsAtZero begins late, as after another run: the key frame is repeated up to when it came, where segments begin too.
func TestCopyBeginsAtZero(t *testing.T) {
	eachCopiedCodec(t, func(t *testing.T, video depay.Codec) {
		c := newCopier(t, video)
		clip := keyed(t, video, "64x64", 1, "0")
		for _, f := range clip {
			f.PTS += 5 * second
			require.NoError(t, c.WriteFrame(f))
		}
		written := c.pictures(t)
		require.Len(t, written, 6*30)
		for i, p := range written {
			require.EqualValues(t, i*3000, p.pts)
			require.Equal(t, i%60 == 0, p.key, "picture %d", i)
			came := slices.ContainsFunc(clip, func(f depay.Frame) bool { return bytes.Equal(f.Data, p.data) })
			require.Equal(t, i%60 != 0 && i < 151, !p.key && !came, "picture %d repeats", i)
		}
	})
}

func TestCopyWaitsForTheFirstKeyFrame(t *testing.T) {
	eachCopiedCodec(t, func(t *testing.T, video depay.Codec) {
		c := newCopier(t, video)
		clip := keyed(t, video, "64x64", 2, "0,1")
		for _, f := range clip[1:] {
			require.NoError(t, c.WriteFrame(f))
		}
		written := c.pictures(t)
		require.True(t, written[0].key)
		require.Len(t, written, 2*30)
	})
}

// TestCopyRepeatsLoneKeyFrame leaves the places behind a key frame empty that came just before a segment may begin. What repeats a
// key frame of VP9 is one as well to ffmpeg's decoder, and so to the encoder of the rungs beside it: the segment has to begin in the
// copy too. With the other codecs it waits for the publisher.
func TestCopyRepeatsLoneKeyFrame(t *testing.T) {
	eachCopiedCodec(t, func(t *testing.T, video depay.Codec) {
		clip := keyed(t, video, "64x64", 3, "0,1.9")
		for _, fillers := range []bool{false, true} {
			c := newCopier(t, video)
			for i, f := range clip {
				if i > 57 && i < 70 {
					if !fillers {
						continue
					}
					f = depay.Frame{Codec: video, PTS: f.PTS, Filler: true, Data: c.codec.repeat().data}
				}
				require.NoError(t, c.WriteFrame(f))
			}
			var keys []int64
			for _, p := range c.pictures(t) {
				if p.key {
					keys = append(keys, p.pts/3000)
				}
			}
			want := []int64{0, 57}
			if video == depay.VP9 {
				want = append(want, 60)
			}
			require.Equal(t, want, keys)
		}
	})
}

// TestCopyAsksForKeyFrames counts the requests: one in each interval that has no key frame, and again while none comes.
func TestCopyAsksForKeyFrames(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		asked      int
	}{
		{"on time", "0,1,2,3", 0},
		{"late", "0,1.2,2.1,3.3", 3},
		{"one is late twice", "0,1.7,2,3", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCopier(t, depay.H264)
			for _, f := range keyed(t, depay.H264, "64x64", 4, test.keys) {
				require.NoError(t, c.WriteFrame(f))
			}
			require.Equal(t, test.asked, c.asked)
		})
	}
}

// A key frame each second is enough, though one is a picture too early and the next one a picture too late.
func TestCopyWithKeyFramesEachSecond(t *testing.T) {
	c := newCopier(t, depay.H264)
	for _, f := range keyed(t, depay.H264, "64x64", 5, "0,0.967,1.967,3.034,4.034") {
		require.NoError(t, c.WriteFrame(f))
	}
	require.EqualValues(t, 121*second/30, c.key, "the last key frame, in ticks")
}

func TestCopyEnds(t *testing.T) { eachCopiedCodec(t, checkCopyEnds) }

func checkCopyEnds(t *testing.T, video depay.Codec) {
	clip := keyed(t, video, "64x64", 4, "0,2")
	without := func(frames []depay.Frame, from, to int) []depay.Frame {
		return append(append([]depay.Frame(nil), frames[:from]...), frames[to:]...)
	}
	later := hidden(t, videoClip(t, video, "testsrc2=r=30:s=64x64", 1, reordering[video]...))
	for _, test := range []struct {
		name   string
		frames []depay.Frame
		scale  float64 // of the times
		cause  CopyCause
		at     time.Duration
		again  bool
	}{
		{"no key frame", keyed(t, video, "64x64", 5, "0"), 1, KeyFrameLate, 3100 * time.Millisecond, false},
		{"key frames before and after", keyed(t, video, "64x64", 4, "0,1.5,3.5"), 1, KeyFrameMisplaced, 3100 * time.Millisecond, true},
		{"a hole of 5 s", append(clip[:30:30], shift(clip[60:], 5*second)...), 1, KeyFrameMissing, 3100 * time.Millisecond, true},
		{"fillers only", fillers(clip[0], clip[1:90], 4), 1, KeyFrameMissing, 3100 * time.Millisecond, true},
		{"another size", append(clip[:45:45], shift(keyed(t, video, "80x64", 1, "0"), second*3/2)...), 1, ParametersChanged, 1500 * time.Millisecond, true},
		{"pictures for later", later, 1, PicturesReordered, 0, false},
		{"more than twice as many", clip, 0.4, PicturesTooMany, 0, true},
		{"something else", append(without(clip, 2, len(clip)), depay.Frame{Codec: video, PTS: 6000, Data: []byte("hello")}), 1, PicturesUnreadable, 67 * time.Millisecond, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCopier(t, video)
			var err error
			for _, f := range test.frames {
				f.PTS = int64(float64(f.PTS) * test.scale)
				if err = c.WriteFrame(f); err != nil {
					break
				}
			}
			var ended *CopyError
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

func TestCopyOf(t *testing.T) {
	clip := func(more ...string) []depay.Frame {
		return videoClip(t, depay.H264, "testsrc2=r=30:s=322x180", 1, more...)
	}
	r, err := CopyOf(clip()[0], "source", 30)
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
		{"a codec that is not copied", vp8Clip(t, "testsrc2=r=30:s=322x180", 1)[0], 30, "VP8 is not copied"},
		{"a rate of odd ticks", clip()[0], 7, "not a whole number of ticks"},
		{"4:4:4", clip("-pix_fmt", "yuv444p", "-profile:v", "high444")[0], 30, "profile 244"},
		{"interlaced", clip("-profile:v", "high", "-flags", "+ildct+ilme")[0], 30, "interlaced"},
		{"B-frames", clip("-profile:v", "main", "-tune", "ssim", "-bf", "2", "-preset", "fast")[0], 30, "not be in the order"},
		{"samples that are not square", clip("-vf", "setsar=4/3")[0], 30, "not square"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := CopyOf(test.key, "source", test.fps)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestCopyOfVP9AndAV1(t *testing.T) {
	for _, video := range []depay.Codec{depay.VP9, depay.AV1} {
		t.Run(video.String(), func(t *testing.T) {
			clip := func(size string, more ...string) []depay.Frame {
				return videoClip(t, video, "testsrc2=r=30:s="+size, 1, more...)
			}
			r, err := CopyOf(clip("322x180")[0], "source", 30)
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
				_, err := CopyOf(test.key, "source", 30)
				require.ErrorContains(t, err, test.want, test.name)
			}
		})
	}
}

func FuzzCopiedFrames(f *testing.F) {
	codecs := []depay.Codec{depay.H264, depay.VP9, depay.AV1}
	var clips [][]depay.Frame
	for number, c := range codecs {
		clips = append(clips, keyed(f, c, "32x32", 1, "0"))
		for i, frame := range clips[number] {
			f.Add(uint8(number), frame.Data, int64(i)*3000)
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, data []byte, pts int64) {
		number %= uint8(len(codecs))
		c := newCopier(t, codecs[number])
		require.NoError(t, c.WriteFrame(clips[number][0]))
		pts %= 20 * second // beyond a hole of half a minute no frame comes here
		if err := c.WriteFrame(depay.Frame{Codec: codecs[number], PTS: pts, Data: data}); err != nil {
			require.ErrorAs(t, err, new(*CopyError))
		}
		last := int64(-1)
		for _, p := range c.pictures(t) {
			require.Greater(t, p.pts, last)
			last = p.pts
		}
	})
}

func BenchmarkCopiedFrames(b *testing.B) {
	for _, video := range []depay.Codec{depay.H264, depay.VP9, depay.AV1} {
		b.Run(video.String(), func(b *testing.B) { benchmarkCopied(b, video) })
	}
}

func benchmarkCopied(b *testing.B, video depay.Codec) {
	clip := keyed(b, video, "1280x720", 2, "0,1")
	size := 0
	for _, f := range clip {
		size += len(f.Data)
	}
	c := newCopier(b, video)
	c.ivf = ivfFrames{ivf.NewWriter(io.Discard, ivf.Header{FourCC: ivf.H264})}
	b.SetBytes(int64(size / len(clip)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := clip[i%len(clip)]
		f.PTS = int64(i) * 3000
		if err := c.WriteFrame(f); err != nil {
			b.Fatal(fmt.Errorf("picture %d: %w", i, err))
		}
	}
}
