package packager

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Who watches a stream is told of each snapshot, the newest first, until they stop, and can open what it names.
func TestWatch(t *testing.T) {
	b := newBench(t, nil)
	b.start()
	tl, e, enc := b.epoch("cam")
	b.runWatched(e, enc, 2)
	told := make(chan *timeline.Snapshot, 1000)
	stop := tl.Watch(func(now *timeline.Snapshot) { told <- now })
	first := <-told
	require.Equal(t, e.Name(), first.Epoch)
	last := first.Playlists[0].Segments[len(first.Playlists[0].Segments)-1]
	f, err := tl.OpenFile(last.EpochName(), timeline.SegmentName(first.Playlists[0].ID, last.MSN))
	require.NoError(t, err)
	size, err := io.Copy(io.Discard, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, last.Size, size)
	b.runWatched(e, enc, 1)
	select {
	case <-told:
	case <-time.After(2 * time.Minute):
		t.Fatal("no other snapshot")
	}
	stop()
	for len(told) > 0 {
		<-told
	}
	require.NoError(t, tl.End())
	require.Empty(t, told)
}
