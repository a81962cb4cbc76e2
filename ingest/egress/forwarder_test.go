package egress

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// Viewers are spread over the forwarders, and come in the places of those that have gone.
func TestForwardersShare(t *testing.T) {
	fs := &Forwarders{all: []*forwarder{{}, {}, {}}}
	var engaged []*forwarder
	for range 9 {
		engaged = append(engaged, fs.engage())
	}
	for _, f := range fs.all {
		require.Equal(t, 3, f.viewers)
	}
	for _, f := range engaged {
		if f == fs.all[1] {
			fs.dismiss(f)
		}
	}
	require.Same(t, fs.all[1], fs.engage())
}

// However often a viewer is roused by its two media, nothing that has come is left lying.
func TestForwarderMissesNothing(t *testing.T) {
	fs := NewForwarders()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { fs.Run(ctx) })
	defer running.Wait()
	defer cancel()
	const viewers, packets = 10, 2000
	tracks := []*media.Track{mediatest.Track(media.KindVideo), mediatest.Track(media.KindAudio)}
	var all []*Viewer
	for range viewers {
		v := &Viewer{session: &session.Session{}, dropped: new(atomic.Uint64), forwarder: fs.engage()}
		for _, track := range tracks {
			o, err := newDownTrack(track.Kind(), track.Format(), "cam")
			require.NoError(t, err)
			o.rouse = v.rouse
			if track.Kind() == media.KindVideo {
				v.video = o
			} else {
				v.audio = o
			}
		}
		v.attach(tracks, time.Now())
		all = append(all, v)
	}
	var writing sync.WaitGroup
	for _, track := range tracks {
		writing.Go(func() {
			for seq := range uint16(packets) {
				mediatest.Push(track, seq, true)
			}
		})
	}
	writing.Wait()
	for _, v := range all {
		require.Eventually(t, func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return uint64(v.video.packets+v.audio.packets)+v.dropped.Load() == 2*packets
		}, 2*time.Minute, time.Millisecond)
		v.locked(v.finish)
	}
}

// BenchmarkForward hands a packet on to viewers, to where it would be encrypted.
func BenchmarkForward(b *testing.B) {
	track := mediatest.Track(media.KindVideo)
	o, w := sentTo(b, 8)
	v := &Viewer{session: &session.Session{}, dropped: new(atomic.Uint64), video: o, forwarder: &forwarder{wake: make(chan struct{}, 1)}}
	o.rouse = v.rouse
	o.attach(track, time.Now())
	p := track.NewPacket()
	p.RTP, p.KeyFrame = *rtptest.VP8Packet(0, true), true
	w.discards = true
	b.ReportAllocs()
	for b.Loop() {
		p.RTP.SequenceNumber++
		o.tap.Deliver(p)
		v.forwarder.due = v.forwarder.due[:0]
		v.turn()
	}
	require.Equal(b, uint32(b.N), o.packets)
}
