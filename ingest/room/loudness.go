package room

import (
	"sync/atomic"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
)

const (
	// speech is how loud somebody has to be to be taken for speaking, in dB above the lowest level there is, −127 dBov.
	speech = 77
	// louder is by how much somebody has to be louder than who speaks to be heard in its place, in dB.
	louder = 6
	// speaksFor is how long somebody is the speaker at least.
	speaksFor = time.Second
)

// loudnessMeter is a Subscriber that follows how loud a track's sound is: browsers say so in each packet (RFC 6464).
type loudnessMeter struct {
	extension uint8 // 0: it is not said
	out       *atomic.Int32
	smoothed  float64
}

// Deliver implements Subscriber.
func (m *loudnessMeter) Deliver(p *media.Packet) {
	if m.extension == 0 || p.Report != nil {
		return
	}
	level := p.RTP.GetExtension(m.extension)
	if len(level) == 0 {
		return
	}
	const lowest, weight = 127, 0.1 // of 20 ms in some 200
	m.smoothed += weight * (float64(lowest-level[0]&lowest) - m.smoothed)
	m.out.Store(int32(m.smoothed))
}

// End implements Subscriber.
func (m *loudnessMeter) End() { m.out.Store(0) }

// audioLevelID is the number under which the level is sent; 0 when it is not.
func audioLevelID(receiver *webrtc.RTPReceiver) uint8 {
	for _, e := range receiver.GetParameters().HeaderExtensions {
		if e.URI == sdp.AudioLevelURI {
			return uint8(e.ID) // 1 to 14, or 255 at most (RFC 8285)
		}
	}
	return 0
}

// loud is how loud somebody is, in dB above the lowest level; nothing says so of who sends no sound any more. The caller holds the room's lock.
func (p *participant) loud(now time.Time) int32 {
	if !p.sends(media.KindAudio, now) {
		return 0
	}
	return p.loudness.Load()
}

// chooseSpeaker finds out who speaks. Who has spoken last stays the speaker while nobody does. The caller holds mu.
func (r *room) chooseSpeaker(now time.Time) {
	var loudest *participant
	for _, p := range r.here {
		if loudest == nil || p.loud(now) > loudest.loud(now) {
			loudest = p
		}
	}
	switch {
	case loudest == nil || loudest == r.speaker || loudest.loud(now) < speech:
		return
	case r.speaker != nil && now.Sub(r.speakerFor) < speaksFor:
		return
	case r.speaker != nil && loudest.loud(now) < r.speaker.loud(now)+louder:
		return
	}
	r.speaker, r.speakerFor = loudest, now
}
