package live

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// fuzzLog is a timeline.log of a stream with an epoch of that name.
func fuzzLog(epoch string) []byte {
	at := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	var log []byte
	for _, r := range []timeline.Record{
		{Kind: "open", At: at},
		{Kind: "epoch", At: at, Epoch: epoch, Fresh: true, Base: 1, Renditions: []timeline.Rendition{{ID: "180p", Rep: "0", Video: true, Width: 320, Height: 180, FPS: 30, Bitrate: 1}}},
		{Kind: "zero", At: at, Start: at},
		{Kind: "part", ID: "180p", MSN: 1, Key: true, Duration: 18000, Size: 4},
		{Kind: "segment", ID: "180p", MSN: 1, Duration: 180000, Size: 4},
	} {
		log, _ = timeline.AppendRecord(log, &r)
	}
	return log
}

// FuzzRecover recovers a stream from a directory with any timeline.log beside files of any names, twice, and lets it end. What is not the
// service's stays as it was, and nothing outside of the directories of streams is touched.
func FuzzRecover(f *testing.F) {
	const epoch = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	log := fuzzLog(epoch)
	f.Add(log, true, epoch+"/out/180p-1.m4s\n"+epoch+"/out/180p-init.mp4\n"+epoch+"/seg-0-00002.m4s.tmp\n"+epoch+"/init-0.mp4", []byte("moof"))
	f.Add(log, false, epoch+"/seg-0-00001.m4s\nnotes.txt", []byte{})
	f.Add(append(bytes.Clone(log), "garbage\n"...), true, "ZZZZZZZZZZZZZZZZZZZZZZZZZZ/x\n.tmp-1", []byte{0, 0, 0, 8})
	f.Add([]byte("hello\n"), true, "a/b/c\n../outside\ntimeline.log/x", []byte{1})
	f.Add([]byte{}, true, "", []byte{})
	root := shortLived(f)
	now := time.Date(2026, 11, 20, 19, 46, 0, 0, time.UTC)
	cfg := &Config{
		Config: timeline.Config{
			Timing: timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 12 * time.Second}, Wall: func() time.Time { return now },
		},
		Dir: filepath.Join(root, "live"), Linger: time.Minute, Files: noSync{}, Logger: slog.New(slog.DiscardHandler),
		Watch: func(*Epoch) {}, Unwatch: func(*Epoch) {},
	}
	dir, outside := filepath.Join(cfg.Dir, "cam"), filepath.Join(root, "outside")
	f.Fuzz(func(t *testing.T, log []byte, marked bool, names string, content []byte) {
		require.NoError(t, os.RemoveAll(cfg.Dir))
		require.NoError(t, os.MkdirAll(dir, 0o750))
		require.NoError(t, os.WriteFile(outside, []byte("outside"), 0o600))
		made := putFiles(t, dir, names, content)
		if marked {
			made = append(made, putFiles(t, dir, markName, []byte(markText))...)
		}
		made = append(made, putFiles(t, dir, LogName, log)...)
		s, err := Recover(cfg, "cam", nowhere())
		switch {
		case err != nil:
			require.ErrorIs(t, err, ErrForeign)
			for _, name := range made {
				require.FileExists(t, filepath.Join(dir, name))
			}
			_, err = Create(cfg, "cam", nowhere())
			require.ErrorIs(t, err, ErrForeign)
		case s == nil: // it was moved aside, or is gone
			s, err = Create(cfg, "cam", nowhere())
			require.NoError(t, err)
			endAndDelete(t, s, now)
		default:
			next := s.Info().Segments
			require.NoError(t, s.log.close())
			s, err = Recover(cfg, "cam", nowhere())
			require.NoError(t, err)
			require.NotNil(t, s)
			require.Equal(t, next, s.Info().Segments)
			endAndDelete(t, s, now)
		}
		text, err := os.ReadFile(outside)
		require.NoError(t, err)
		require.Equal(t, "outside", string(text))
	})
}

// endAndDelete is what becomes of a stream that nobody continues.
func endAndDelete(t *testing.T, s *Stream, now time.Time) {
	t.Helper()
	require.NoError(t, s.Reap(now, true))
	require.NoError(t, s.Keep())
	_, err := s.End()
	require.NoError(t, err)
	require.NoError(t, s.Delete())
	require.NoDirExists(t, s.dir)
}

// putFiles makes files of those names, one a line, below a directory as far as they are local, and returns them.
func putFiles(t *testing.T, dir, names string, content []byte) (made []string) {
	t.Helper()
	for name := range strings.SplitSeq(names, "\n") {
		if len(made) == 8 || !filepath.IsLocal(name) || name == "." {
			continue
		}
		path := filepath.Join(dir, name)
		if os.MkdirAll(filepath.Dir(path), 0o750) == nil && os.WriteFile(path, content, 0o600) == nil {
			made = append(made, name)
		}
	}
	return made
}

// shortLived is a directory in memory, where there is one: an input takes less than a millisecond there.
func shortLived(f *testing.F) string {
	f.Helper()
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	root, err := os.MkdirTemp(base, "fuzz-*")
	require.NoError(f, err)
	f.Cleanup(func() { os.RemoveAll(root) })
	return root
}

// noSync does not wait for the disk.
type noSync struct{ disk.OS }

func (noSync) Sync(string) error { return nil }
