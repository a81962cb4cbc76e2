package egress

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/sluice-live/sluice/ingest/media"
)

// turnPackets is how many packets of a medium a viewer is sent before it is another one's turn.
const turnPackets = 64

// rouse makes the forwarder call turn soon. It does not block.
func (v *Viewer) rouse() {
	if !v.due.Swap(true) {
		v.forwarder.add(v)
	}
}

// turn forwards what has come. The forwarder calls it.
func (v *Viewer) turn() {
	v.due.Store(false) // what comes from here on needs another turn
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forward(v.video)
	v.forward(v.audio)
}

// hear reads what the client tells of a medium: its wishes for key frames, which are passed on, and what it has lost.
func (v *Viewer) hear(r media.Reader, o *downTrack) {
	media.ReadRTCP(r, func(packets []rtcp.Packet) {
		if o.outbound.Hear(packets, time.Now()) {
			o.requestKeyFrame()
		}
		for _, p := range packets {
			if lost, ok := p.(*rtcp.TransportLayerNack); ok && lost.MediaSSRC == o.ssrc {
				v.resend(o, lost)
			}
		}
	}, func() {}) // nothing to do about a broken report
}

// resend sends again what the client has lost; what is lost once more it asks for once more. A turn that comes meanwhile waits for a few
// packets of it only.
func (v *Viewer) resend(o *downTrack, lost *rtcp.TransportLayerNack) {
	if o.sent == nil {
		return
	}
	more, roundTrip := true, time.Duration(0)
	if v.control != nil {
		roundTrip = v.control.RTT()
	}
	for i := 0; i < len(lost.Nacks) && more; i++ {
		v.locked(func() {
			v.atOnce(func() {
				lost.Nacks[i].Range(func(number uint16) bool {
					more = v.repeat(o, number, time.Now(), roundTrip)
					return more
				})
			})
		})
	}
}

// repeat sends a packet once more if that is of use. It returns false when no more can be sent now. The caller holds mu.
func (v *Viewer) repeat(o *downTrack, number uint16, now time.Time, roundTrip time.Duration) (more bool) {
	if v.control != nil && !v.control.MayRepeat(now) {
		return false
	}
	return !o.worthRepeating(number, now) || o.sent.resend(number, o.local, now, roundTrip)
}

// repeatsFirst is how long pictures wait for what is sent again of those before the newest key frame, and no longer: a network that is too slow
// for both would else get nothing new.
const repeatsFirst = 100 * time.Millisecond

// worthRepeating reports whether a packet is still of use to the client: to decode what has come since the newest key frame, or, while the
// network carries that too, to show all that came before. Of an encoding that is too much it is not.
func (o *downTrack) worthRepeating(number uint16, now time.Time) bool {
	switch {
	case o.goesDown():
		return false
	case o.sent.passed(number):
		return !o.waitsSince(now.Add(-repeatsFirst))
	}
	return true
}

// atOnce sends what f writes in as few system calls as it takes, and tells how many packets the connection could not take.
func (v *Viewer) atOnce(f func()) (lost uint64) {
	b := v.batch.Load()
	b.begin()
	f()
	return b.flush()
}

// catchUp sends the next of what is older than the queue. The last of it is followed by what the queue holds.
func (v *Viewer) catchUp(now time.Time) {
	var failed uint64
	lost := v.atOnce(func() { failed = v.video.catchUp(now) })
	v.lose(v.video, lost+failed)
	v.rouse()
}

// forward sends what a queue holds, once nothing older is left to be sent. More than is good for a turn is left for the next.
func (v *Viewer) forward(o *downTrack) {
	if !o.ready() {
		return
	}
	var failed uint64
	lost := v.atOnce(func() {
		for range turnPackets {
			if v.holds(o) {
				return
			}
			p, ok := o.switches()
			if !ok {
				p, ok = o.tap.Next()
			}
			if !ok {
				return
			}
			if p.Report != nil {
				o.reported = reference{v.base.Instant(p.Report.NTP, p.Arrival), p.Report.RTPTime}
			} else if o.send(p, p.Arrival) {
				failed++
			}
			p.Release()
		}
		v.rouse()
	})
	v.lose(o, lost+failed)
	if dropped := o.lost(); dropped > 0 {
		v.dropped.Add(dropped)
	}
	if o.tap.Ended() {
		o.detach()
	}
}

// lose counts what the connection could not take.
func (v *Viewer) lose(o *downTrack, packets uint64) {
	if packets > 0 {
		v.dropped.Add(packets)
		o.setBack(time.Now())
	}
}
