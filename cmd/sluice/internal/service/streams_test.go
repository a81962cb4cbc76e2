package service

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// opener opens broadcasts whose disk stands still for one stream until it is let go.
type opener struct {
	packager *packager.Packager
	stuck    string
	asked    chan string   // receives each stream that is opened
	free     chan struct{} // closed once the disk answers
}

func newOpener(t *testing.T, stuck string) *opener {
	t.Helper()
	p, err := packager.New(packager.Options{LiveDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return &opener{packager: p, stuck: stuck, asked: make(chan string, 10), free: make(chan struct{})}
}

func (o *opener) open(stream string) (*broadcast.Broadcast, error) {
	o.asked <- stream
	if stream == o.stuck {
		<-o.free
	}
	timeline, err := o.packager.Open(stream)
	if err != nil {
		return nil, err
	}
	return broadcast.New(broadcast.Options{
		Stream: stream, Timeline: timeline, Disk: o.packager.Disk, Wall: func(t time.Time) time.Time { return t },
		FFmpeg: "ffmpeg", Ladder: transcode.DefaultLadder(), Segment: 2 * time.Second, Part: 200 * time.Millisecond,
		Linger: time.Minute, Logger: slog.New(slog.DiscardHandler),
	}), nil
}

// obtained is what obtain has returned.
type obtained struct {
	broadcast *broadcast.Broadcast
	err       error
}

// obtainAs runs obtain in a goroutine of its own.
func obtainAs(ctx context.Context, s *streams, stream string) <-chan obtained {
	result := make(chan obtained, 1)
	go func() {
		b, err := s.obtain(ctx, stream)
		result <- obtained{b, err}
	}()
	return result
}

// A disk that stands still while a stream is opened is waited for by its own publishers only: other streams begin, and all questions are
// answered. Two publishers of the stream get one broadcast.
func TestOpenOnStuckDisk(t *testing.T) {
	o := newOpener(t, "stuck")
	s := newStreams(o.packager.Disk, o.open)
	ctx, stop := context.WithCancel(t.Context())
	s.admit(ctx)
	first := obtainAs(ctx, s, "stuck")
	require.Equal(t, "stuck", <-o.asked)
	second := obtainAs(ctx, s, "stuck")

	other, err := s.obtain(ctx, "other")
	require.NoError(t, err)
	require.Equal(t, "other", other.Stream())
	require.Equal(t, "other", <-o.asked)
	require.Nil(t, s.find("stuck"))
	require.Same(t, other, s.find("other"))
	require.Equal(t, []*broadcast.Broadcast{other}, s.all())
	require.False(t, closed(s.stopping()))
	impatient, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.obtain(impatient, "stuck")
	require.ErrorIs(t, err, errBusy)
	require.Empty(t, first)
	require.Empty(t, second)

	close(o.free)
	one, two := <-first, <-second
	require.NoError(t, one.err)
	require.Equal(t, one, two)
	require.Same(t, one.broadcast, s.find("stuck"))
	require.Equal(t, []*broadcast.Broadcast{other, one.broadcast}, s.all())
	require.Empty(t, o.asked, "it is opened once")

	stop()
	s.drain()
	require.True(t, one.broadcast.Ended())
	require.True(t, other.Ended())
}

// A stream that could not be opened is tried again by the next publisher.
func TestOpenFails(t *testing.T) {
	o, failure := newOpener(t, ""), errors.New("no space left")
	tries := 0
	s := newStreams(o.packager.Disk, func(stream string) (*broadcast.Broadcast, error) {
		if tries++; tries == 1 {
			return nil, failure
		}
		return o.open(stream)
	})
	ctx, stop := context.WithCancel(t.Context())
	s.admit(ctx)
	_, err := s.obtain(ctx, "cam")
	require.ErrorIs(t, err, failure)
	require.Nil(t, s.find("cam"))
	b, err := s.obtain(ctx, "cam")
	require.NoError(t, err)
	require.Same(t, b, s.find("cam"))
	stop()
	s.drain()
}

// Streams begin while the service runs and the disk can be written.
func TestNothingBegins(t *testing.T) {
	o := newOpener(t, "")
	fault := ""
	s := newStreams(func() packager.Disk { return packager.Disk{Fault: fault} }, o.open)
	_, err := s.obtain(t.Context(), "cam")
	require.ErrorIs(t, err, errStopping, "before Run")
	ctx, stop := context.WithCancel(t.Context())
	s.admit(ctx)
	fault = "the disk is full"
	_, err = s.obtain(ctx, "cam")
	require.EqualError(t, err, "on the server the disk is full: try again when that is mended")
	fault = ""
	stop()
	_, err = s.obtain(t.Context(), "cam")
	require.ErrorIs(t, err, errStopping)
	s.drain()
	require.Nil(t, s.stopping())
	require.Empty(t, o.asked)
}

// What is opened only when the service stops ends like all else.
func TestStopWhileOpening(t *testing.T) {
	o := newOpener(t, "cam")
	s := newStreams(o.packager.Disk, o.open)
	ctx, stop := context.WithCancel(t.Context())
	s.admit(ctx)
	result := obtainAs(t.Context(), s, "cam")
	<-o.asked
	stop()
	close(o.free)
	s.drain()
	got := <-result
	require.NoError(t, got.err)
	require.True(t, got.broadcast.Ended())
	require.Equal(t, timeline.StateEnded, got.broadcast.Info().State)
}

// The API tells of streams that have ended for a while, and not of too many.
func TestForget(t *testing.T) {
	o := newOpener(t, "")
	s := newStreams(o.packager.Disk, o.open)
	ctx, stop := context.WithCancel(t.Context())
	s.admit(ctx)
	b, err := s.obtain(ctx, "cam")
	require.NoError(t, err)
	s.mu.Lock()
	s.forget(time.Now().Add(time.Hour))
	s.mu.Unlock()
	require.Same(t, b, s.find("cam"), "it has not ended")
	stop()
	s.drain()
	require.Len(t, s.all(), 1)
	s.mu.Lock()
	s.forget(time.Now().Add(rememberFor + time.Minute))
	s.mu.Unlock()
	require.Empty(t, s.all())
}
