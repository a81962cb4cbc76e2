package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// attach makes p the publisher. A run goes on with its fillers until something is heard of p.
func (b *Broadcast) attach(p *session.Publisher) {
	b.detach(time.Now())
	b.input = newInput(p)
	b.videoTrack.Store(b.input.videoTrack())
	b.passthrough.breaks, b.passthrough.quiet, b.simulcast = 0, false, simulcast{}
	video, audio := b.input.codecs()
	b.log.Info("publisher has come", "session", p.ID(), "from", p.RemoteAddr(), "video", video, "audio", audio)
	if b.run == nil {
		b.retryAt, b.failures = time.Time{}, 0
		b.startRun()
	}
}

// detach parts from the publisher; the fillers go on.
func (b *Broadcast) detach(now time.Time) {
	if b.input == nil {
		return
	}
	b.log.Info("publisher has left", "session", b.input.ID(), "reason", b.input.Err())
	if b.input.heard {
		b.readTaps()
	}
	b.input.close()
	b.input, b.away = nil, now
	b.videoTrack.Store(nil)
	b.run.detach(now)
	b.source.flush()
}

// readTaps reads all that both taps hold.
func (b *Broadcast) readTaps() {
	if b.input == nil {
		return
	}
	b.readTap(depay.Video, b.input.video)
	b.readTap(depay.Audio, b.input.audio)
}

// readTap reads all that a tap holds, so that one wake-up serves many packets.
func (b *Broadcast) readTap(kind depay.Kind, tap *media.Tap) {
	if tap == nil {
		return
	}
	if kind == depay.Video {
		b.run.readLayers()
	}
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if !b.input.heard {
			b.firstPacket()
		}
		b.run.push(kind, p)
		p.Release()
	}
}

// firstPacket sees to the first packet of a publisher: the run goes on with it, or another begins that reads its tracks.
func (b *Broadcast) firstPacket() {
	b.input.heard = true
	if b.run != nil && !b.run.fits(b.input.codecs()) {
		b.restartRun()
	}
}

// requestKeyFrame asks the publisher, if there is one that sends video.
func (b *Broadcast) requestKeyFrame() {
	if track := b.videoTrack.Load(); track != nil {
		track.RequestKeyFrame()
	}
}

// playable reports whether viewers have ever had something to play.
func (b *Broadcast) playable() bool {
	select {
	case <-b.timeline.Playable():
		return true
	default:
		return false
	}
}
