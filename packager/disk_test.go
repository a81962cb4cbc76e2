package packager

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

func (b *bench) disk(d Disk) { b.look = func() Disk { return d } }

func TestDiskState(t *testing.T) {
	b := newBench(t, nil)
	b.epoch("cam")
	b.keep()
	require.Empty(t, b.Disk().Fault)
	require.Positive(t, b.Disk().Free)

	live := b.Packager.opts.LiveDir
	require.NoError(t, os.RemoveAll(live))
	require.NoError(t, os.WriteFile(live, nil, 0o644))
	b.keep()
	require.Equal(t, "the data directory cannot be written", b.Disk().Fault)
	require.NoError(t, os.Remove(live))
	b.keep()
	require.Empty(t, b.Disk().Fault)
	require.DirExists(t, live, "what was deleted is made again")
}

// A publisher that meets a disk at fault is told that in a sentence, without the machine's paths.
func TestOpenOnFaultyDisk(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, os.WriteFile(filepath.Join(b.Packager.opts.LiveDir, "cam"), nil, 0o644))
	_, err := b.Open("cam")
	require.EqualError(t, err, "open stream cam: the data directory cannot be written")
}

// On a disk that is nearly full what has left the playlists goes early, under ffmpeg's name too; what is listed stays.
func TestDiskInNeed(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 10)
	b.keep()
	b.disk(Disk{Free: -1})
	b.keep()
	first := filepath.Join(e.Dir(), "out", "180p-1.m4s")
	require.FileExists(t, first, "a viewer may ask for it")
	b.disk(Disk{Free: reserve - 1})
	b.keep()
	require.NoFileExists(t, first)
	require.NoFileExists(t, filepath.Join(e.Dir(), encoderSegment("0", 1)))
	p, _ := b.playlist("/live/cam/180p.m3u8")
	for _, s := range p.GetAllSegments() {
		b.body("/live/cam/" + s.URI)
	}
}

// A disk that was full has to have some space before it counts as good again.
func TestDiskIsFullForLonger(t *testing.T) {
	b := newBench(t, nil)
	b.epoch("cam")
	b.free = func(string) int64 { return reserve/4 - 1 }
	b.keep()
	require.Empty(t, b.Disk().Fault, "it takes a file")
	b.Packager.disk.Store(&Disk{Fault: disk.Full})
	b.keep()
	require.Equal(t, disk.Full, b.Disk().Fault)
	b.free = func(string) int64 { return reserve / 4 }
	b.keep()
	require.Empty(t, b.Disk().Fault)
}

// A timeline.log that somebody deletes is written again, so that the next process goes on all the same.
func TestDeletedLog(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	require.NoError(t, os.Remove(filepath.Join(tl.live.Dir(), live.LogName)))
	b.run(e, enc, 1)
	b.keep()
	b.run(e, enc, 1)
	before, _ := b.playlist("/live/cam/180p.m3u8")
	b.restart()
	after, _ := b.playlist("/live/cam/180p.m3u8")
	require.Equal(t, len(before.GetAllSegments()), len(after.GetAllSegments()))
	_, second, enc := b.epoch("cam")
	b.run(second, enc, 1)
	require.EqualValues(t, 6, b.Stream("cam").period(second).First)
}

// The name that playlists announce for what comes next is kept when the disk refuses it at first.
func TestAnnouncedNameOutlivesFault(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	announced := tl.playlist("180p").Hint.Epoch
	inTheWay := filepath.Join(tl.live.Dir(), announced)
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o644))
	_, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.Error(t, err)
	require.NoError(t, os.Remove(inTheWay))
	e, _ = b.next(tl)
	require.Equal(t, announced, e.Name())
}

// A disk that does not answer is a fault before it is known what it would have answered.
func TestDiskDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		b := newBench(t, func(o *Options) { o.OnDisk = func(d Disk) { told = append(told, d.Fault) } })
		b.epoch("cam")
		answer := make(chan Disk)
		b.look = func() Disk { return <-answer }
		go b.timed(b.keep)
		time.Sleep(slowDisk)
		require.Empty(t, b.Disk().Fault)
		time.Sleep(time.Millisecond)
		require.Equal(t, "the disk does not answer", b.Disk().Fault)
		synctest.Wait()
		require.Equal(t, []string{"the disk does not answer"}, told)
		answer <- Disk{Free: 1 << 30}
		synctest.Wait()
		require.Empty(t, b.Disk().Fault)
		require.Equal(t, []string{"the disk does not answer", ""}, told)
	})
}
