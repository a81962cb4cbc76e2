package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/transcode"
)

// States of a stream, as the API tells them.
const (
	StateStarting    = "starting"    // a publisher has come, nothing is playable yet
	StateLive        = "live"        // playable and fed
	StateInterrupted = "interrupted" // playable, waiting for its publisher to return
	StateEnded       = "ended"       // over
	StateFailed      = "failed"      // over, with an error
	StateMoved       = "moved"       // over here: another node of the cluster goes on with it
)

// Status is what others may know of a broadcast: an immutable copy that its goroutine renews every second.
type Status struct {
	At    time.Time
	State string // one of the constants
	Error string // why it failed, else ""

	Publisher *session.Publisher // who publishes, or else the last one that is about to; nil for nobody
	VideoIn   depay.Codec        // that the publisher sends; 0 for no video
	AudioIn   depay.Codec
	Video     Video  // as received
	Dropped   uint64 // packets of the publisher that this end was too slow for
	Depay     depay.Stats
	// GroupsGivenUp counts groups of pictures that were too long to begin an ffmpeg in their middle.
	GroupsGivenUp uint64
	Advice        string // what to change in the encoder of a publisher whose video cannot be taken as it is, else ""
	Unkept        uint64 // frames that the disk was too slow for; they are missing in the source recording

	Job         transcode.Stats // of the ffmpeg that runs
	Restarts    int             // of ffmpeg
	Renditions  int             // that are encoded
	Passthrough bool            // the publisher's video is passed on as it is
	Layers      int             // of a simulcast that are passed on beside the best one
	WhyEncoded  string          // why video is encoded that could be passed on, else ""
	Reductions  int             // of the ladder
	Returns     int             // of what a reduction had taken from it
	WhyReduced  string          // why less is encoded than the whole ladder, else ""

	Transform   transcode.Transform // that is made to the video
	WhyNoneMade string              // why that which was asked for is not made any more, else ""

	newer chan struct{}
}

// Newer is closed once there is a newer status.
func (s *Status) Newer() <-chan struct{} { return s.newer }

func (b *Broadcast) state() string {
	switch {
	case !b.playable():
		return StateStarting
	case b.input == nil:
		return StateInterrupted
	default:
		return StateLive
	}
}

func (b *Broadcast) publishStatus(state string, cause error) {
	now := time.Now()
	s := Status{
		At: now, State: state, Video: b.meter.measure(now), Unkept: b.source.dropped(),
		Restarts: b.restarts, WhyEncoded: b.passthrough.refusal, Reductions: b.ladder.reductions, Returns: b.ladder.returns, WhyReduced: b.ladder.reason,
		Transform: b.transform, WhyNoneMade: b.transformReason, newer: make(chan struct{}),
	}
	if cause != nil {
		s.Error = cause.Error()
	}
	if r := b.run; r.works() {
		s.Job, s.Renditions, s.Passthrough, s.Layers = r.job.Stats(), r.encoded, r.passthrough, len(r.layers.passed)
	}
	if b.intake != nil {
		s.Depay, s.GroupsGivenUp = b.intake.Stats(), b.intake.gop.givenUp
	}
	for _, in := range b.expected {
		s.Publisher = in.Publisher
	}
	if in := b.input; in != nil {
		s.Publisher = in.Publisher
		s.Dropped = in.dropped()
		if b.run != nil {
			s.Dropped += b.run.layers.dropped()
		}
	}
	s.VideoIn, s.AudioIn = b.input.codecs()
	taken := advice(s.Depay)
	if s.Advice = taken; s.Advice == "" && b.input != nil {
		s.Advice = b.input.Publisher.Advice() // ingest has logged it
	}
	before := b.status.Swap(&s)
	if before != nil {
		close(before.newer)
	}
	if taken != "" && (before == nil || before.Advice != taken) {
		b.log.Warn("the encoder of the publisher should be set otherwise", "advice", s.Advice)
	}
}
