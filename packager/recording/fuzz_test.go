package recording

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/internal/disktest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// FuzzInfo reads a recording.json, and what it takes it writes so that it is read again.
func FuzzInfo(f *testing.F) {
	at := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	whole := Info{
		Stream: "cam", Name: "20261120T194500Z", State: StateFinished, Started: at, Ended: at.Add(time.Hour), Duration: 3600, Bytes: 1 << 30,
		Sources: []string{"source-1.webm", "source-2.mkv", "source-3.ivf", "source-3.ogg"}, MP4: true, Video: &Video{"avc1.4D401F", 1280, 720, 30}, Audio: &Audio{"mp4a.40.2", 48000, 2},
		Holes: 1, Zeros: []time.Time{at, at.Add(time.Minute)},
	}
	f.Add(whole.text().bytes)
	f.Add([]byte(`{"state":"recording","stream":"a","name":"b","started":"2020-01-01T00:00:00Z","sources":["../../x"]}`))
	f.Add([]byte(`{"bytes":-1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := parseInfo(b)
		if err != nil {
			return
		}
		for _, name := range info.Sources {
			require.Equal(t, filepath.Base(name), name, "a source is in its directory")
		}
		again, err := parseInfo(info.text().bytes)
		require.NoError(t, err)
		first, err := json.Marshal(info)
		require.NoError(t, err)
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(first), string(second))
	})
}

// FuzzRecover recovers and prunes a directory of recordings with any recording.json beside files of any names. Nothing outside of it is
// touched, and nothing that is not a recording is deleted.
func FuzzRecover(f *testing.F) {
	at := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	cut := Info{Stream: "cam", Name: "20261120T194500Z", State: StateRecording, Started: at, Sources: []string{"source-1.webm"}, Zeros: []time.Time{at}}
	f.Add(cut.text().bytes, "source-1.webm\nvideo-1-init.mp4\nvideo-1-1.m4s", []byte("moof"))
	f.Add([]byte(`{"state":"recording","stream":"cam","name":"x","started":"2020-01-01T00:00:00Z"}`), "the only copy.mp4", []byte{})
	f.Add([]byte(`{}`), "a/b\n../c\nvideo-1-999999999999.m4s\nvideo.mp4\n.tmp-x", []byte{1})
	root := disktest.ShortLived(f)
	f.Fuzz(func(t *testing.T, recordingJSON []byte, names string, content []byte) {
		dir := filepath.Join(root, "recordings", "cam", "20261120T194500Z")
		require.NoError(t, os.RemoveAll(filepath.Join(root, "recordings")))
		require.NoError(t, os.MkdirAll(dir, 0o750))
		kept := disktest.PutFiles(t, dir, names, content)
		require.NoError(t, os.WriteFile(filepath.Join(dir, infoFile), recordingJSON, 0o600))
		_, unreadable := parseInfo(recordingJSON)
		s := NewStore(Options{
			Dir: filepath.Join(root, "recordings"), Keep: time.Hour, MaxBytes: 1 << 30, Wall: func() time.Time { return at.Add(time.Minute) },
			Timing: timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: time.Minute},
			Logger: slog.New(slog.DiscardHandler), Files: disktest.NoSync{}, Free: func(string) int64 { return -1 },
			Listed: func(string) []timeline.Recordable { return nil },
		})
		s.Recover(t.Context())
		s.Work(t.Context())
		s.Keep()
		if unreadable != nil {
			s.Retain()
		}
		for _, name := range kept {
			if temporary, _ := filepath.Match(disk.TemporaryPattern, filepath.Base(name)); !temporary && !strings.HasPrefix(filepath.Base(name), "ffmpeg-") {
				require.FileExists(t, filepath.Join(dir, name))
			}
		}
		require.LessOrEqual(t, len(s.List()), 1)
	})
}
