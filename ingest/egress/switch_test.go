package egress

import (
	"testing"
	"time"

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

	o.goOn(worse, whole, sendsBase)
	o.goOn(worse, whole, sendsBase)
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

	o.goOn(best, whole, sendsAll)
	o.goOn(worse, whole, sendsAll)
	require.Nil(t, o.next)
	push(best, 1, 104, 15000, true)
	forward()
	require.Len(t, w.packets, 5)
	o.goOn(best, whole, sendsAll)
	o.detach()
	require.Nil(t, o.next)
	o.sent.release()
}

// Nothing is sent of an encoding that is far too much for the network while the key frame of the next one is waited for. Who stays after all goes
// on at a key frame.
func TestSwitchOverInSilence(t *testing.T) {
	o, w := sentTo(t, 0)
	best, worse := mediatest.Track(media.KindVideo), mediatest.Track(media.KindVideo)
	o.attach(best, time.Now())
	mediatest.Push(best, 100, true)
	o.sendAll()
	for range 2 {
		sent := len(w.packets)
		o.goOn(worse, whole, sendsNothing)
		o.goOn(worse, whole, sendsAll) // it is still waited for
		mediatest.Push(best, 101, false)
		mediatest.Push(best, 102, true)
		o.sendAll()
		require.Len(t, w.packets, sent)
		o.goOn(best, whole, sendsAll)
		mediatest.Push(best, 103, false)
		o.sendAll()
		require.Len(t, w.packets, sent, "it has no picture that this one builds on")
		mediatest.Push(best, 104, true)
		o.sendAll()
		require.Len(t, w.packets, sent+1)
		require.Equal(t, w.packets[sent-1].SequenceNumber+1, w.packets[sent].SequenceNumber)
	}
	o.detach()
	o.sent.release()
}

// What has been lost since the newest key frame is sent again before anything new, as nothing new can be shown without it; what was lost before that
// key frame, unless something new has waited for long; and nothing of an encoding that is too much.
func TestWorthRepeating(t *testing.T) {
	o, w := sentTo(t, 0)
	now := time.Now()
	track, other := mediatest.Track(media.KindVideo), mediatest.Track(media.KindVideo)
	push := func(track *media.Track, sequence uint16, key bool, since time.Duration) {
		p := track.NewPacket()
		defer p.Release()
		p.RTP, p.Arrival = *rtptest.VP8Packet(sequence, key), now.Add(-since)
		track.Push(p)
	}
	o.attach(track, now)
	push(track, 100, true, 0)
	push(track, 101, false, 0)
	push(track, 102, true, 0)
	push(track, 103, false, 0)
	o.sendAll()
	before, since := w.packets[1].SequenceNumber, w.packets[3].SequenceNumber
	worth := func() [2]bool { return [2]bool{o.worthRepeating(before, now), o.worthRepeating(since, now)} }
	require.Equal(t, [2]bool{true, true}, worth())
	push(track, 104, false, repeatsFirst/2)
	require.Equal(t, [2]bool{true, true}, worth())
	push(track, 105, false, 0)
	o.sendAll()
	push(track, 106, false, 2*repeatsFirst)
	require.Equal(t, [2]bool{false, true}, worth())
	o.sendAll()
	o.goOn(other, whole, sendsAll)
	require.Equal(t, [2]bool{true, true}, worth())
	push(other, 1, true, 2*repeatsFirst)
	require.Equal(t, [2]bool{false, true}, worth(), "the key frame of a better one waits")
	o.goOn(other, whole, sendsBase)
	require.Equal(t, [2]bool{false, false}, worth(), "a worse one is waited for")
	o.detach()
	o.sent.release()
}
