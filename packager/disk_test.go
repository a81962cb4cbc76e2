package packager

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
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

func TestDiskFaults(t *testing.T) {
	for err, told := range map[error]string{
		syscall.ENOSPC: "the disk is full", syscall.EDQUOT: "the disk is full", syscall.EROFS: "the disk is read-only",
		syscall.EACCES: "the data directory may not be written", syscall.EIO: "the data directory cannot be written",
	} {
		require.Equal(t, told, faultOf(&fs.PathError{Op: "open", Path: "/data", Err: err}))
	}
}

// On a disk that is nearly full what has left the playlists goes early, under ffmpeg's name too; what is listed stays.
func TestDiskInNeed(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 10)
	b.keep()
	first := filepath.Join(e.Dir(), "out", "180p-0.m4s")
	require.FileExists(t, first, "a viewer may ask for it")
	b.disk(Disk{Free: reserve - 1})
	b.keep()
	require.NoFileExists(t, first)
	require.NoFileExists(t, filepath.Join(e.Dir(), encoderSegment("0", 1)))
	p, _ := b.playlist("/live/cam/180p.m3u8")
	for _, s := range p.GetAllSegments() {
		b.body("/live/cam/" + s.URI)
	}
	require.Empty(t, tl.doomed)
}

// What cannot be deleted is tried again.
func TestReapAgain(t *testing.T) {
	b := newBench(t, nil)
	tl, e, _ := b.epoch("cam")
	tl.doomed = []doomed{{path: filepath.Join(e.Dir(), "..", "cam\x00"), at: b.clock.Now()}}
	require.Error(t, tl.reap(b.clock.Now(), false))
	require.Len(t, tl.doomed, 1)
	require.NoError(t, tl.reap(b.clock.Now(), false), "not at once")
	b.clock.Advance(reapAgain)
	require.Error(t, tl.reap(b.clock.Now(), false))
}

// A recording that the disk has failed is marked, and another follows when there is room again.
func TestRecordingGoesOn(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(t *testing.T, b *bench, r *Recording)
		left int // recordings at the end
	}{
		{"disk is full", func(t *testing.T, b *bench, r *Recording) {
			b.Packager.opts.MinFree = math.MaxInt64
			b.keep()
			b.Packager.opts.MinFree = 0
		}, 2},
		{"directory is deleted", func(t *testing.T, b *bench, r *Recording) {
			require.NoError(t, os.RemoveAll(b.Packager.opts.RecordingsDir))
		}, 1},
		{"source cannot be written", func(t *testing.T, b *bench, r *Recording) {
			src, err := r.CreateSource("webm")
			require.NoError(t, err)
			require.NoError(t, src.(*sourceFile).file.Close())
			_, err = src.Write([]byte("frame"))
			require.ErrorIs(t, err, fs.ErrClosed)
		}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := recordBench(t, nil)
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			first := tl.Recording()
			test.fail(t, b, first)
			b.run(e, enc, 1)
			b.keep()
			require.Equal(t, StateFailed, first.Info().State)
			require.NotEmpty(t, first.Info().Error)
			require.Same(t, first, tl.Recording(), "not at once")
			require.False(t, b.isRunning(first.Dir()), "its end is on the disk, or nothing is")

			b.run(e, enc, 5)
			b.keep()
			second := tl.Recording()
			require.NotSame(t, first, second)
			b.run(e, enc, 2)
			require.NoError(t, tl.End())
			require.Equal(t, StateFinished, second.Info().State)
			require.InDelta(t, 4, second.Info().Duration, 0.1)
			require.InDelta(t, 4, decode(t, filepath.Join(second.Dir(), multivariant)), 0.1)
			all := b.Recordings()
			require.Len(t, all, test.left)
			require.Equal(t, StateFailed, append(all, first.Info())[1].State)
		})
	}
}

// A recording that could not begin begins later.
func TestRecordingBeginsLate(t *testing.T) {
	b := recordBench(t, nil)
	b.Packager.opts.MinFree = math.MaxInt64
	tl, e, enc := b.epoch("cam")
	require.Nil(t, tl.Recording())
	b.keep()
	b.run(e, enc, 6)
	b.keep()
	require.Nil(t, tl.Recording(), "there is no room")
	b.Packager.opts.MinFree = 0
	b.keep()
	b.run(e, enc, 6)
	b.keep()
	require.NotNil(t, tl.Recording())
	require.NoError(t, tl.End())
	b.keep()
	require.Empty(t, b.Recordings(), "nothing came any more")
}

// A timeline.log that somebody deletes is written again, so that the next process goes on all the same.
func TestDeletedLog(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	require.NoError(t, os.Remove(filepath.Join(tl.dir, logName)))
	b.run(e, enc, 1)
	b.keep()
	b.run(e, enc, 1)
	before, _ := b.playlist("/live/cam/180p.m3u8")
	b.restart()
	after, _ := b.playlist("/live/cam/180p.m3u8")
	require.Equal(t, len(before.GetAllSegments()), len(after.GetAllSegments()))
	_, second, enc := b.epoch("cam")
	b.run(second, enc, 1)
	require.EqualValues(t, 5, second.base)
}

// The name that playlists announce for what comes next is kept when the disk refuses it at first.
func TestAnnouncedNameOutlivesFault(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	announced := tl.nextName
	inTheWay := filepath.Join(tl.dir, announced)
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o644))
	_, err := tl.BeginEpoch(EpochOptions{Renditions: ladder})
	require.Error(t, err)
	require.NoError(t, os.Remove(inTheWay))
	e, _ = b.next(tl)
	require.Equal(t, announced, e.Name())
}

// Neither who asks how a stream is doing nor the stream itself waits for the disk of its recording.
func TestRecordingHoldsNobodyUp(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	rec := tl.Recording()
	rec.mu.Lock()
	_, current := tl.info() // all that is asked under the stream's lock
	rec.mu.Unlock()
	require.Same(t, rec, current)

	rec.writing.Lock() // the housekeeper waits for the disk
	b.run(e, enc, 2)
	rec.fail(errors.New("broken"))
	b.run(e, enc, 1)
	rec.writing.Unlock()
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 3)
	require.Equal(t, StateFailed, tl.Info().Recording.State)
}

// A recording that begins in mid-run is as whole after a crash as any other.
func TestSecondRecordingCutByACrash(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	tl.Recording().fail(errors.New("disk is full"))
	b.keep()
	b.run(e, enc, 6)
	b.keep()
	second := tl.Recording()
	b.run(e, enc, 2)
	b.keep()
	b.run(e, enc, 1)
	for _, r := range ladder {
		enc.fragments(r.Rep, 5) // never finished
	}
	b.restart()
	b.recoverRecordings(t.Context())
	info, err := readInfo(second.Dir())
	require.NoError(t, err)
	require.Equal(t, StateInterrupted, info.State)
	require.InDelta(t, 7, info.Duration, 0.1)
	for _, name := range []string{multivariant, manifest} {
		require.InDelta(t, 7, decode(t, filepath.Join(second.Dir(), name)), 0.1, name)
	}
}

// What the live stream lacks is no hole in the numbers of its recording, which the MPD counts.
func TestRecordingOfGaps(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	for _, r := range ladder {
		require.NoError(t, os.WriteFile(enc.path(r.Rep), nil, 0o644)) // a full disk leaves an empty file
		enc.next[r.Rep]++
	}
	b.run(e, enc, 2)
	require.NoError(t, tl.End())
	require.EqualValues(t, len(ladder), tl.Info().Gaps)
	dir := tl.Recording().Dir()
	for number := range int64(4) {
		require.FileExists(t, filepath.Join(dir, segmentName("video-1", number+1)))
	}
	m, err := os.ReadFile(filepath.Join(dir, manifest))
	require.NoError(t, err)
	parsed, err := dash.Parse(m)
	require.NoError(t, err)
	require.Len(t, parsed.Periods, 1)
	for _, set := range parsed.Periods[0].AdaptationSets {
		segments := 0
		for _, s := range set.Representations[0].Template.Timeline {
			segments += int(s.R) + 1
		}
		require.Equal(t, 4, segments)
	}
}

// A disk that does not answer is a fault before it is known what it would have answered.
func TestDiskDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.epoch("cam")
		answer := make(chan Disk)
		b.look = func() Disk { return <-answer }
		go b.timed(b.keep)
		time.Sleep(slowDisk)
		require.Empty(t, b.Disk().Fault)
		time.Sleep(time.Millisecond)
		require.Equal(t, "the disk does not answer", b.Disk().Fault)
		answer <- Disk{Free: 1 << 30}
		synctest.Wait()
		require.Empty(t, b.Disk().Fault)
	})
}
