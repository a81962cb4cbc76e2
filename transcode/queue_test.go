package transcode

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp8"
)

func picture(pts int64, key bool) depay.Frame {
	f := depay.Frame{Codec: depay.VP8, PTS: pts, Key: key, Data: make([]byte, 100)}
	if key {
		f.Width, f.Height = 640, 480
	}
	return f
}

func popAll(q *queue) (pts []int64) {
	q.close()
	for {
		f, ok := q.pop()
		if !ok {
			return pts
		}
		pts = append(pts, f.PTS)
	}
}

func TestQueueDropsVideoUpToTheNextKeyFrame(t *testing.T) {
	q := newQueue(true, 1)
	for i := range int64(MaxVideoFrames) {
		skips, open := q.push(picture(i, i == 0))
		require.True(t, !skips && open)
	}
	skips, open := q.push(picture(100, false))
	require.True(t, skips, "no room")
	require.True(t, open)
	q.pop()
	skips, _ = q.push(picture(101, false))
	require.True(t, skips, "there is room, but it refers to what was dropped")
	skips, _ = q.push(picture(102, true))
	require.False(t, skips, "a key frame takes the place of all that waits")
	skips, _ = q.push(picture(103, true))
	require.False(t, skips)
	require.Equal(t, QueueStats{
		In: MaxVideoFrames + 4, Dropped: MaxVideoFrames + 2, Repeats: 1, Queued: 2, Bytes: 200, Overflows: 1,
	}, q.snapshot())
	require.Equal(t, []int64{102, 103}, popAll(q))
}

// TestQueueRepeatsThePicture keeps ffmpeg supplied when pictures are dropped and no key frame comes.
func TestQueueRepeatsThePicture(t *testing.T) {
	q := newQueue(true, 1)
	for i := range int64(MaxVideoFrames + 1) {
		q.push(picture(i, i == 0))
	}
	for range 5 {
		q.pop()
	}
	filler := depay.Frame{Codec: depay.VP8, Filler: true, PTS: 101, Data: []byte("filler")}
	for _, f := range []depay.Frame{picture(100, false), filler, picture(102, false)} {
		skips, _ := q.push(f)
		require.True(t, skips)
	}
	for range MaxVideoFrames - 5 {
		q.pop()
	}
	for _, pts := range []int64{100, 101, 102} {
		f, ok := q.pop()
		require.True(t, ok)
		require.Equal(t, pts, f.PTS)
		require.True(t, f.Filler)
		if pts != 101 {
			require.Equal(t, vp8.AppendRepeat(nil, vp8.RepeatOptions{Width: 640, Height: 480}), f.Data)
		}
	}
	require.EqualValues(t, 3, q.snapshot().Dropped)
	require.EqualValues(t, 2, q.snapshot().Repeats)
}

func TestQueueWithoutRoomForFillersSkipsNothing(t *testing.T) {
	q := newQueue(true, 1)
	for i := range int64(MaxVideoFrames) {
		q.push(picture(i, i == 0))
	}
	skips, _ := q.push(depay.Frame{Codec: depay.VP8, Filler: true, PTS: 100, Data: []byte("filler")})
	require.False(t, skips, "nothing refers to a repeat frame")
	q.pop()
	skips, _ = q.push(picture(101, false))
	require.False(t, skips)
	require.EqualValues(t, 1, q.snapshot().Dropped)
}

func TestQueueDropsTheOldestSound(t *testing.T) {
	q := newQueue(false, 1)
	for i := range int64(MaxAudioFrames + 3) {
		skips, open := q.push(depay.Frame{Codec: depay.Opus, PTS: i, Data: []byte{1}})
		require.True(t, !skips && open)
	}
	require.EqualValues(t, 3, q.snapshot().Dropped)
	pts := popAll(q)
	require.Len(t, pts, MaxAudioFrames)
	require.EqualValues(t, 3, pts[0])
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	video, audio := newQueue(true, 1), newQueue(false, 1)
	skips, _ := video.push(depay.Frame{Key: true, Data: make([]byte, MaxVideoBytes+1)})
	require.True(t, skips)
	skips, _ = video.push(picture(1, false))
	require.True(t, skips, "it refers to the one that was too large")
	require.Zero(t, video.snapshot().Queued, "nothing was shown that could be repeated")
	audio.push(depay.Frame{Data: make([]byte, MaxAudioBytes+1)})
	require.EqualValues(t, 1, audio.snapshot().Dropped)
	for range 10 {
		audio.push(depay.Frame{Data: make([]byte, MaxAudioBytes/3)})
	}
	require.Equal(t, 3, audio.snapshot().Queued)
	require.LessOrEqual(t, audio.snapshot().Bytes, MaxAudioBytes)
}

func TestQueueWakesItsReader(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(*queue)
		want bool
	}{
		{"push", func(q *queue) { q.push(picture(1, true)) }, true},
		{"close", (*queue).close, false},
		{"end", (*queue).end, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(true, 1)
				result := make(chan bool, 1)
				go func() {
					_, ok := q.pop()
					result <- ok
				}()
				synctest.Wait()
				require.Empty(t, result)
				c.act(q)
				require.Equal(t, c.want, <-result)
			})
		})
	}
}

func TestQueueEndDropsWhatWaits(t *testing.T) {
	q := newQueue(true, 1)
	q.push(picture(1, true))
	q.end()
	require.Equal(t, QueueStats{In: 1, Dropped: 1}, q.snapshot())
	_, open := q.push(picture(2, true))
	require.False(t, open)
}

func TestWriteFrameAsksForAKeyFrame(t *testing.T) {
	asked := 0
	j, err := NewJob(Options{Dir: "d", Video: depay.VP8, RequestKeyFrame: func() { asked++ }})
	require.NoError(t, err)
	for i := range int64(MaxVideoFrames + 2) {
		require.NoError(t, j.WriteFrame(picture(i, i == 0)))
	}
	require.Equal(t, 2, asked)
	require.EqualValues(t, 2, j.Stats().Video.Dropped)
	require.ErrorContains(t, j.WriteFrame(depay.Frame{Codec: depay.Opus}), "not an input")
	require.ErrorContains(t, j.WriteFrame(depay.Frame{}), "not an input")
	j.CloseInput()
	require.ErrorIs(t, j.WriteFrame(picture(99, true)), ErrEnded)
}

func BenchmarkWriteFrame(b *testing.B) {
	j, err := NewJob(Options{Dir: "d", Video: depay.VP8})
	require.NoError(b, err)
	f := picture(0, true)
	b.ReportAllocs()
	for b.Loop() {
		_ = j.WriteFrame(f)
		j.video.pop()
	}
}
