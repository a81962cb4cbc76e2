package transcode

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

func picture(pts int64, key bool) depay.Frame {
	return depay.Frame{Codec: depay.VP8, PTS: pts, Key: key, Data: make([]byte, 100)}
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
	q := newQueue(true)
	for i := range int64(MaxVideoFrames) {
		kept, open := q.push(picture(i, i == 0))
		require.True(t, kept && open)
	}
	kept, open := q.push(picture(100, false))
	require.False(t, kept, "no room")
	require.True(t, open)
	q.pop()
	kept, _ = q.push(picture(101, false))
	require.False(t, kept, "there is room, but it refers to what was dropped")
	kept, _ = q.push(picture(102, true))
	require.True(t, kept)
	kept, _ = q.push(picture(103, true))
	require.True(t, kept, "a key frame takes the place of all that waits")
	require.Equal(t, QueueStats{In: MaxVideoFrames + 4, Dropped: MaxVideoFrames + 2, Queued: 1, Bytes: 100}, q.snapshot())
	require.Equal(t, []int64{103}, popAll(q))
}

func TestQueueDropsTheOldestSound(t *testing.T) {
	q := newQueue(false)
	for i := range int64(MaxAudioFrames + 3) {
		kept, open := q.push(depay.Frame{Codec: depay.Opus, PTS: i, Data: []byte{1}})
		require.True(t, kept && open)
	}
	require.EqualValues(t, 3, q.snapshot().Dropped)
	pts := popAll(q)
	require.Len(t, pts, MaxAudioFrames)
	require.EqualValues(t, 3, pts[0])
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	video, audio := newQueue(true), newQueue(false)
	kept, _ := video.push(depay.Frame{Key: true, Data: make([]byte, MaxVideoBytes+1)})
	require.False(t, kept)
	kept, _ = video.push(picture(1, false))
	require.False(t, kept, "it refers to the one that was too large")
	kept, _ = audio.push(depay.Frame{Data: make([]byte, MaxAudioBytes+1)})
	require.False(t, kept)
	for range 10 {
		kept, _ = audio.push(depay.Frame{Data: make([]byte, MaxAudioBytes/3)})
		require.True(t, kept)
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
				q := newQueue(true)
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
	q := newQueue(true)
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
