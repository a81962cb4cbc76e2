package broadcast

import (
	"errors"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// errYielded is why a broadcast has ended here that another node goes on with.
var errYielded = errors.New("the stream goes on at another node of the cluster")

// Yield has the broadcast end here, because another node goes on with it: its publisher is let go, viewers are told of no end, and the recording
// ends. It does not wait for that.
func (b *Broadcast) Yield() {
	select {
	case b.yields <- struct{}{}:
	default: // it does already
	}
}

// leave ends what another node goes on with.
func (b *Broadcast) leave() error {
	if b.input != nil {
		b.input.Dismiss(errYielded.Error())
	}
	fault := panics.Contain(b.log, "the stream", func() {
		b.dismiss(errYielded)
		b.detach(time.Now(), errYielded)
		b.endRun(nil)
		b.source.Close()
		if err := b.timeline.Yield(); err != nil {
			b.log.Error("timeline has not ended cleanly", "error", err)
		}
		b.publishStatus(StateMoved, nil)
	})
	if fault != nil {
		b.abandon(fault)
		return fault
	}
	b.log.Info("stream goes on at another node of the cluster")
	b.tellInterrupted(errYielded.Error())
	return nil
}
