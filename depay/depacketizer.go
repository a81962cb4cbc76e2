package depay

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// Depacketizer makes frames of one publisher's packets. Its methods are called by one goroutine.
type Depacketizer struct {
	opts  Options
	stats Stats
}

// New returns a Depacketizer. The error is that of Options.Validate.
func New(o Options) (*Depacketizer, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("depay: %w", err)
	}
	return &Depacketizer{opts: o.withDefaults()}, nil
}

// Push takes one RTP packet that arrived at that instant, which carries a monotonic reading. The packet is the caller's
// again when Push returns. Packets of a track that was not declared are ignored.
func (d *Depacketizer) Push(k Kind, p *rtp.Packet, arrival time.Time) {}

// SenderReport takes the NTP and RTP time stamps of a sender report of the track's present source (RFC 3550 §6.4.1).
func (d *Depacketizer) SenderReport(k Kind, ntp uint64, rtpTime uint32, arrival time.Time) {}

// Tick gives up packets that were waited for too long and fills what is missing up to now - Options.FillAfter. It is to be
// called once per Options.FrameInterval.
func (d *Depacketizer) Tick(now time.Time) {}

// Detach tells that the publisher has gone: its SSRCs, sequence numbers and reports mean nothing any more. Tick goes on
// filling; the next packet begins a new source, whose video enters at its first key frame.
func (d *Depacketizer) Detach(now time.Time) {}

// Zero returns the instant of PTS 0, with a monotonic reading; false until the first frame is being emitted.
func (d *Depacketizer) Zero() (time.Time, bool) { return time.Time{}, false }

// Stats returns what was counted until now.
func (d *Depacketizer) Stats() Stats { return d.stats }
