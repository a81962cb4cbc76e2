package broadcast

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
)

// stuckDisk is a file whose disk takes nothing from stick on until it is let go.
type stuckDisk struct {
	bytes.Buffer
	free chan struct{}
}

func (d *stuckDisk) stick() { d.free = make(chan struct{}) }

func (d *stuckDisk) Write(b []byte) (int, error) {
	if d.free != nil {
		<-d.free
	}
	return d.Buffer.Write(b)
}

// stuckSource is a source that has begun its file, on a disk that is stuck then.
func stuckSource(t *testing.T) (*source, *stuckDisk) {
	disk := &stuckDisk{}
	s := newSource(nil, false, slog.New(slog.DiscardHandler))
	w := s.writer
	w.recording, w.video, w.audio, w.zero = &recording.Recording{}, depay.VP8, depay.Opus, time.Now()
	current := w.recording
	w.current = func() *recording.Recording { return current }
	file, err := webm.NewWriter(disk, webm.Options{
		Video: &webm.VideoTrack{Codec: webm.VP8, Width: 16, Height: 16}, Audio: &webm.AudioTrack{Channels: 2},
	})
	require.NoError(t, err)
	w.files = &webmSource{io.NopCloser(disk), file}
	disk.stick()
	s.start()
	return s, disk
}

// A disk that stands still costs the source recording frames, and nobody any time.
func TestSourceOnStuckDisk(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int // bytes of a picture
		holds int // pictures that wait, at most
	}{
		{"many", 1000, maxSourceFrames},
		{"large", 1 << 20, maxSourceBytes >> 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, disk := stuckSource(t)
				zero := s.writer.zero
				picture := func(n int, key bool) depay.Frame {
					return depay.Frame{Codec: depay.VP8, PTS: int64(n) * 3000, Key: key, Data: bytes.Repeat([]byte{byte(n)}, c.size)}
				}
				s.write(picture(0, true), zero, depay.VP8, depay.Opus)
				s.write(picture(1, true), zero, depay.VP8, depay.Opus) // ends the cluster: the writer is stuck from here on
				synctest.Wait()
				n := 2
				for ; s.dropped() == 0; n++ {
					s.write(picture(n, false), zero, depay.VP8, depay.Opus)
				}
				require.Equal(t, c.holds+3, n)
				for range 1000 {
					s.write(picture(n, true), zero, depay.VP8, depay.Opus)
				}
				require.EqualValues(t, 1001, s.dropped(), "a key frame too finds no room")
				s.flush()

				close(disk.free)
				synctest.Wait()
				s.write(picture(n, false), zero, depay.VP8, depay.Opus)
				require.EqualValues(t, 1002, s.dropped(), "it needs what was left out")
				s.write(picture(n+1, true), zero, depay.VP8, depay.Opus)
				s.write(picture(n+2, false), zero, depay.VP8, depay.Opus)
				s.Close()
				require.EqualValues(t, 1002, s.dropped())
				require.Equal(t, 1, s.writer.recording.Info().Holes)
				require.Zero(t, s.bytes.Load())
				require.Greater(t, disk.Len(), (c.holds+3)*c.size)
			})
		})
	}
}

// The end of a broadcast does not wait for ever for a disk that does not answer.
func TestSourceClosedOnStuckDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, disk := stuckSource(t)
		s.write(depay.Frame{Codec: depay.VP8, Key: true, Data: []byte("picture")}, s.writer.zero, depay.VP8, depay.Opus)
		began := time.Now()
		s.Close()
		require.Equal(t, sourceWithin, time.Since(began))
		close(disk.free)
		<-s.done
	})
}

// A recording that has failed is followed by another, in which the source begins with a key frame.
func TestSourceFollowsRecording(t *testing.T) {
	p, err := packager.New(packager.Options{LiveDir: t.TempDir(), RecordingsDir: t.TempDir(), Record: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var recordings []*recording.Recording
	for _, name := range []string{"first", "second"} {
		stream, err := p.Open(name)
		require.NoError(t, err)
		recordings = append(recordings, stream.Recording())
	}
	current, zero := recordings[0], time.Now()
	w := &sourceWriter{current: func() *recording.Recording { return current }, log: slog.New(slog.DiscardHandler)}
	take := func(at time.Duration, codec depay.Codec, key bool) {
		pts := int64(at) * codec.ClockRate() / int64(time.Second)
		w.record(sourceFrame{depay.Frame{Codec: codec, PTS: pts, Key: key, Data: []byte("media")}, zero, depay.VP8, depay.Opus, false})
	}
	take(0, depay.Opus, false)
	require.Equal(t, []string{"source-1.webm"}, recordings[0].Info().Sources, "whatever comes first begins the first file")
	w.fail(io.ErrShortWrite)
	take(time.Second, depay.VP8, true)
	require.Nil(t, w.files, "the same recording is not begun again")

	current = recordings[1]
	take(10*time.Second, depay.Opus, false)
	take(10*time.Second, depay.VP8, false)
	require.Empty(t, recordings[1].Info().Sources)
	take(10*time.Second, depay.VP8, true)
	take(8*time.Second, depay.Opus, false) // too old for the file
	take(9900*time.Millisecond, depay.Opus, false)
	require.Equal(t, []string{"source-1.webm"}, recordings[1].Info().Sources)
	require.Equal(t, 9*time.Second, w.zero.Sub(zero))
	require.False(t, w.failed)
	w.close()
}

// A recording that is stopped has its files finished at once, and one that is begun in the middle begins with a key frame.
func TestSourceOfRecordingsOnDemand(t *testing.T) {
	p, err := packager.New(packager.Options{LiveDir: t.TempDir(), RecordingsDir: t.TempDir(), Record: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var recordings []*recording.Recording
	for _, name := range []string{"first", "second"} {
		stream, err := p.Open(name)
		require.NoError(t, err)
		recordings = append(recordings, stream.Recording())
	}
	var current *recording.Recording
	zero := time.Now()
	w := &sourceWriter{current: func() *recording.Recording { return current }, log: slog.New(slog.DiscardHandler)}
	take := func(ms int64, codec depay.Codec, key bool) {
		w.record(sourceFrame{depay.Frame{Codec: codec, PTS: ms * codec.ClockRate() / 1000, Key: key, Data: []byte("media")}, zero, depay.VP8, depay.Opus, false})
	}
	take(0, depay.VP8, true)
	for i, r := range recordings {
		current = r
		at := int64(1000 * i)
		take(at+100, depay.Opus, false)
		take(at+110, depay.VP8, false)
		require.Empty(t, r.Info().Sources, "it needs what was missed")
		take(at+200, depay.VP8, true)
		take(at+210, depay.VP8, false)
		require.Equal(t, []string{"source-1.webm"}, r.Info().Sources)
		require.NotNil(t, w.files)
	}
	current = nil
	w.record(sourceFrame{})
	require.Nil(t, w.files, "they are finished without another frame")
	require.Nil(t, w.recording)
	take(3000, depay.VP8, true)
	require.Nil(t, w.files)
}

// BenchmarkSource is what a frame costs the stream's own loop.
func BenchmarkSource(b *testing.B) {
	s := newSource(nil, false, slog.New(slog.DiscardHandler))
	s.writer.failed, s.writer.recording = true, &recording.Recording{}
	s.writer.current = func() *recording.Recording { return s.writer.recording }
	s.start()
	defer s.Close()
	f, zero := depay.Frame{Codec: depay.Opus, Data: make([]byte, 160)}, time.Now()
	b.ReportAllocs()
	for b.Loop() {
		s.write(f, zero, 0, depay.Opus)
	}
}
