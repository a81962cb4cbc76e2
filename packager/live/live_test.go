package live

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

func newConfig(t *testing.T) *Config {
	timing := timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 12 * time.Second}
	return &Config{
		Config: timeline.Config{Timing: timing, Wall: time.Now},
		Dir:    t.TempDir(), Files: disk.OS{}, Logger: slog.New(slog.DiscardHandler),
		Watch: func(*Epoch) {}, Unwatch: func(*Epoch) {},
	}
}

func nowhere() Output {
	return Output{Publish: func(*timeline.Snapshot) {}, Record: func(timeline.Recordable) {}}
}

// What cannot be deleted is tried again.
func TestReapAgain(t *testing.T) {
	s, err := Create(newConfig(t), "cam", nowhere())
	require.NoError(t, err)
	now := time.Now()
	s.expiry.add(expiring{path: filepath.Join(s.dir, "cam\x00"), at: now})
	require.Error(t, s.Reap(now, false))
	require.Len(t, s.expiry.queue, 1)
	require.NoError(t, s.Reap(now, false), "not at once")
	require.Error(t, s.Reap(now.Add(reapAgain), false))
	require.Error(t, s.Reap(now, true), "at once in need of space")
	require.NoError(t, s.Delete())
	require.NoDirExists(t, s.dir)
}

// A log is compacted once it has many more lines than say what is still so, and what is appended meanwhile is not lost.
func TestCompaction(t *testing.T) {
	s, err := Create(newConfig(t), "cam", nowhere())
	require.NoError(t, err)
	name := filepath.Join(s.dir, LogName)
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, s.Keep())
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, before, after, "there is nothing to gain")

	s.log.lines.Store(1 << 20)
	require.NoError(t, s.Keep())
	require.EqualValues(t, 1, s.log.lines.Load())

	s.order.Lock()
	s.log.tail = []byte{}
	s.commit((*timeline.Timeline).Open) // while the new log is being written
	s.order.Unlock()
	require.NoError(t, s.rewrite(s.log, s.state.Records()))
	require.EqualValues(t, 2, s.log.lines.Load())
	require.Nil(t, s.log.tail)
	again, err := Recover(s.cfg, "cam", nowhere())
	require.NoError(t, err)
	require.Equal(t, s.state.Info().Started.UTC(), again.state.Info().Started.UTC())
	matches, err := filepath.Glob(filepath.Join(s.dir, disk.TemporaryPattern))
	require.NoError(t, err)
	require.Empty(t, matches)
}

// A log that a successor has is not rewritten from the state before.
func TestCompactionLosesToSuccessor(t *testing.T) {
	s, err := Create(newConfig(t), "cam", nowhere())
	require.NoError(t, err)
	_, err = s.End()
	require.NoError(t, err)
	log := s.log
	log.tail = []byte{}
	next := s.Successor(nowhere())
	before, err := os.ReadFile(filepath.Join(s.dir, LogName))
	require.NoError(t, err)
	require.NoError(t, s.rewrite(log, nil))
	after, err := os.ReadFile(filepath.Join(s.dir, LogName))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Same(t, log, next.log)
	require.Nil(t, s.log)
}

func TestEncoderNames(t *testing.T) {
	for name, want := range map[string]string{"seg-0-00001.m4s": "0", "seg-0-00001.m4s.tmp": "0", "seg-a-b-12.m4s": "a-b", "seg-0": "", "init-0.mp4": "", "seg--1.m4s": ""} {
		rep, ok := encoderRep(name)
		require.Equal(t, want, rep, name)
		require.Equal(t, want != "", ok, name)
	}
	require.Equal(t, "seg-0-00012.m4s", encoderSegment("0", 12))
	require.Equal(t, "seg-0-123456.m4s", encoderSegment("0", 123456))
}

// Housekeeping beside the deletion of a stream, and after it, does not make its directory again.
func TestKeepDoesNotRevive(t *testing.T) {
	s, err := Create(newConfig(t), "cam", nowhere())
	require.NoError(t, err)
	require.NoError(t, s.Delete())
	require.NoError(t, s.Keep())
	require.NoDirExists(t, s.dir)
}
