package main

import (
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// States of a stream, as the API tells them.
const (
	stateStarting    = "starting"    // a publisher has come, nothing is playable yet
	stateLive        = "live"        // playable and fed
	stateInterrupted = "interrupted" // playable, waiting for its publisher to return
	stateEnded       = "ended"       // over
	stateFailed      = "failed"      // over, with an error
)

// status is what others may know of a broadcast: an immutable copy that its goroutine renews every second.
type status struct {
	State     string
	Error     string
	Publisher *ingest.Publisher // nil while nobody publishes
	Video     measured
	VideoIn   depay.Codec
	AudioIn   depay.Codec
	Depay     depay.Stats
	Job       transcode.Stats
	Dropped   uint64 // packets that the pipeline was too slow for
	Restarts  int    // of ffmpeg
	Unkept    uint64 // frames that the disk was too slow for
	Ladder    ladder
	Rungs     int    // that are encoded
	Copies    bool   // pictures are passed on as they are
	Layers    int    // of a simulcast that are passed on beside the best one
	Encodes   string // why they are encoded though they could be passed on
	Transform transforming
	At        time.Time

	newer chan struct{} // closed once there is a newer one
}

func (b *broadcast) state() string {
	switch {
	case !b.timelineLives():
		return stateStarting
	case b.publisher == nil:
		return stateInterrupted
	default:
		return stateLive
	}
}

func (b *broadcast) publishStatus(state string, cause error) {
	s := status{
		State: state, Video: b.video.measure(time.Now()), Restarts: b.restarts, Unkept: b.source.dropped(), Ladder: b.ladder, Encodes: b.copying.reason, Transform: b.transforming, At: time.Now(),
		newer: make(chan struct{}),
	}
	if cause != nil {
		s.Error = cause.Error()
	}
	if e := b.encoding; e != nil && e.job != nil {
		s.Depay, s.Job, s.Rungs, s.Copies, s.Layers = e.depay.Stats(), e.job.Stats(), e.rungs, e.copies, len(e.layers.rungs)
	}
	if p := b.publisher; p != nil {
		s.Publisher = p.Publisher
		s.Dropped = p.dropped()
		if b.encoding != nil {
			s.Dropped += b.encoding.layers.dropped()
		}
	}
	s.VideoIn, s.AudioIn = b.publisher.codecs()
	before := b.status.Swap(&s)
	if before != nil {
		close(before.newer)
	}
	if before == nil || advice(before.Depay) != advice(s.Depay) {
		b.advise(advice(s.Depay))
	}
}

func (b *broadcast) advise(words string) {
	if words != "" {
		b.log.Warn("pictures of the publisher cannot be used", "advice", words)
	}
}

// Info is the packager's side of the broadcast.
func (b *broadcast) Info() packager.Info { return b.timeline.Info() }
