package ingest

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/sluice-live/sluice/ingest/media"
)

// turnPackets is how many packets of a medium a viewer is sent before it is another one's turn.
const turnPackets = 64

// rouse makes the forwarder call turn soon. It does not block.
func (v *viewer) rouse() {
	if !v.due.Swap(true) {
		v.forwarder.add(v)
	}
}

// turn forwards what has come. The forwarder calls it.
func (v *viewer) turn() {
	v.due.Store(false) // what comes from here on needs another turn
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forward(v.video)
	v.forward(v.audio)
}

// hear reads what the client tells of a medium: its wishes for key frames, which are passed on, and what it has lost.
func (v *viewer) hear(r media.Reader, o *outgoing) {
	media.ReadRTCP(r, func(packets []rtcp.Packet) {
		if o.sent.Hear(packets, time.Now()) {
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
func (v *viewer) resend(o *outgoing, lost *rtcp.TransportLayerNack) {
	more := true
	for i := 0; i < len(lost.Nacks) && more; i++ {
		v.locked(func() { v.atOnce(func() { more = o.history.resend(lost.Nacks[i], o.local) }) })
	}
}

// atOnce sends what f writes in as few system calls as it takes, and tells how many packets the connection could not take.
func (v *viewer) atOnce(f func()) (lost uint64) {
	b := v.burst.Load()
	b.begin()
	f()
	return b.flush()
}

// catchUp sends the next of what is older than the queue. The last of it is followed by what the queue holds.
func (v *viewer) catchUp(now time.Time) {
	var failed uint64
	lost := v.atOnce(func() { failed = v.video.catchUp(now) })
	v.lose(v.video, lost+failed)
	v.rouse()
}

// forward sends what a queue holds, once nothing older is left to be sent. More than is good for a turn is left for the next.
func (v *viewer) forward(o *outgoing) {
	if !o.ready() {
		return
	}
	var failed uint64
	lost := v.atOnce(func() {
		for range turnPackets {
			p, ok := o.tap.Next()
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
func (v *viewer) lose(o *outgoing, packets uint64) {
	if packets > 0 {
		v.dropped.Add(packets)
		o.setBack(time.Now())
	}
}
