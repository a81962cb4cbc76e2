package packager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
)

// video.mp4 waits for the space that it takes.
func TestRemuxWaitsForSpace(t *testing.T) {
	b := recordBench(t, func(o *Options) {
		o.Remux = func(_ context.Context, _ []recording.RemuxInput, out string) error {
			return os.WriteFile(out, nil, 0o644)
		}
	})
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	require.NoError(t, tl.End())
	rec := tl.Recording()
	b.free = func(string) int64 { return reserve + 3*rec.Info().Bytes - 1 }
	b.work()
	require.False(t, rec.Info().MP4)
	b.keep()
	b.work()
	require.False(t, rec.Info().MP4)
	b.free = func(string) int64 { return reserve + 3*rec.Info().Bytes }
	b.keep()
	b.work()
	require.True(t, rec.Info().MP4)
}

// A recording that the disk has failed is marked, and another follows when there is room again.
func TestRecordingGoesOn(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(t *testing.T, b *bench, r *recording.Recording)
		left int // recordings at the end
	}{
		{"disk is full", func(t *testing.T, b *bench, r *recording.Recording) {
			b.free = func(string) int64 { return reserve - 1 }
			b.keep()
			b.free = disk.Free
		}, 2},
		{"directory is deleted", func(t *testing.T, b *bench, r *recording.Recording) {
			require.NoError(t, os.RemoveAll(b.Packager.opts.RecordingsDir))
		}, 1},
		{"source cannot be written", func(t *testing.T, b *bench, r *recording.Recording) {
			b.files.(closedSources).closed.Store(true)
			src, err := r.CreateSource("webm")
			require.NoError(t, err)
			_, err = src.Write([]byte("frame"))
			require.ErrorIs(t, err, fs.ErrClosed)
		}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := recordBench(t, nil)
			b.files = closedSources{closed: new(atomic.Bool)}
			b.restart()
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			first := tl.Recording()
			test.fail(t, b, first)
			b.run(e, enc, 1)
			b.keep()
			require.Equal(t, recording.StateFailed, first.Info().State)
			require.NotEmpty(t, first.Info().Error)
			require.Same(t, first, tl.Recording(), "not at once")
			require.False(t, b.recordings.IsRunning(first.Dir()), "its end is on the disk, or nothing is")

			b.run(e, enc, 5)
			b.keep()
			second := tl.Recording()
			require.NotSame(t, first, second)
			b.run(e, enc, 2)
			require.NoError(t, tl.End())
			require.Equal(t, recording.StateFinished, second.Info().State)
			require.InDelta(t, 4, second.Info().Duration, 0.1)
			require.InDelta(t, 4, decode(t, filepath.Join(second.Dir(), manifest.MultivariantName)), 0.1)
			all := b.Recordings()
			require.Len(t, all, test.left)
			require.Equal(t, recording.StateFailed, append(all, first.Info())[1].State)
		})
	}
}

// closedSources is a disk on which sources are closed the moment they are made.
type closedSources struct {
	disk.OS
	closed *atomic.Bool
}

func (d closedSources) Create(name string) (disk.File, error) {
	f, err := d.OS.Create(name)
	if err == nil && d.closed.Load() {
		err = f.Close()
	}
	return f, err
}

// A recording that could not begin begins later.
func TestRecordingBeginsLate(t *testing.T) {
	b := recordBench(t, nil)
	b.free = func(string) int64 { return reserve - 1 }
	tl, e, enc := b.epoch("cam")
	require.Nil(t, tl.Recording())
	b.keep()
	b.run(e, enc, 6)
	b.keep()
	require.Nil(t, tl.Recording(), "there is no room")
	b.free = disk.Free
	b.keep()
	b.run(e, enc, 6)
	b.keep()
	require.NotNil(t, tl.Recording())
	require.NoError(t, tl.End())
	b.keep()
	require.Empty(t, b.Recordings(), "nothing came any more")
}

// A recording that begins in mid-run is as whole after a crash as any other.
func TestSecondRecordingCutByACrash(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	tl.Recording().Fail(errors.New("disk is full"))
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
	b.recover()
	info, err := readInfo(second.Dir())
	require.NoError(t, err)
	require.Equal(t, recording.StateInterrupted, info.State)
	require.InDelta(t, 7, info.Duration, 0.1)
	require.InDelta(t, 7, decode(t, filepath.Join(second.Dir(), manifest.MultivariantName)), 0.1)
	// ffmpeg ends an MPD with the shorter of the two, the sound
	require.InDelta(t, 6.5, decode(t, filepath.Join(second.Dir(), manifest.MPDName)), 0.1)
}

// A full disk that leaves an empty file makes the epoch lossy: its recording goes on with the next one, without a hole.
func TestRecordingOfLossyEpoch(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	for _, r := range ladder {
		require.NoError(t, os.WriteFile(enc.path(r.Rep), nil, 0o644))
		enc.next[r.Rep]++
	}
	b.run(e, enc, 2)
	require.True(t, e.Lossy())
	require.NoError(t, e.End())
	second, enc := b.next(tl)
	b.run(second, enc, 2)
	require.NoError(t, tl.End())
	require.Zero(t, tl.Info().Gaps)
	dir := tl.Recording().Dir()
	m, err := os.ReadFile(filepath.Join(dir, manifest.MPDName))
	require.NoError(t, err)
	parsed, err := dash.Parse(m)
	require.NoError(t, err)
	require.Len(t, parsed.Periods, 2)
	for i, period := range parsed.Periods {
		for number := range int64(2) {
			require.FileExists(t, filepath.Join(dir, timeline.SegmentName(fmt.Sprintf("video-%d", i+1), number+1)))
		}
		for _, set := range period.AdaptationSets {
			segments := 0
			for _, s := range set.Representations[0].Template.Timeline {
				segments += int(s.R) + 1
			}
			require.Equal(t, 2, segments)
		}
	}
}
