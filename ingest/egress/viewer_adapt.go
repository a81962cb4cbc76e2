package egress

import (
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
)

// heldFor is how old pictures may get while the pacer holds them back: a viewer whose network is too slow for them goes on at the next key
// frame.
const heldFor = time.Second

// estimated has Run follow the estimate. It does not block.
func (v *Viewer) estimated() {
	select {
	case v.adapts <- struct{}{}:
	default:
	}
}

// holds reports whether the next packet of a medium has to wait, and has the viewer get a turn when it does no more. Sound never does.
func (v *Viewer) holds(o *downTrack) bool {
	if v.control == nil || o.kind != media.KindVideo {
		return false
	}
	now := time.Now()
	wait := v.control.Wait(now)
	if wait == 0 {
		return false
	}
	if oldest := o.tap.Oldest(); !oldest.IsZero() && now.Sub(oldest) > heldFor {
		v.skip(o)
	}
	if v.held == nil {
		v.held = time.AfterFunc(wait, func() {
			defer v.session.Contain()
			v.rouse()
		})
	} else {
		v.held.Reset(wait)
	}
	return true
}

// skip drops what waits of a medium.
func (v *Viewer) skip(o *downTrack) {
	dropped := uint64(0)
	for p, ok := o.tap.Next(); ok; p, ok = o.tap.Next() {
		p.Release()
		dropped++
	}
	v.lose(o, dropped)
}

// adapt follows the estimate: it says what there is to send, and begins a probe when that is more than the connection is known to carry.
func (v *Viewer) adapt(p *padder, now time.Time) {
	v.locked(func() { v.follow(now) })
	if v.control.Probe(now) {
		p.begin()
	}
}

// follow tells the controller what is sent. The caller holds mu.
func (v *Viewer) follow(now time.Time) {
	needed := 0.0
	for _, o := range v.downTracks() {
		if t := o.source.Load(); t != nil {
			needed += o.cost(t.Stats().Bitrate)
		}
	}
	v.control.Want(needed, needed, now)
	if v.video != nil && !v.video.local.repairs() {
		v.control.Unbounded()
	}
}

// cost is what a bit rate of payload takes of the connection.
func (o *downTrack) cost(bitrate float64) float64 {
	if o.kind == media.KindAudio {
		return bitrate + 50*8*packetOverhead // packets in a second
	}
	return bitrate * 1.03
}

// pad sends what a probe wants now.
func (v *Viewer) pad(p *padder, now time.Time) {
	bytes, running := v.control.Padding(now)
	if !running {
		p.stop()
	}
	if bytes > 0 && v.video != nil {
		v.locked(func() { v.atOnce(func() { v.video.sent.pad(bytes, v.video.local) }) })
	}
}

// padder is the clock of a probe.
type padder struct{ ticks *time.Ticker }

func (p *padder) begin() {
	if p.ticks == nil {
		p.ticks = time.NewTicker(bandwidth.ProbeEvery)
	}
}

func (p *padder) stop() {
	if p.ticks != nil {
		p.ticks.Stop()
		p.ticks = nil
	}
}

// due receives when padding is to be sent.
func (p *padder) due() <-chan time.Time {
	if p.ticks == nil {
		return nil
	}
	return p.ticks.C
}
