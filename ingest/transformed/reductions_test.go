package transformed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
)

// key is the beginning of a key frame of VP8, without a descriptor.
var key = rtptest.VP8Packet(0, true).Payload[1:]

// steadily makes a picture every 40 ms, or says that there is no time for it.
func steadily(drops bool) ReduceFunc {
	return func(ctx context.Context, video *media.Track, _ Reduction, out *Output) error {
		for ctx.Err() == nil {
			if <-time.After(40 * time.Millisecond); drops {
				out.Drop()
			} else {
				out.Send(uint32(time.Now().UnixMilli()*90), key)
			}
		}
		return nil
	}
}

// reductions are those of a test, which ends them.
type reductions struct {
	testing.TB
	*Reductions
	log bytes.Buffer
}

func newTestReductions(t testing.TB, reduce ReduceFunc) *reductions {
	rs := &reductions{TB: t}
	rs.Reductions = NewReductions(ReductionsConfig{
		Reduce: reduce, Packets: media.NewPacketPool(), Most: 1, Linger: 30 * time.Second, Logger: slog.New(slog.NewTextHandler(&rs.log, nil)),
	})
	return rs
}

// publish has somebody send 1.6 Mbit/s for two seconds, under a name.
func (rs *reductions) publish(name string) *media.Track {
	rs.Helper()
	track := mediatest.Track(media.KindVideo)
	rs.Published(name, []*media.Track{track})
	z := media.NewPacketizer(track)
	for at := time.Duration(0); at <= 2*time.Second; at += 20 * time.Millisecond {
		for range 4 {
			z.Send(true, at, time.Now(), make([]byte, 1000))
		}
		<-time.After(20 * time.Millisecond)
	}
	return track
}

// reduced is what is made of a track; nil: nothing is offered.
func reduced(of *media.Track) *media.Track {
	if all := of.Encodings(); len(all) == 2 && all[0].Name == media.ReducedName {
		return all[0].Track
	}
	return nil
}

// An encoder begins with who wants its pictures, and ends a while after the last has gone, or with the publisher.
func TestReductionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newTestReductions(t, steadily(false))
		defer rs.Close()
		track := rs.publish("cam")
		require.NotNil(t, reduced(track))
		require.Equal(t, []string{media.WholeName, media.ReducedName}, track.LayerNames())
		time.Sleep(time.Hour)
		require.Zero(t, rs.Stats().Begun, "nobody wants it")

		one, two := reduced(track).JoinNext(16, func() {}), reduced(track).JoinNext(16, func() {})
		time.Sleep(time.Minute)
		require.Equal(t, 1, rs.Stats().Encoders)
		require.NotZero(t, reduced(track).Stats().KeyFrames)
		one.Close()
		time.Sleep(time.Minute)
		require.Equal(t, 1, rs.Stats().Encoders)
		two.Close()
		time.Sleep(25 * time.Second)
		require.Equal(t, 1, rs.Stats().Encoders)
		time.Sleep(10 * time.Second)
		require.Zero(t, rs.Stats().Encoders)

		three := reduced(track).JoinNext(16, func() {})
		time.Sleep(time.Second)
		require.EqualValues(t, 2, rs.Stats().Begun)
		rs.Unpublished("cam")
		synctest.Wait()
		for p, ok := three.Next(); ok; p, ok = three.Next() {
			p.Release()
		}
		require.True(t, three.Ended())
		time.Sleep(time.Second)
		require.Zero(t, rs.Stats().Encoders)
		require.Nil(t, reduced(track))
		require.Empty(t, rs.log.String())
		three.Close()
	})
}

// Where an encoder does not keep up, ends by itself or finds no room, nothing is offered for a while that doubles, and the log says so once.
func TestReductionFails(t *testing.T) {
	for name, tt := range map[string]struct {
		reduce          ReduceFunc
		room            error
		lasts           time.Duration
		failed, refused uint64
	}{
		"behind": {reduce: steadily(true), lasts: 11 * time.Second, failed: 2},
		"killed": {reduce: func(context.Context, *media.Track, Reduction, *Output) error { return errors.New("killed") }, failed: 2},
		"panic":  {reduce: func(context.Context, *media.Track, Reduction, *Output) error { panic("killed") }, failed: 2},
		"full":   {reduce: steadily(false), room: errors.New("all cores are busy"), refused: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rs := newTestReductions(t, tt.reduce)
				defer rs.Close()
				rs.config.Room = func(context.Context) error { return tt.room }
				track := rs.publish("cam")
				for _, pause := range []time.Duration{30 * time.Second, time.Minute} {
					tap := reduced(track).JoinNext(16, func() {})
					time.Sleep(tt.lasts + time.Second)
					require.Nil(t, reduced(track))
					require.Zero(t, rs.Stats().Encoders)
					tap.Close()
					time.Sleep(pause - 5*time.Second)
					require.Nil(t, reduced(track))
					time.Sleep(5 * time.Second)
					require.NotNil(t, reduced(track))
				}
				require.Equal(t, tt.failed, rs.Stats().Failed)
				require.Equal(t, tt.refused, rs.Stats().Refused)
				require.Equal(t, 1, strings.Count(rs.log.String(), "viewers over WebRTC with slow networks"))
			})
		})
	}
}

// There are as many encoders at once as there may be.
func TestReductionsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newTestReductions(t, steadily(false))
		defer rs.Close()
		one := rs.publish("one")
		taps := []*media.Tap{reduced(one).JoinNext(16, func() {})}
		two := rs.publish("two")
		taps = append(taps, reduced(two).JoinNext(16, func() {}))
		time.Sleep(time.Second)
		require.NotNil(t, reduced(one))
		require.Nil(t, reduced(two))
		require.EqualValues(t, 1, rs.Stats().Refused)
		for _, tap := range taps {
			tap.Close()
		}
	})
}

// VP9 and AV1 are not encoded so, nor is sound, nor what is sent at few bits.
func TestNothingReduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newTestReductions(t, steadily(false))
		defer rs.Close()
		for _, mimeType := range []string{webrtc.MimeTypeVP9, webrtc.MimeTypeAV1} {
			track := media.NewTrack(media.KindVideo, mediatest.Format(mimeType), media.NewPacketPool())
			rs.Published("cam", []*media.Track{track})
			require.Nil(t, reduced(track))
		}
		rs.Published("cam", []*media.Track{mediatest.Track(media.KindAudio)})
		track := mediatest.Track(media.KindVideo)
		rs.Published("cam", []*media.Track{track})
		_, offered := rs.offer(rs.live["cam"], media.Encoding{Rate: wholeLeast - 1})
		require.False(t, offered)
		_, offered = rs.offer(rs.live["cam"], media.Encoding{Rate: wholeLeast})
		require.True(t, offered)
	})
}

func TestReductionPlan(t *testing.T) {
	for _, tt := range []struct {
		whole                 float64
		want                  Reduction
		width, height         int
		wantWidth, wantHeight int
	}{
		{300_000, Reduction{100_000, 240}, 640, 480, 320, 240},
		{600_000, Reduction{200_000, 360}, 640, 480, 480, 360},
		{2_500_000, Reduction{300_000, 360}, 1280, 720, 640, 360},
		{2_500_000, Reduction{300_000, 360}, 720, 1280, 360, 640},
		{2_500_000, Reduction{300_000, 360}, 320, 240, 320, 240},
		{2_500_000, Reduction{300_000, 360}, 0, 0, 0, 0},
	} {
		r := reduction{}
		r.plan(tt.whole)
		require.Equal(t, tt.want, r.to)
		width, height := r.to.size(tt.width, tt.height)
		require.Equal(t, []int{tt.wantWidth, tt.wantHeight}, []int{width, height})
		r.plan(300_000)
		require.Equal(t, tt.want, r.to, "it is never less than before")
	}
}
