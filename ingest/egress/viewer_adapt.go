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
	options, tracks := optionsOf(encodings)
	current := v.position(options, tracks)
	target, known := v.control.Estimate()
	if i := v.chooser.Choose(options, current, target-sound, known, now.Sub(v.session.Started())); i >= 0 {
		o.goOn(tracks[i], options[i].Temporal, i < current || current < 0)
		current, v.chosen = i, options[i]
	}
	v.control.Want(sound+o.present(encodings), sound+bandwidth.Next(options, current), v.chosen.Layer, now)
}

// optionsOf are the ways in which a picture can be sent: each encoding whole, and of the lowest temporal layers too.
func optionsOf(encodings []media.Encoding) (options []bandwidth.Option, tracks []*media.Track) {
	for i, e := range encodings {
		rate := cost(e)
		if i == 0 {
			shares := e.Temporal()
			for id, share := range shares[:len(shares)-1] {
				options, tracks = append(options, bandwidth.Option{Layer: e.Name, Temporal: uint8(id), Rate: rate * share}), append(tracks, e.Track)
			}
		}
		options, tracks = append(options, bandwidth.Option{Layer: e.Name, Temporal: allTemporal, Rate: rate}), append(tracks, e.Track)
	}
	return options, tracks
}

// position is the index of what was chosen last, or of the best encoding while nothing was; -1: there is no such option any more.
func (v *Viewer) position(options []bandwidth.Option, tracks []*media.Track) int {
	for i, o := range options {
		first := v.chosen.Rate == 0 && tracks[i] == v.picture && o.Temporal == allTemporal
		if first || v.chosen.Rate > 0 && o.Layer == v.chosen.Layer && o.Temporal == v.chosen.Temporal {
			return i
		}
	}
	return -1
}

// cost is the bit rate that an encoding takes of the connection, whole.
func cost(e media.Encoding) float64 { return e.Rate * (1 + packetOverhead/max(e.Size, 1)) }

// present is the bit rate of the encoding that is sent, which may be another than the one that has been chosen.
func (o *downTrack) present(encodings []media.Encoding) float64 {
	source := o.source.Load()
	for _, e := range encodings {
		if e.Track == source {
			shares := e.Temporal()
			return cost(e) * shares[min(int(o.thinner.limit), len(shares)-1)]
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
