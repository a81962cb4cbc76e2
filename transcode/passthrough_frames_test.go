package transcode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
)

const second = 90000 // ticks

// eachPassthroughCodec runs a test for every codec that is passed through.
func eachPassthroughCodec(t *testing.T, test func(t *testing.T, c depay.Codec)) {
	for _, c := range []depay.Codec{depay.H264, depay.VP9, depay.AV1} {
		t.Run(c.String(), func(t *testing.T) { test(t, c) })
	}
}

// passthroughOptions are those of a run that passes through pictures of 30 a second.
func passthroughOptions(c depay.Codec) Options {
	return Options{Video: c, Passthrough: passedThrough(), Ladder: Ladder{}}.withDefaults()
}

// memoryFrames is a passthroughFrames that writes to memory.
type memoryFrames struct {
	*passthroughFrames
	video depay.Codec
	file  bytes.Buffer
	asked int
}

func newMemoryFrames(t testing.TB, video depay.Codec) *memoryFrames {
	t.Helper()
	return framesOf(memoryJob(t, video))
}

// memoryJob is one that never runs.
func memoryJob(t testing.TB, video depay.Codec) *Job {
	t.Helper()
	o := passthroughOptions(video)
	o.Dir = "d"
	j, err := NewJob(o)
	require.NoError(t, err)
	return j
}

// framesOf are the pictures of a job, from the first one.
func framesOf(j *Job) *memoryFrames {
	c := &memoryFrames{video: j.opts.Video}
	c.passthroughFrames = newPassthroughFrames(ivfFrames{ivf.NewWriter(&c.file, ivf.Header{FourCC: ivf.H264})}, j)
	c.ask = func() { c.asked++ }
	return c
}

// writtenPicture is one that was written.
type writtenPicture struct {
	pts  int64
	key  bool
	data []byte
}

func (c *memoryFrames) pictures(t testing.TB) (all []writtenPicture) {
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

// TestPassthroughPutsPicturesOnTheGrid moves pictures about as networks do: what is written has a place each, and no place is empty.
func TestPassthroughPutsPicturesOnTheGrid(t *testing.T) { eachPassthroughCodec(t, checkGrid) }

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
			c := newMemoryFrames(t, video)
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
			require.Equal(t, test.extras, c.passthroughFrames.extras.Load() > 0)
			require.GreaterOrEqual(t, len(written), len(test.clip), "nothing is left out")
		})
	}
}

// TestPassthroughBeginsAtZero begins late, as after another run: the key frame is repeated up to when it came, where segments begin too.
func TestPassthroughBeginsAtZero(t *testing.T) {
	eachPassthroughCodec(t, func(t *testing.T, video depay.Codec) {
		c := newMemoryFrames(t, video)
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

func TestPassthroughWaitsForTheFirstKeyFrame(t *testing.T) {
	eachPassthroughCodec(t, func(t *testing.T, video depay.Codec) {
		c := newMemoryFrames(t, video)
		clip := keyed(t, video, "64x64", 2, "0,1")
		for _, f := range clip[1:] {
			require.NoError(t, c.WriteFrame(f))
		}
		written := c.pictures(t)
		require.True(t, written[0].key)
		require.Len(t, written, 2*30)
	})
}

// TestPassthroughRepeatsLoneKeyFrame leaves the places behind a key frame empty that came just before a segment may begin. What repeats a
// key frame of VP9 is one as well to ffmpeg's decoder, and so to the encoder of the renditions beside it: the segment has to begin in the
// passthrough too. With the other codecs it waits for the publisher.
func TestPassthroughRepeatsLoneKeyFrame(t *testing.T) {
	eachPassthroughCodec(t, func(t *testing.T, video depay.Codec) {
		clip := keyed(t, video, "64x64", 3, "0,1.9")
		for _, fillers := range []bool{false, true} {
			c := newMemoryFrames(t, video)
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

// TestPassthroughAsksForKeyFrames counts the requests: one in each interval that has no key frame, and again while none comes.
func TestPassthroughAsksForKeyFrames(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		asked      int
	}{
		{"on time", "0,1,2,3", 0},
		{"late", "0,1.2,2.1,3.3", 3},
		{"one is late twice", "0,1.7,2,3", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newMemoryFrames(t, depay.H264)
			for _, f := range keyed(t, depay.H264, "64x64", 4, test.keys) {
				require.NoError(t, c.WriteFrame(f))
			}
			require.Equal(t, test.asked, c.asked)
		})
	}
}

// A key frame each second is enough, though one is a picture too early and the next one a picture too late.
func TestPassthroughWithKeyFramesEachSecond(t *testing.T) {
	c := newMemoryFrames(t, depay.H264)
	for _, f := range keyed(t, depay.H264, "64x64", 5, "0,0.967,1.967,3.034,4.034") {
		require.NoError(t, c.WriteFrame(f))
	}
	require.EqualValues(t, 121*second/30, c.key, "the last key frame, in ticks")
}

func FuzzPassthroughFrames(f *testing.F) {
	codecs := []depay.Codec{depay.H264, depay.VP9, depay.AV1}
	var clips [][]depay.Frame
	var jobs []*Job // are made once: what ffmpeg is started with takes longer than all of the rest
	for number, c := range codecs {
		clips = append(clips, keyed(f, c, "32x32", 1, "0"))
		for i, frame := range clips[number] {
			if i < 4 || i%8 == 0 { // a picture of each kind and from each part of a second; the rest of them leads nowhere else
				f.Add(uint8(number), frame.Data, int64(i)*3000)
			}
		}
		jobs = append(jobs, memoryJob(f, c))
	}
	f.Fuzz(func(t *testing.T, number uint8, data []byte, pts int64) {
		number %= uint8(len(codecs))
		c := framesOf(jobs[number])
		require.NoError(t, c.WriteFrame(clips[number][0]))
		pts %= 20 * second // beyond a hole of half a minute no frame comes here
		if err := c.WriteFrame(depay.Frame{Codec: codecs[number], PTS: pts, Data: data}); err != nil {
			require.ErrorAs(t, err, new(*PassthroughError))
		}
		last := int64(-1)
		for _, p := range c.pictures(t) {
			require.Greater(t, p.pts, last)
			last = p.pts
		}
	})
}

func BenchmarkPassthroughFrames(b *testing.B) {
	for _, video := range []depay.Codec{depay.H264, depay.VP9, depay.AV1} {
		b.Run(video.String(), func(b *testing.B) { benchmarkPassthrough(b, video) })
	}
}

func benchmarkPassthrough(b *testing.B, video depay.Codec) {
	clip := keyed(b, video, "1280x720", 2, "0,1")
	size := 0
	for _, f := range clip {
		size += len(f.Data)
	}
	c := newMemoryFrames(b, video)
	c.out = ivfFrames{ivf.NewWriter(io.Discard, ivf.Header{FourCC: ivf.H264})}
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
