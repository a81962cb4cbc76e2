package egress

import (
	"slices"
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
	if v.control != nil && v.control.Probe(now) {
		p.begin()
	}
}

// look follows the time, when nothing else comes.
func (v *Viewer) look(now time.Time) {
	if v.control != nil {
		v.control.Look(now)
	}
	if v.control != nil {
		if _, known := v.control.Estimate(); known {
			v.estimated()
			return
		}
	}
	if v.Asked() != (Ask{}) {
		v.estimated()
	}
}

// follow chooses the encoding that the estimate has room for, beside sound, of those that are asked for, and tells the controller what is sent.
// The caller holds mu.
func (v *Viewer) follow(now time.Time) {
	sound := 0.0
	if o := v.audio; o != nil && o.source.Load() != nil {
		sound = soundRate(o.bitrate(), o.red.distance)
	}
	o := v.video
	if o == nil || v.picture == nil || o.tap == nil && !v.paused || v.rests(o) {
		v.share.target(v, v.asked, nil, sound)
		v.share.want(v, sound, sound, "", now)
		return
	}
	if v.control != nil && !o.local.repairs() {
		v.control.Unbounded()
	}
	encodings := v.encodings()
	present := o.present(encodings)
	within := v.asked.within(encodings)
	options, of := optionsOf(within, highestOf(v.asked.Temporal))
	current := v.position(options, of)
	target, known := v.share.target(v, v.asked, options, sound)
	if i := v.chooser.Choose(options, current, target, known, now.Sub(v.session.Started())); i >= 0 {
		sends := sendsAll
		if i < current || current < 0 && options[i].Rate < present {
			sends = o.affordable(encodings, target)
		}
		if sends == sendsNothing && v.begins(of[i].Track, now) {
			sends = sendsBase
		}
		limited := known || i < len(of)-1 || len(within) < len(encodings)
		v.goOn(o, of[i].Track, extentOf(of[i], options[i].Temporal, limited), sends, now)
		o.rise(encodings[len(encodings)-1].Spatial, now)
		current, v.chosen = i, options[i]
		present = o.present(encodings)
	}
	v.share.want(v, sound+present, sound+bandwidth.Next(options, current), v.chosen.Layer, now)
}

// rests has no pictures sent while none are asked for, and reports whether that is so. The caller holds mu.
func (v *Viewer) rests(o *downTrack) bool {
	if v.asked.None && !v.paused {
		v.paused = true
		o.detach()
	}
	return v.asked.None
}

// goOn has pictures go on with an encoding, or begin again with it. The caller holds mu.
func (v *Viewer) goOn(o *downTrack, with *media.Track, e extent, sends meanwhile, now time.Time) {
	if v.paused {
		v.paused = false
		o.begin(with, now)
		v.refer(o, v.picture) // which has the clock of all encodings
	}
	o.goOn(with, e, sends)
}

// optionsOf are the ways in which a picture can be sent: each encoding with all temporal layers up to the highest, and the lowest encoding with less of
// them too.
func optionsOf(encodings []media.Encoding, highest uint8) (options []bandwidth.Option, of []media.Encoding) {
	for i, e := range encodings {
		shares := e.Temporal()
		best := min(int(highest), len(shares)-1)
		rate := cost(e)
		if i == 0 {
			for id, share := range shares[:best] {
				options, of = append(options, bandwidth.Option{Layer: e.Name, Temporal: uint8(id), Rate: rate * share}), append(of, e)
			}
		}
		options, of = append(options, bandwidth.Option{Layer: e.Name, Temporal: highest, Rate: rate * shares[best]}), append(of, e)
	}
	return options, of
}

// begins reports whether an encoding is one that is made of the picture, and has to be begun: that may take seconds.
func (v *Viewer) begins(t *media.Track, now time.Time) bool {
	return t != v.picture && !v.picture.IsSimulcast() && now.Sub(t.LastPacket()) > heldFor
}

// encodings are those of the picture that there are to choose among. Who watches for others, as a relay does, gets the whole one, and who can be sent
// one spatial layer the lowest.
func (v *Viewer) encodings() []media.Encoding {
	all := v.picture.Encodings()
	if v.video.thinner.most == 0 && len(all) > 0 && all[0].Spatial > 0 {
		return all[:1]
	}
	if v.session.Shared() && !v.picture.IsSimulcast() {
		return all[len(all)-1:]
	}
	return all
}

// position is the index of what was chosen last, or of the best encoding while nothing was; -1: there is no such option any more.
func (v *Viewer) position(options []bandwidth.Option, of []media.Encoding) int {
	for i, o := range slices.Backward(options) {
		first := v.chosen.Rate == 0 && of[i].Track == v.picture && o.Temporal == allTemporal // as attach begins
		if first || v.chosen.Rate > 0 && v.wasChosen(o.Layer) && o.Temporal == v.chosen.Temporal {
			return i
		}
	}
	return -1
}

// wasChosen reports whether that is the layer that was chosen last. The only one of a publisher has a name while another is made of it.
func (v *Viewer) wasChosen(layer string) bool {
	whole := func(layer string) bool { return layer == "" || layer == media.WholeName }
	return layer == v.chosen.Layer || !v.picture.IsSimulcast() && whole(layer) && whole(v.chosen.Layer)
}

// cost is the bit rate that an encoding takes of the connection, whole.
func cost(e media.Encoding) float64 { return e.Rate * (1 + packetOverhead/max(e.Size, 1)) }

// present is the bit rate of what is sent, which may be of another encoding than the one that has been chosen.
func (o *downTrack) present(encodings []media.Encoding) float64 {
	if o.silent() {
		return 0
	}
	return o.costs(encodings, int(o.thinner.limit.temporal))
}

// affordable is what a network that is too slow for the present encoding carries of it.
func (o *downTrack) affordable(encodings []media.Encoding, target float64) meanwhile {
	if target < bandwidth.FarOverBy*o.costs(encodings, 0) {
		return sendsNothing
	}
	return sendsBase
}

// costs is the bit rate of the present encoding up to a temporal layer.
func (o *downTrack) costs(encodings []media.Encoding, temporal int) float64 {
	e, sends := o.sends(encodings)
	if !sends {
		return 0
	}
	shares := e.Temporal()
	return cost(e) * shares[min(temporal, len(shares)-1)]
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
