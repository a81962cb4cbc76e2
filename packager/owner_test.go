package packager

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/live"
)

const markName = ".sluice-stream"

// tree is everything below a directory: what is in the files by their names.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(b)
		return err
	}))
	return all
}

// writeTree makes files.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
}

// TestForeignDirectoriesAreLeftAlone starts in a data directory in which others have files, and streams and recordings of those names come
// and go.
func TestForeignDirectoriesAreLeftAlone(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"others' files":        {"/photos/2020/a.jpg": "a", "/notes.txt": "b"},
		"a log of others":      {"/photos/timeline.log": "Mon Jan 1: hello\n", "/photos/a.jpg": "a"},
		"a log of JSON":        {"/photos/timeline.log": `{"level":"info"}` + "\n" + `{"kind":"end"}` + "\nxx"},
		"a log without an end": {"/photos/timeline.log": `{"kind":"op`, "/photos/a.jpg": "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			b := newBench(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			writeTree(t, b.opts.LiveDir, files)
			b.restart()
			require.Contains(t, log.String(), "stream=photos")
			_, err := b.Open("photos")
			require.EqualError(t, err, "open stream photos: "+live.ErrForeign.Error())
			b.clock.Advance(1000 * time.Hour)
			b.keep()
			b.restart()
			require.Equal(t, files, tree(t, b.opts.LiveDir))
		})
	}
}

func TestForeignRecordingsAreLeftAlone(t *testing.T) {
	files := map[string]string{
		"/photos/2020Z/recording.json":               `{"state":"finished"}`,
		"/photos/20200101T000000Z/recording.json":    `{"title":"a foreign one"}`,
		"/photos/20200102T000000Z/recording.json":    `not JSON`,
		"/photos/20200103T000000Z/recording.json":    `{"state":"recording","started":"2020-01-03T00:00:00Z","zeros":[],"sources":[]}`,
		"/photos/20200103T000000Z/the-only-copy.mp4": "of a film",
	}
	var log bytes.Buffer
	b := newBench(t, func(o *Options) {
		o.Keep, o.Record, o.MaxBytes, o.Logger = time.Hour, true, 1, slog.New(slog.NewTextHandler(&log, nil))
	})
	writeTree(t, b.opts.RecordingsDir, files)
	b.restart()
	b.recordings.Recover(t.Context())
	b.recordings.Retain()
	left := tree(t, b.opts.RecordingsDir)
	require.Equal(t, "of a film", left["/photos/20200103T000000Z/the-only-copy.mp4"])
	for name := range files {
		require.Contains(t, left, name)
	}
	require.Contains(t, log.String(), "20200102T000000Z", "what cannot be read is named")
}

// TestUnreadableStreamIsMovedAside: what is ours and cannot be read is kept under another name, and the stream begins anew.
func TestUnreadableStreamIsMovedAside(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"garbage for a log": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, live.LogName), make([]byte, 4096), 0o644))
		},
		"no log": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, live.LogName))) },
		"a directory for a log": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, live.LogName)))
			require.NoError(t, os.Mkdir(filepath.Join(dir, live.LogName), 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			b := newBench(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			_, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			dir := filepath.Join(b.opts.LiveDir, "cam")
			damage(t, dir)
			before := tree(t, dir)
			b.restart()
			aside, err := filepath.Glob(dir + ".unreadable-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
			require.Contains(t, log.String(), aside[0])
			_, e, enc = b.epoch("cam")
			b.run(e, enc, 1)
			b.body("/live/cam/180p.m3u8")
			b.restart()
			require.Equal(t, before, tree(t, aside[0]))
		})
	}
}

// TestDirectoryOfAnEarlierVersion has no mark, and goes on with its numbers.
func TestDirectoryOfAnEarlierVersion(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	before := b.body("/live/cam/180p.m3u8")
	mark := filepath.Join(b.opts.LiveDir, "cam", markName)
	require.NoError(t, os.Remove(mark))
	b.restart()
	require.Equal(t, withoutParts(before), withoutParts(b.body("/live/cam/180p.m3u8")))
	require.FileExists(t, mark)
	require.NoError(t, b.Stream("cam").End())
	b.clock.Advance(time.Hour)
	b.keep()
	require.NoDirExists(t, filepath.Dir(mark))
	_, _, _ = b.epoch("cam")
}

// TestDamageIsKept: what is cut off a log is left under another name.
func TestDamageIsKept(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	name := filepath.Join(b.opts.LiveDir, "cam", live.LogName)
	log, err := os.ReadFile(name)
	require.NoError(t, err)
	damaged := append(append(bytes.Clone(log), "garbage\n"...), log...)
	require.NoError(t, os.WriteFile(name, damaged, 0o644))
	b.restart()
	kept, err := filepath.Glob(name + ".unreadable-*")
	require.NoError(t, err)
	require.Len(t, kept, 1)
	b.body("/live/cam/180p.m3u8")
	again, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, damaged, again)
}
