package live

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/internal/disktest"
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
	root := disktest.ShortLived(f)
	now := time.Date(2026, 11, 20, 19, 46, 0, 0, time.UTC)
	cfg := &Config{
		Config: timeline.Config{
			Timing: timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 12 * time.Second}, Wall: func() time.Time { return now },
		},
		Dir: filepath.Join(root, "live"), Linger: time.Minute, Files: disktest.NoSync{}, Logger: slog.New(slog.DiscardHandler),
		Watch: func(*Epoch) {}, Unwatch: func(*Epoch) {},
	}
	dir, outside := filepath.Join(cfg.Dir, "cam"), filepath.Join(root, "outside")
	f.Fuzz(func(t *testing.T, log []byte, marked bool, names string, content []byte) {
		require.NoError(t, os.RemoveAll(cfg.Dir))
		require.NoError(t, os.MkdirAll(dir, 0o750))
		require.NoError(t, os.WriteFile(outside, []byte("outside"), 0o600))
		made := disktest.PutFiles(t, dir, names, content)
		if marked {
			made = append(made, disktest.PutFiles(t, dir, markName, []byte(markText))...)
		}
		made = append(made, disktest.PutFiles(t, dir, LogName, log)...)
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
