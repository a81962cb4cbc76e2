package packager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/recording"
)

func clipBench(t *testing.T) *bench {
	return newBench(t, func(o *Options) {
		o.Remux = func(_ context.Context, _ []recording.RemuxInput, out string) error {
			return os.WriteFile(out, []byte("mp4"), 0o600)
		}
	})
}

// A clip of a live stream has whole segments from the one that holds its beginning up to the one that holds its end, which comes later.
func TestClipOfALiveStream(t *testing.T) {
	b := clipBench(t)
	_, err := b.Clip("cam", "", b.clock.Now(), b.clock.Now())
	require.ErrorIs(t, err, ErrNotLive)
	tl, e, enc := b.epoch("cam")
	_, err = b.Clip("cam", "", b.clock.Now(), b.clock.Now())
	require.ErrorIs(t, err, recording.ErrNoMedia)
	b.run(e, enc, 4)
	now := b.clock.Now()
	_, err = b.Clip("cam", "", now.Add(-time.Hour), now.Add(-time.Minute))
	require.ErrorIs(t, err, recording.ErrNoMedia, "before the window")

	whole, err := b.Clip("cam", "whole", now.Add(-5*time.Second), now.Add(-3*time.Second))
	require.NoError(t, err)
	b.keep()
	found, err := b.FindClip("cam", whole.Name)
	require.NoError(t, err)
	require.Equal(t, recording.StateFinished, found.State)
	require.InDelta(t, 4, found.Duration, 0.05)
	require.Equal(t, now.Add(-6*time.Second).UTC(), found.Clip.From)
	require.Nil(t, tl.Recording(), "a clip is no recording of the broadcast")

	last, err := b.Clip("cam", "Goal!", now.Add(-3*time.Second), now.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, recording.StateRecording, last.State)
	b.keep()
	b.run(e, enc, 2)
	b.keep()
	b.work()
	found, err = b.FindClip("cam", last.Name)
	require.NoError(t, err)
	require.Equal(t, recording.StateFinished, found.State)
	require.Equal(t, "Goal!", found.Clip.Title)
	require.True(t, found.MP4)
	dir := filepath.Join(b.Packager.opts.RecordingsDir, "cam", last.Name)
	for _, manifest := range []string{"index.m3u8", "manifest.mpd"} {
		require.InDelta(t, 6, decode(t, filepath.Join(dir, manifest)), 0.1)
	}
	require.Contains(t, b.body("/recordings"), `"clip":{"title":"Goal!","from":`)

	open, err := b.Clip("cam", "", b.clock.Now().Add(-time.Second), b.clock.Now())
	require.NoError(t, err)
	require.NoError(t, tl.End())
	found, err = b.FindClip("cam", open.Name)
	require.NoError(t, err)
	require.Equal(t, recording.StateFinished, found.State, "the end of the broadcast ends it")

	require.NoError(t, b.DeleteClip("cam", last.Name))
	require.NoDirExists(t, dir)
	require.ErrorIs(t, b.DeleteClip("cam", last.Name), recording.ErrNotFound)
	require.ErrorIs(t, b.DeleteClip("..", last.Name), recording.ErrNotFound)
}

// A clip of a recording goes over where another ffmpeg began, while it runs and afterwards; recordings are no clips.
func TestClipOfARecording(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	require.NoError(t, e.End())
	e, enc = b.next(tl)
	b.run(e, enc, 3)
	name := tl.Recording().Info().Name
	for _, running := range []bool{true, false} {
		if !running {
			require.NoError(t, tl.End())
		}
		info, err := b.ClipRecording(t.Context(), "cam", name, "over the cut", 5*time.Second, 7*time.Second)
		require.NoError(t, err)
		require.Equal(t, recording.StateFinished, info.State)
		require.InDelta(t, 4, info.Duration, 0.1)
		require.Equal(t, name, info.Clip.Of)
		dir := filepath.Join(b.Packager.opts.RecordingsDir, "cam", info.Name)
		require.InDelta(t, 4, decode(t, filepath.Join(dir, "index.m3u8")), 0.2)
		text, err := os.ReadFile(filepath.Join(dir, "video.m3u8"))
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(text), "#EXT-X-DISCONTINUITY\n"))
		_, err = b.ClipRecording(t.Context(), "cam", name, "", time.Minute, time.Hour)
		require.ErrorIs(t, err, recording.ErrNoMedia)
	}
	_, err := b.ClipRecording(t.Context(), "cam", "20200101T000000Z", "", 0, time.Second)
	require.ErrorIs(t, err, recording.ErrNotFound)
	_, err = b.FindClip("cam", name)
	require.ErrorIs(t, err, recording.ErrNotFound)
	require.ErrorIs(t, b.DeleteClip("cam", name), recording.ErrNotFound)
}

// A full disk, and many clips at once, are told.
func TestClipsAreBounded(t *testing.T) {
	b := clipBench(t)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	now := b.clock.Now()
	var err error
	for range 9 {
		require.NoError(t, err)
		_, err = b.Clip("cam", "", now.Add(-time.Second), now.Add(time.Second))
	}
	require.ErrorIs(t, err, recording.ErrTooMany)
	b.clock.Advance(time.Minute)
	b.keep()
	_, err = b.Clip("cam", "", now.Add(-time.Second), now)
	require.NoError(t, err, "those that were not continued have ended")
	b.free = func(string) int64 { return reserve - 1 }
	_, err = b.Clip("cam", "", now.Add(-time.Second), now)
	require.ErrorContains(t, err, "bytes free")
}

// Of media that is neither there nor comes any more there is no clip, whose address nothing would answer.
func TestClipOfWhatDoesNotCome(t *testing.T) {
	for name, end := range map[string]func(*Stream) error{"ended": (*Stream).End, "suspended": (*Stream).Suspend} {
		t.Run(name, func(t *testing.T) {
			b := clipBench(t)
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			require.NoError(t, end(tl))
			b.clock.Advance(5 * time.Second)
			now := b.clock.Now()
			_, err := b.Clip("cam", "", now.Add(-3*time.Second), now)
			require.ErrorIs(t, err, recording.ErrNoMedia)
			info, err := b.Clip("cam", "", now.Add(-8*time.Second), now)
			require.NoError(t, err)
			found, err := b.FindClip("cam", info.Name)
			require.NoError(t, err)
			require.Equal(t, recording.StateFinished, found.State, "nothing follows")
		})
	}
}

// A service that stops finishes its clips, whether its streams are to go on or not.
func TestStopFinishesClips(t *testing.T) {
	b := clipBench(t)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	info, err := b.Clip("cam", "", b.clock.Now().Add(-time.Second), b.clock.Now())
	require.NoError(t, err)
	require.NoError(t, tl.Suspend())
	found, err := b.FindClip("cam", info.Name)
	require.NoError(t, err)
	require.Equal(t, recording.StateFinished, found.State)
}

// slowDir is a disk that does something before a recording's directory is made, and may not let go of anything.
type slowDir struct {
	disk.OS
	before func(path string)
	holds  bool
}

func (d *slowDir) Remove(path string) error {
	if d.holds {
		return &os.PathError{Op: "unlinkat", Path: path, Err: os.ErrPermission}
	}
	return d.OS.Remove(path)
}

func (d *slowDir) Mkdir(path string) error {
	if d.before != nil && strings.Contains(path, "/recordings/") {
		d.before(path)
	}
	return d.OS.Mkdir(path)
}

// Clips that are asked for at the same moment are as many as those that are asked for one after the other.
func TestClipsAtOnceAreBounded(t *testing.T) {
	const asked = 12
	files := &slowDir{}
	b := clipBench(t)
	b.files = files
	b.restart()
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	now := b.clock.Now()
	inside, release := make(chan bool, asked), make(chan struct{})
	files.before = func(string) {
		select {
		case <-release: // the name was taken
		default:
			inside <- true
			<-release
		}
	}
	var all sync.WaitGroup
	for range asked {
		all.Go(func() {
			_, err := b.Clip("cam", "", now.Add(-time.Second), now.Add(time.Second))
			if errors.Is(err, recording.ErrTooMany) {
				inside <- false
			}
		})
	}
	cut := 0
	for range asked {
		if <-inside {
			cut++
		}
	}
	close(release)
	require.Equal(t, 8, cut)
	all.Wait()
	require.Len(t, b.Recordings(), 8)
}

// What could not be cut leaves nothing, and tells nobody where files lie.
func TestClipThatFailsLeavesNothing(t *testing.T) {
	b := clipBench(t)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	_, err = b.StartRecording("cam")
	require.NoError(t, err)
	e, enc := b.next(tl)
	b.run(e, enc, 2)
	name := tl.Recording().Info().Name
	require.NoError(t, os.Remove(filepath.Join(tl.Recording().Dir(), "video-1-2.m4s")))
	_, err = b.ClipRecording(t.Context(), "cam", name, "", 0, 4*time.Second)
	require.Error(t, err)
	require.NotContains(t, err.Error(), b.Packager.opts.RecordingsDir)
	list := b.Recordings()
	require.Len(t, list, 1)
	require.Equal(t, name, list[0].Name)
}

// Why a clip cannot be deleted is told without where it lies.
func TestClipThatStays(t *testing.T) {
	files := &slowDir{}
	b := clipBench(t)
	b.files = files
	b.restart()
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	info, err := b.Clip("cam", "", b.clock.Now().Add(-time.Second), b.clock.Now())
	require.NoError(t, err)
	require.NoError(t, tl.End())
	files.holds = true
	err = b.DeleteClip("cam", info.Name)
	require.ErrorContains(t, err, "permission denied")
	require.NotContains(t, err.Error(), b.Packager.opts.RecordingsDir)
}

// Who lists the clips of a stream, as everybody may, has nothing of other streams read.
func TestClipsOfAStream(t *testing.T) {
	b := clipBench(t)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	now := b.clock.Now()
	var names []string
	for range 3 {
		info, err := b.Clip("cam", "", now.Add(-4*time.Second), now.Add(-2*time.Second))
		require.NoError(t, err)
		names = append([]string{info.Name}, names...)
		b.keep()
	}
	_, err := b.StartRecording("cam")
	require.NoError(t, err)
	other := filepath.Join(b.Packager.opts.RecordingsDir, "other", "20990101T000000Z")
	require.NoError(t, os.MkdirAll(other, 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(other, "recording.json"), 0o600)) // who reads it waits for ever
	for first, want := range map[string][]string{"": names, names[0]: names[1:], names[2]: {}} {
		listed := make(chan []string)
		go func() {
			got := []string{}
			for info := range b.ClipsBehind("cam", first) {
				got = append(got, info.Name)
			}
			listed <- got
		}()
		select {
		case got := <-listed:
			require.Equal(t, want, got)
		case <-time.After(2 * time.Minute):
			t.Fatal("recordings of another stream are read")
		}
	}
	for range b.ClipsBehind("../cam", "") {
		t.Fatal("of a name that is none")
	}
}
