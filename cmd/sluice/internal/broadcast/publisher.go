package broadcast

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// errTakenOver is why one has left who would have gone on.
var errTakenOver = errors.New("somebody else publishes")

// expect taps the tracks of who is about to publish, so that nothing is missed of what comes. Whoever publishes goes on until then.
func (b *Broadcast) expect(p *session.Publisher) {
	in := newInput(p)
	b.expected, b.offered = append(b.expected, in), true
	panics.Go(b.log, "the stream", func() {
		select {
		case <-in.Begun():
		case <-in.Done():
		}
		select {
		case b.arrivals <- in:
		case <-b.done:
		}
	})
}

// arrived makes the publisher of one that was expected, or forgets it when it has ended without a packet.
func (b *Broadcast) arrived(in *input) {
	b.expected = slices.DeleteFunc(b.expected, func(other *input) bool { return other == in })
	if in.begun() {
		takesOver := b.input != nil
		if b.attach(in); !takesOver {
			b.tellPublished()
		}
		return
	}
	b.log.Info("publisher has not come", "session", in.ID(), "reason", in.Err())
	in.close()
}

// dismiss ends those that are still expected.
func (b *Broadcast) dismiss(because error) {
	for _, in := range b.expected {
		in.Close(because.Error())
		in.close()
	}
	b.expected = nil
}

// attach makes in the publisher, whose first packet has come.
func (b *Broadcast) attach(in *input) {
	b.detach(time.Now(), errTakenOver)
	b.input, in.since = in, time.Now()
	b.videoTrack.Store(b.input.videoTrack())
	b.passthrough, b.simulcast = b.passthrough.byAnother(), simulcast{}
	video, audio := b.input.codecs()
	b.log.Info("publisher has come", "session", in.ID(), "from", in.RemoteAddr(), "video", video, "audio", audio)
	if b.run == nil {
		b.retryAt, b.failures = time.Time{}, 0
		b.startRun()
	}
}

// detach parts from the publisher, for its own reason if it has ended, else for that given; the fillers go on.
func (b *Broadcast) detach(now time.Time, because error) {
	if b.input == nil {
		return
	}
	b.log.Info("publisher has left", "session", b.input.ID(), "reason", cmp.Or(b.input.Err(), because))
	if b.input.heard {
		b.readTaps()
	}
	b.input.close()
	b.input, b.away = nil, now
	b.videoTrack.Store(nil)
	b.intake.detach(now)
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
		b.intake.push(kind, p)
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
