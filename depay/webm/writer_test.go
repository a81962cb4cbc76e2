package webm_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/webm"
)

// writeLog remembers the sizes of the writes, and fails from the one numbered fail on after half its bytes.
type writeLog struct {
	sizes []int
	fail  int
}

var errDisk = errors.New("disk full")

func (l *writeLog) Write(b []byte) (int, error) {
	l.sizes = append(l.sizes, len(b))
	if l.fail > 0 && len(l.sizes) >= l.fail {
		return len(b) / 2, errDisk
	}
	return len(b), nil
}

func TestOptionsValidate(t *testing.T) {
	cases := []struct {
		name string
		o    webm.Options
		want []string
	}{
		{"good", both(), nil},
		{"nothing", webm.Options{}, []string{"no track"}},
		{"all faults at once", webm.Options{Video: &webm.VideoTrack{Codec: "V_H264"}, Audio: &webm.AudioTrack{}},
			[]string{`"V_H264"`, "0x0 pixels", "0 audio channels"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := webm.NewWriter(io.Discard, c.o)
			require.Equal(t, len(c.want) > 0, err != nil)
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
		})
	}
}

func TestDiskErrors(t *testing.T) {
	t.Run("header", func(t *testing.T) {
		_, err := webm.NewWriter(&writeLog{fail: 1}, both())
		require.ErrorIs(t, err, errDisk)
	})
	t.Run("nothing is written after a failure", func(t *testing.T) {
		log := &writeLog{fail: 2}
		w, err := webm.NewWriter(log, both())
		require.NoError(t, err)
		require.NoError(t, w.WriteFrame(webm.Video, 0, true, []byte{1}))
		require.ErrorIs(t, w.WriteFrame(webm.Video, time.Second, true, []byte{1}), errDisk)
		log.fail = 0
		require.ErrorIs(t, w.WriteFrame(webm.Video, 2*time.Second, true, []byte{1}), errDisk)
		require.ErrorIs(t, w.Flush(), errDisk)
		require.ErrorIs(t, w.Close(), errDisk)
		require.Len(t, log.sizes, 2)
	})
	t.Run("closed file", func(t *testing.T) {
		file, err := os.Create(t.TempDir() + "/closed.webm")
		require.NoError(t, err)
		w, err := webm.NewWriter(file, both())
		require.NoError(t, err)
		require.NoError(t, w.WriteFrame(webm.Video, 0, true, []byte{1}))
		require.NoError(t, file.Close())
		require.ErrorIs(t, w.Close(), os.ErrClosed)
	})
	t.Run("finishing", func(t *testing.T) {
		for fail := 3; fail <= 6; fail++ { // cues, seek head, duration, size
			w, err := webm.NewWriter(&seekable{writeLog{fail: fail}}, both())
			require.NoError(t, err)
			require.NoError(t, w.WriteFrame(webm.Video, 0, true, []byte{1}))
			require.ErrorIs(t, w.Close(), errDisk)
		}
	})
}

type seekable struct{ writeLog }

func (s *seekable) Seek(int64, int) (int64, error) { return 0, nil }

func TestRefusedFrames(t *testing.T) {
	w, err := webm.NewWriter(io.Discard, webm.Options{Video: both().Video})
	require.NoError(t, err)
	require.ErrorIs(t, w.WriteFrame(webm.Video, 0, true, make([]byte, webm.MaxFrameSize+1)), webm.ErrTooLarge)
	require.ErrorContains(t, w.WriteFrame(webm.Video, -1, true, nil), "negative")
	require.ErrorContains(t, w.WriteFrame(webm.Audio, 0, true, nil), "no track 2")
	require.ErrorContains(t, w.WriteFrame(0, 0, true, nil), "no track 0")
	require.NoError(t, w.WriteFrame(webm.Video, 0, true, nil), "the writer goes on")
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.WriteFrame(webm.Video, 0, true, nil), webm.ErrClosed)
	require.ErrorIs(t, w.Close(), webm.ErrClosed)
}

// An *os.File has Seek also when it is a pipe.
func TestPipe(t *testing.T) {
	r, p, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	w, err := webm.NewWriter(p, both())
	require.NoError(t, err)
	require.NoError(t, w.WriteFrame(webm.Video, 0, true, []byte{1}))
	require.NoError(t, w.Close())
	require.NoError(t, p.Close())
	file, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Len(t, parse(t, file).Segment.Cluster, 1)
}

func BenchmarkWriteFrame(b *testing.B) {
	for _, late := range []struct {
		name  string
		audio time.Duration
	}{{"in order", 0}, {"audio 60 ms late", -60 * time.Millisecond}} {
		b.Run(late.name, func(b *testing.B) {
			w, err := webm.NewWriter(io.Discard, both())
			if err != nil {
				b.Fatal(err)
			}
			picture, sound := make([]byte, 10_000), make([]byte, 160)
			b.ReportAllocs()
			for pts := time.Second; b.Loop(); pts += 20 * time.Millisecond {
				if err := w.WriteFrame(webm.Video, pts, false, picture); err != nil {
					b.Fatal(err)
				}
				if err := w.WriteFrame(webm.Audio, pts+late.audio, false, sound); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
