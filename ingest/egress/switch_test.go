package egress

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// A viewer goes on with another encoding at a key frame of it, without a gap; until then the old one flows. Who changes its mind stays.
func TestSwitchOver(t *testing.T) {
	o, w := sentTo(t, 0)
	best, worse := mediatest.Track(media.KindVideo), mediatest.Track(media.KindVideo)
	push := func(track *media.Track, ssrc uint32, sequence uint16, timestamp uint32, key bool) {
		p := track.NewPacket()
		defer p.Release()
		p.RTP, p.Arrival = *rtptest.VP8Packet(sequence, key), time.Now()
		p.RTP.SSRC, p.RTP.Timestamp = ssrc, timestamp
		track.Push(p)
	}
	forward := func() {
		for {
			p, ok := o.switches()
			if !ok {
				p, ok = o.tap.Next()
			}
			if !ok {
				return
			}
			o.send(p, p.Arrival)
			p.Release()
		}
	}
	o.attach(best, time.Now())
	push(best, 1, 100, 3000, true)
	push(best, 1, 101, 6000, false)
	forward()
	require.Len(t, w.packets, 2)

	o.goOn(worse, allTemporal, true)
	o.goOn(worse, allTemporal, true)
	push(worse, 2, 7000, 6000, false)
	push(best, 1, 102, 9000, false)
	forward()
	require.Len(t, w.packets, 3)
	require.Same(t, best, o.source.Load())

	push(worse, 2, 7001, 9000, true) // the same picture
	push(worse, 2, 7002, 12000, false)
	push(best, 1, 103, 12000, false)
	forward()
	require.Same(t, worse, o.source.Load())
	require.Len(t, w.packets, 5, "what the old one still has is dropped")
	require.Zero(t, o.lost(), "what came before the key frame was not for this viewer")
	for i, p := range w.packets[1:] {
		require.Equal(t, w.packets[i].SequenceNumber+1, p.SequenceNumber)
		require.Positive(t, int32(p.Timestamp-w.packets[i].Timestamp))
	}
	require.Equal(t, w.packets[2].Timestamp+1, w.packets[3].Timestamp)

	o.goOn(best, allTemporal, false)
	o.goOn(worse, allTemporal, false)
	require.Nil(t, o.next)
	push(best, 1, 104, 15000, true)
	forward()
	require.Len(t, w.packets, 5)
	o.goOn(best, allTemporal, false)
	o.detach()
	require.Nil(t, o.next)
	o.sent.release()
}

// What has been lost is sent again unless something new has waited for long, be it of the encoding that is sent or of the next one.
func TestNewGoesBeforeLost(t *testing.T) {
	o, _ := sentTo(t, 0)
	now := time.Now()
	v := &Viewer{control: bandwidth.NewController(now)}
	track, smaller := mediatest.Track(media.KindVideo), mediatest.Track(media.KindVideo)
	push := func(track *media.Track, since time.Duration) {
		p := track.NewPacket()
		defer p.Release()
		p.RTP, p.Arrival = *rtptest.VP8Packet(1, true), now.Add(-since)
		track.Push(p)
	}
	require.True(t, v.mayRepeat(o, now), "nothing is sent yet")
	o.attach(track, now)
	o.goOn(smaller, allTemporal, true)
	push(track, repeatsFirst/2)
	require.True(t, v.mayRepeat(o, now))
	push(smaller, 2*repeatsFirst)
	require.False(t, v.mayRepeat(o, now), "the key frame of the next encoding waits")
	p, switched := o.switches()
	require.True(t, switched)
	p.Release()
	require.True(t, v.mayRepeat(o, now))
	push(smaller, 2*repeatsFirst)
	require.False(t, v.mayRepeat(o, now))
}
