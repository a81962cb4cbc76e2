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

// look follows the time, when nothing else comes.
func (v *Viewer) look(now time.Time) {
	if v.control == nil {
		return
	}
	v.control.Look(now)
	if _, known := v.control.Estimate(); known {
		v.estimated()
	}
}

// follow chooses the encoding that the estimate has room for, beside sound, and tells the controller what is sent. The caller holds mu.
func (v *Viewer) follow(now time.Time) {
	sound := 0.0
	if o := v.audio; o != nil {
		if t := o.source.Load(); t != nil {
			sound = t.Stats().Bitrate + 50*8*packetOverhead // packets in a second
		}
	}
	o := v.video
	if o == nil || o.tap == nil || v.picture == nil {
		v.control.Want(sound, sound, "", now)
		return
	}
	if !o.local.repairs() {
		v.control.Unbounded()
	}
	encodings := v.picture.Encodings()
	options, current := make([]bandwidth.Option, 0, len(encodings)), -1
	for i, e := range encodings {
		if e.Name == v.chosen || v.chosen == "" && e.Track == v.picture {
			current = i
		}
		options = append(options, bandwidth.Option{Layer: e.Name, Rate: e.Rate * pictureOverhead})
	}
	target, known := v.control.Estimate()
	if i := v.chooser.Choose(options, current, target-sound, known, now.Sub(v.session.Started())); i >= 0 {
		current, v.chosen = i, encodings[i].Name
		o.goOn(encodings[i].Track)
	}
	v.control.Want(sound+o.present(encodings), sound+bandwidth.Next(options, current), v.chosen, now)
}

// pictureOverhead is how much more than the payload of pictures is sent.
const pictureOverhead = 1.03

// present is the bit rate of the encoding that is sent, which may be another than the one that has been chosen.
func (o *downTrack) present(encodings []media.Encoding) float64 {
	source := o.source.Load()
	for _, e := range encodings {
		if e.Track == source {
			return e.Rate * pictureOverhead
		}
	}
	return 0
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
